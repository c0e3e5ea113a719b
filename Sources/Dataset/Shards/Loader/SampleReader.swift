package import Storage

/// Reads one sample into a batch: arrays to their places, the rest beside them, and the checksum over all.
///
/// The record is read once, from start to end, in pieces that stay in the cache for the checksum.
package struct SampleReader {
    private static let chunk = 1 << 18

    /// Bytes of the record that go to one place.
    private enum Part {
        /// To the batch's rest.
        case kept(Int)
        /// To the sample's slot of an array.
        case array(Int)
        /// To nowhere.
        case dropped(Int)
    }

    package let row: ShardRow
    package let shard: OpenShard
    package let layout: ArrayLayout
    private var parts: [Part] = []
    /// Where each member's bytes begin among the kept ones (an array's `.npy` header), nil if they are not kept.
    private var places: [Int?] = []
    /// Where each member's tar header begins among the kept bytes, and how many bytes stand before the member.
    private var headers: [(place: Int, gap: Int)] = []
    private var kept = 0

    /// Plans the reading of a sample.
    ///
    /// - Throws: `SampleProblem` if its row tells of members that overlap.
    package init(_ row: ShardRow, in shard: OpenShard, layout: ArrayLayout) throws(SampleProblem) {
        (self.row, self.shard, self.layout) = (row, shard, layout)
        var cursor = row.offset
        for member in row.members {
            let gap = member.offset - cursor
            guard gap >= TarHeader.blockSize else {
                throw misplaced(member, "that is inside of what is before")
            }
            append(.kept(gap))
            headers.append((kept - TarHeader.blockSize, gap))
            if let index = layout.index(of: member.name) {
                places.append(kept)
                let array = layout.members[index]
                if member.length == array.header.count + array.size {
                    append(.kept(array.header.count))
                    append(.array(index))
                } else {
                    // Another header, or another array: only its header can tell.
                    let count = min(member.length, array.size + 1 << 16)
                    append(.kept(count))
                    append(.dropped(member.length - count))
                }
            } else if ArrayLayout.isArray(member.name) {
                places.append(nil)
                append(.dropped(member.length))
            } else {
                places.append(kept)
                append(.kept(member.length))
            }
            cursor = member.offset + member.length
        }
        append(.kept(row.offset + row.size - cursor))
    }

    private mutating func append(_ part: Part) {
        if case .kept(let count) = part {
            kept += count
            if case .kept(let before) = parts.last {
                parts[parts.count - 1] = .kept(before + count)
                return
            }
        }
        parts.append(part)
    }

    /// Reads the record into slot `slot` of a storage.
    ///
    /// - Returns: where the bytes of each member begin in the storage's rest, nil for arrays.
    /// - Throws: `SampleProblem`; the slot and the rest are then free again.
    package func read(
        from stream: any ByteStream, into storage: BatchStorage, slot: Int, scratch: UnsafeMutableRawBufferPointer
    ) throws(SampleProblem) -> [Int?] {
        let start = storage.used
        storage.rest.grow(to: start + kept, keeping: start)
        let rest = UnsafeMutableRawBufferPointer(rebasing: storage.rest.bytes[start..<(start + kept)])
        var crc = CRC32C()
        do throws(PFrameError) {
            var place = 0
            for part in parts {
                switch part {
                case .kept(let count):
                    try Self.read(
                        stream, into: UnsafeMutableRawBufferPointer(rebasing: rest[place..<(place + count)]), &crc)
                    place += count
                case .array(let index):
                    let size = layout.members[index].size
                    let array = storage.arrays[index].bytes[(slot * size)..<((slot + 1) * size)]
                    try Self.read(stream, into: UnsafeMutableRawBufferPointer(rebasing: array), &crc)
                case .dropped(let count):
                    for first in stride(from: 0, to: count, by: scratch.count) {
                        let piece = scratch[..<min(scratch.count, count - first)]
                        try Self.read(stream, into: UnsafeMutableRawBufferPointer(rebasing: piece), &crc)
                    }
                }
            }
        } catch {
            throw SampleProblem(row, in: shard, unread: error)
        }
        guard crc.value == row.crc32c else {
            let (found, expected) = (String(crc.value, radix: 16), String(row.crc32c, radix: 16))
            throw damaged("its CRC-32C is \(found), its row says \(expected)")
        }
        try checkHeaders(UnsafeRawBufferPointer(rest))
        try checkArrays(UnsafeRawBufferPointer(rest), storage, slot)
        storage.used = start + kept
        return zip(row.members, places).map { layout.index(of: $0.name) == nil ? $1.map { $0 + start } : nil }
    }

    private static func read(
        _ stream: any ByteStream, into buffer: UnsafeMutableRawBufferPointer, _ crc: inout CRC32C
    ) throws(PFrameError) {
        var first = 0
        while first < buffer.count {
            let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[first..<min(first + chunk, buffer.count)])
            try stream.read(into: piece)
            crc.update(UnsafeRawBufferPointer(piece))
            first += piece.count
        }
    }

    /// Compares the row with the archive: a row that names other places or members was damaged.
    private func checkHeaders(_ rest: UnsafeRawBufferPointer) throws(SampleProblem) {
        for (index, member) in row.members.enumerated() {
            let (place, gap) = headers[index]
            let block = UnsafeRawBufferPointer(rebasing: rest[place..<(place + TarHeader.blockSize)])
            let header: TarHeader
            do throws(TarHeader.Problem) { header = try TarHeader(block) } catch {
                throw misplaced(member, "no header is before it")
            }
            let before = index == 0 ? 0 : row.members[index - 1].length
            let padding = TarHeader.padded(before) - before
            // Long names stand in members of their own before this one, which leaves a wider gap.
            guard gap == padding + TarHeader.blockSize else { continue }
            let name = "\(row.key).\(member.name)"
            guard header.size == member.length, header.name == name || header.name.hasSuffix("/" + name) else {
                throw misplaced(member, "the archive has \(header.name) of \(header.size) bytes there")
            }
        }
    }

    /// Compares the arrays' headers with those of the layout; an array after a longer or shorter one is copied.
    private func checkArrays(
        _ rest: UnsafeRawBufferPointer, _ storage: BatchStorage, _ slot: Int
    ) throws(SampleProblem) {
        for (number, array) in layout.members.enumerated() {
            guard let index = row.members.firstIndex(where: { $0.name == array.name }), let place = places[index] else {
                throw unfit("it has no \(array.name), which record \(layout.key) has")
            }
            let member = row.members[index]
            let bytes = UnsafeRawBufferPointer(rebasing: rest[place..<min(place + member.length, rest.count)])
            let isInPlace = member.length == array.header.count + array.size
            if isInPlace, bytes.starts(with: array.header) { continue }
            let found: String
            do throws(NPYHeader.Problem) {
                let header = try NPYHeader(bytes)
                if header.type == array.type, header.shape == array.shape, header.size + array.size == member.length {
                    if !isInPlace {
                        let elements = UnsafeRawBufferPointer(rebasing: bytes[header.size..<member.length])
                        storage.arrays[number].bytes[(slot * array.size)..<((slot + 1) * array.size)].copyBytes(
                            from: elements)
                    }
                    continue
                }
                found = "is \(ArrayMember.summary(header.type, header.shape))"
            } catch {
                found = "\(error)"
            }
            throw unfit("its \(array.name) \(found), that of record \(layout.key) is \(array.summary)")
        }
    }

    private func damaged(_ what: String) -> SampleProblem { SampleProblem(row, in: shard, damage: what) }

    private func misplaced(_ member: ShardRow.Member, _ what: String) -> SampleProblem {
        damaged("its row places \(member.name) at byte \(member.offset), but \(what)")
    }

    private func unfit(_ what: String) -> SampleProblem {
        .unfit(shard.error(.conflict, at: row.offset, "record \(row.key): \(what)"))
    }
}

