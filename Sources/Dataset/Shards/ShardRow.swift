import Glibc
public import Storage
import Synchronization
public import SystemPackage

/// A line of a shard's `.jsonl`: the position of a record in the tar file, its checksum, and its columns.
public struct ShardRow: Sendable, Equatable {
    /// A file of the sample.
    public struct Member: Sendable, Equatable {
        /// The name after the key: `mv.npy`.
        public var name: String
        /// Where its bytes begin in the shard.
        public var offset: Int
        /// How many they are.
        public var length: Int

        /// Creates a member.
        public init(name: String, offset: Int, length: Int) {
            (self.name, self.offset, self.length) = (name, offset, length)
        }
    }

    /// `SSSSSS_NNNNNNN`, shard and sample; unique in the data set. Foreign shards have keys of their own.
    public var key: String
    /// Where the first header of the sample begins in the shard.
    public var offset: Int
    /// Bytes of the sample with its headers and padding.
    public var size: Int
    /// CRC-32C of those bytes.
    public var crc32c: UInt32
    /// The files of the record in their order in the shard.
    public var members: [Member]
    /// Caption, source, scores and metadata.
    public var columns: SampleColumns

    /// Creates a row.
    public init(
        key: String, offset: Int, size: Int, crc32c: UInt32, members: [Member], columns: SampleColumns
    ) {
        (self.key, self.offset, self.size, self.crc32c) = (key, offset, size, crc32c)
        (self.members, self.columns) = (members, columns)
    }

    /// The member with the name.
    public func member(_ name: String) -> Member? { members.first { $0.name == name } }

    /// The row as one line without its line feed.
    public var json: String {
        let members = members.map { ($0.name, JSONValue.list([.integer($0.offset), .integer($0.length)])) }
        var fields: [String: JSONValue] = [
            "key": .text(key), "offset": .integer(offset), "size": .integer(size), "crc32c": .integer(Int(crc32c)),
            "members": .object(Dictionary(members) { first, _ in first }),
            "caption": .text(columns.caption), "source": .text(columns.source),
            "seconds": .list(columns.seconds.map { .number($0) }),
            "hash": .text(SampleColumns.hexadecimal(columns.hash)),
            "scores": .object(columns.scores.mapValues { .number($0) }), "metadata": .object(columns.metadata),
        ]
        if let captions = columns.captions { fields["captions"] = .list(captions.map { .text($0) }) }
        return JSONValue.object(fields).json()
    }

    /// Reads a row.
    ///
    /// - Throws: `PFrameError` if a field is missing or makes no sense.
    public init(_ value: JSONValue, path: FilePath, offset place: Int) throws(PFrameError) {
        func damaged(_ field: String) -> PFrameError {
            PFrameError(
                .damaged, path: path, offset: place,
                "a row without a valid \"\(field)\": run `pframe index` or build again")
        }
        guard let key = value["key"]?.string, !key.isEmpty else { throw damaged("key") }
        guard let offset = value["offset"]?.int, offset >= 0 else { throw damaged("offset") }
        guard let size = value["size"]?.int, size > 0 else { throw damaged("size") }
        guard let crc = value["crc32c"]?.int, let checksum = UInt32(exactly: crc) else { throw damaged("crc32c") }
        guard let fields = value["members"]?.members else { throw damaged("members") }
        var members: [Member] = []
        for (name, range) in fields {
            guard let pair = range.array?.compactMap(\.int), pair.count == 2, pair[0] >= offset, pair[1] >= 0,
                pair[1] <= size, pair[0] - offset <= size - pair[1]
            else { throw damaged("members") }
            members.append(Member(name: name, offset: pair[0], length: pair[1]))
        }
        members.sort { ($0.offset, $0.name) < ($1.offset, $1.name) }
        var columns = SampleColumns()
        columns.caption = value["caption"]?.string ?? ""
        columns.captions = value["captions"]?.array?.compactMap(\.string)
        columns.source = value["source"]?.string ?? ""
        columns.seconds = value["seconds"]?.array?.compactMap(\.double) ?? []
        columns.hash = value["hash"]?.string.flatMap { UInt64($0, radix: 16) } ?? 0
        columns.scores = value["scores"]?.members?.mapValues { $0.double ?? .nan } ?? [:]
        columns.metadata = value["metadata"]?.members ?? [:]
        self.init(key: key, offset: offset, size: size, crc32c: checksum, members: members, columns: columns)
    }

    /// Reads every row of a `.jsonl` text.
    ///
    /// - Throws: `PFrameError` with the place of the first line that is not a row, a last line without line feed
    ///   included.
    public static func rows(in text: [UInt8], path: FilePath) throws(PFrameError) -> [ShardRow] {
        var rows: [ShardRow] = []
        var start = 0
        while start < text.count {
            guard let end = text[start...].firstIndex(of: 0x0A) else {
                throw PFrameError(.damaged, path: path, offset: start, "the last row is cut off")
            }
            rows.append(
                try ShardRow(JSONValue(text[start..<end], path: path, offset: start), path: path, offset: start))
            start = end + 1
        }
        return rows
    }
}

