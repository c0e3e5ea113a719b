import Shards
import Storage
import SystemPackage

/// Reads a WebDataset shard that others wrote, once, and finds the samples in it.
///
/// Members of a record are adjacent, in any order; names may be long (pax, GNU) and have folders. Damaged records are
/// reported and skipped; undamaged records around them are kept.
struct ForeignShard {
    /// The samples in their order.
    private(set) var rows: [ShardRow?] = []
    /// What is wrong with it.
    private(set) var problems: [PFrameError] = []
    /// Bytes of the file.
    let bytes: Int
    /// SHA-256 of the file, hexadecimal.
    private(set) var sha256 = ""

    private let path: FilePath
    /// The place in `rows` of each key.
    private var places: [String: Int] = [:]
    private var current: Group?

    /// A sample whose members go by.
    private struct Group {
        let key: String
        let start: Int
        var end: Int
        var crc: CRC32C
        var members: [ShardRow.Member] = []
        var text: [UInt8]?
        var json: [UInt8]?
        /// Of what is not a sample of its own, nothing is kept.
        var isGood = true
    }

    /// Reads a shard.
    ///
    /// - Throws: `PFrameError` if the disk fails, and what `progress` throws, called with the bytes read since its
    ///   last call.
    init(_ path: FilePath, _ progress: (Int) throws(PFrameError) -> Void) throws(PFrameError) {
        self.path = path
        let reader = try TarReader(path)
        bytes = reader.size
        var told = 0
        reading: while true {
            let step = try reader.next()
            switch step {
            case .entry(let entry):
                guard try read(entry, reader) else { break reading }
            case .end:
                close()
                break reading
            case .cut:
                cut(reader)
                break reading
            case .damaged(let place):
                add(place, "no tar header, or a damaged one: what follows is not indexed; copy the shard again")
                closeLast("before the damage")
                break reading
            }
            try progress(reader.position - told)
            told = reader.position
        }
        try reader.read(to: reader.size)
        try progress(reader.position - told)
        sha256 = reader.digest
    }

    private mutating func add(_ offset: Int?, _ message: String) {
        problems.append(PFrameError(.damaged, path: path, offset: offset, message))
    }

    /// Reads a member; false if the file ends within it.
    private mutating func read(_ entry: TarEntry, _ reader: TarReader) throws(PFrameError) -> Bool {
        let name = entry.isFile ? SampleName(entry.name) : nil
        guard entry.end <= reader.size else {
            let remedy = "copy the shard again"
            add(reader.size, "cut off within \(entry.name), which should end at byte \(entry.end): \(remedy)")
            if let name, name.key == current?.key { current = nil } else { close() }
            return false
        }
        guard let name else {
            try reader.read(to: entry.end)
            return true
        }
        if current?.key != name.key {
            close()
            reader.crc = CRC32C()
            reader.headers.withUnsafeBytes { reader.crc.update($0) }
            current = Group(key: name.key, start: entry.start, end: entry.end, crc: reader.crc)
        }
        if current?.members.contains(where: { $0.name == name.member }) == true {
            add(entry.start, "a second \(name.member) of \(name.key): the record is not indexed")
            current?.isGood = false
        }
        current?.members.append(ShardRow.Member(name: name.member, offset: entry.offset, length: entry.size))
        if ForeignSample.members.contains(name.member), entry.size <= ForeignSample.longest {
            let bytes = try reader.bytes(entry.size)
            if name.member == "txt" { current?.text = bytes } else { current?.json = bytes }
        }
        try reader.read(to: entry.end)
        current?.end = entry.end
        current?.crc = reader.crc
        return true
    }

    /// The file ends where a header is expected.
    private mutating func cut(_ reader: TarReader) {
        add(reader.size, "ends without the zero blocks that end a tar file: truncated? Copy the shard again")
        closeLast("before the end of the file")
    }

    /// Ends the last sample before damage: nobody knows whether members of it are lost, unless it looks like the one
    /// before it.
    private mutating func closeLast(_ place: String) {
        guard let group = current, group.isGood else { return close() }
        let before = rows.last { $0 != nil }.flatMap { $0 }
        if Set(group.members.map(\.name)) != Set((before?.members ?? []).map(\.name)) {
            add(group.start, "\(group.key), the last record \(place), may lack members: it is not indexed")
            current = nil
        }
        close()
    }

    /// Ends a sample.
    private mutating func close() {
        guard let group = current else { return }
        current = nil
        if let place = places[group.key] {
            let members = Set(group.members.map(\.name))
            if let first = rows[place], members.isDisjoint(with: first.members.map(\.name)) {
                add(group.start, "more members of \(group.key), apart from those at byte \(first.offset): not indexed")
                // A part is not a sample.
                rows[place] = nil
            } else {
                add(group.start, "a second record \(group.key): not indexed")
            }
            return
        }
        guard group.isGood else {
            places[group.key] = rows.count
            return rows.append(nil)
        }
        var json: JSONValue?
        if let bytes = group.json {
            let offset = group.members.first { $0.name == "json" }?.offset ?? group.start
            do throws(PFrameError) { json = try JSONValue(bytes, path: path, offset: offset) } catch {
                add(
                    error.offset,
                    "the json member of \(group.key) is \(error.message); the record is indexed without it")
            }
        }
        places[group.key] = rows.count
        rows.append(
            ShardRow(
                key: group.key, offset: group.start, size: group.end - group.start, crc32c: group.crc.value,
                members: group.members, columns: ForeignSample.columns(key: group.key, text: group.text, json: json)))
    }
}