/// A record that a loader skipped, or damage of a shard outside of its records.
public struct DamagedSample: Sendable, Equatable, CustomStringConvertible {
    /// The name of the shard without an ending.
    public var shard: String
    /// The sample's key; empty for damage outside of samples, and where the row itself is damaged.
    public var key: String
    /// Where in the archive the sample begins, or the damage; nil if the row itself is damaged.
    public var offset: Int?
    /// What was found, in words.
    public var what: String

    /// Describes damage.
    public init(shard: String, key: String, offset: Int?, what: String) {
        (self.shard, self.key, self.offset, self.what) = (shard, key, offset, what)
    }

    /// One line.
    public var description: String {
        let place = offset.map { " at byte \($0)" } ?? ""
        return "\(shard).tar\(place): \(key.isEmpty ? "" : "record \(key): ")\(what)"
    }
}

/// Why a sample cannot be delivered.
package enum SampleProblem: Error {
    /// Its bytes are not those that were written, or cannot be read: by choice fatal or left out.
    case damaged(DamagedSample, PFrameError)
    /// It is sound, but not what the set promises: fatal.
    case unfit(PFrameError)

    /// A sample whose bytes are not those that were written.
    package init(_ row: ShardRow, in shard: OpenShard, damage what: String) {
        self = .damaged(
            DamagedSample(shard: shard.facts.name, key: row.key, offset: row.offset, what: what),
            shard.error(at: row.offset, "record \(row.key) is damaged: \(what)"))
    }

    /// A sample that cannot be read.
    package init(_ row: ShardRow, in shard: OpenShard, unread error: PFrameError) {
        let place = error.offset.map { "at byte \($0): " } ?? ""
        self = .damaged(
            DamagedSample(shard: shard.facts.name, key: row.key, offset: row.offset, what: place + error.message),
            error.saying("record \(row.key): \(error.message)"))
    }

    /// A sample whose shard cannot be opened, or whose row is damaged.
    package init(number: Int, of shard: DatasetDescription.Shard, _ error: PFrameError) {
        self = .damaged(
            DamagedSample(shard: shard.name, key: "", offset: nil, what: "sample \(number): \(error)"), error)
    }
}