/// A score side file, `SHARD.NAME.jsonl`: one line per sample, its key and any number of scores.
package enum ScoreFile {
    /// Its name.
    package static func name(shard: String, score: String) -> String { "\(shard).\(score).jsonl" }

    /// A line without its line feed; NaN stands as `null`.
    package static func line(key: String, scores: [String: Double]) -> String {
        JSONValue.object(scores.mapValues { JSONValue.number($0) }.merging(["key": .text(key)]) { $1 }).json()
    }

    /// Which of the files `names` are side files, by the shard beside which they stand.
    package static func names(among names: [String], of shards: some Sequence<String>) -> [String: [String]] {
        let shards = Set(shards)
        var found: [String: [String]] = [:]
        for name in names where name.hasSuffix(".jsonl") {
            var stem = name.dropLast(".jsonl".utf8.count)
            // The row file of a shard with a dot in its name is not a side file of another.
            guard !shards.contains(String(stem)) else { continue }
            while let dot = stem.lastIndex(of: ".") {
                stem = stem[..<dot]
                guard shards.contains(String(stem)) else { continue }
                found[String(stem), default: []].append(name)
                break
            }
        }
        return found
    }

    /// The scores of a side file by key.
    ///
    /// - Throws: `PFrameError` with the place of a line that is none.
    package static func read(_ path: FilePath) throws(PFrameError) -> [String: [String: Double]] {
        var scores: [String: [String: Double]] = [:]
        for line in JSONLines(try readFile(path)) {
            let value = try JSONValue(line.text, path: path, offset: line.offset)
            guard var members = value.members, let key = members.removeValue(forKey: "key")?.string else {
                throw PFrameError(.damaged, path: path, offset: line.offset, "a line without a \"key\": score again")
            }
            var row: [String: Double] = [:]
            for (name, value) in members {
                guard value == .null || value.double != nil else {
                    throw PFrameError(
                        .damaged, path: path, offset: line.offset, "\"\(name)\" is not a number: score again")
                }
                row[name] = value.double ?? .nan
            }
            guard scores.updateValue(row, forKey: key) == nil else {
                throw PFrameError(.damaged, path: path, offset: line.offset, "a second line of \(key): score again")
            }
        }
        return scores
    }
}

extension DatasetFolder {
    /// The rows of a shard with the scores of its side files: these over the row's own, later names over earlier ones.
    ///
    /// - Throws: `PFrameError`, also if a side file knows a key that the shard does not have.
    package func scoredRows(_ shard: DatasetDescription.Shard, _ sideFiles: [String]) throws(PFrameError) -> [ShardRow]
    {
        var rows = try rows(shard)
        for name in sideFiles {
            let file = path.appending(name)
            var scores = try ScoreFile.read(file)
            for index in rows.indices {
                guard let found = scores.removeValue(forKey: rows[index].key) else { continue }
                rows[index].columns.scores.merge(found) { $1 }
            }
            if let key = scores.keys.min() {
                throw PFrameError(
                    .damaged, path: file,
                    "scores of \(key), which is not in \(shard.tarName): score again or remove the file")
            }
        }
        return rows
    }

    /// The names of all side files by shard.
    ///
    /// - Throws: `PFrameError` if the folder cannot be listed.
    package func scoreFiles(of description: DatasetDescription) throws(PFrameError) -> [String: [String]] {
        ScoreFile.names(among: try fileNames(in: path), of: description.shards.map(\.name))
    }
}

/// The rows of a shard, each parsed when it is asked for: the first batch needs a few of many.
package final class ShardRows: Sendable {
    private let text: [UInt8]
    private let path: FilePath
    /// Where each line ends.
    private let ends: [Int]
    /// Where the samples lie whose rows were parsed.
    private let extents: Mutex<[Int: Range<Int>]> = Mutex([:])

    /// Takes over the text of a row file.
    ///
    /// - Throws: `PFrameError` if it has another number of lines than `count`, or the last is cut off.
    package init(text: [UInt8], path: FilePath, count: Int) throws(PFrameError) {
        var ends: [Int] = []
        ends.reserveCapacity(count)
        text.withUnsafeBytes { text in
            guard let base = text.baseAddress else { return }
            var start = 0
            while start < text.count, let feed = memchr(base + start, 0x0A, text.count - start) {
                ends.append(UnsafeRawPointer(feed) - base)
                start = ends[ends.count - 1] + 1
            }
        }
        let rest = ends.last.map { $0 + 1 } ?? 0
        guard rest == text.count else {
            throw PFrameError(.damaged, path: path, offset: rest, "the last row is cut off")
        }
        guard ends.count == count else {
            throw PFrameError(.damaged, path: path, "\(ends.count) rows, but dataset.json says \(count)")
        }
        (self.text, self.path, self.ends) = (text, path, ends)
    }

    /// Samples of the shard.
    package var count: Int { ends.count }

    /// Parses a row.
    ///
    /// - Throws: `PFrameError` if it is damaged.
    package func row(_ index: Int) throws(PFrameError) -> ShardRow {
        let start = index == 0 ? 0 : ends[index - 1] + 1
        let value = try JSONValue(text[start..<ends[index]], path: path, offset: start)
        let row = try ShardRow(value, path: path, offset: start)
        guard row.size < Int.max - row.offset else {
            throw PFrameError(.damaged, path: path, offset: start, "a row without a valid \"size\"")
        }
        extents.withLock { $0[index] = row.offset..<(row.offset + row.size) }
        return row
    }

    /// Where a sample lies in the shard.
    ///
    /// - Throws: `PFrameError` if its row is damaged.
    package func extent(_ index: Int) throws(PFrameError) -> Range<Int> {
        if let known = extents.withLock({ $0[index] }) { return known }
        let row = try row(index)
        return row.offset..<(row.offset + row.size)
    }
}
