import Shards
import Storage
package import SystemPackage

/// A data set on disk, written by code that shares nothing with the library: tar headers, rows and checksums by hand.
package struct TestShards {
    /// A sample as it was written.
    package struct Sample: Equatable {
        package let key: String
        package let caption: String
        /// Name, bytes of the file, in the order of the archive.
        package var members: [(name: String, bytes: [UInt8])]

        package static func == (one: Sample, other: Sample) -> Bool {
            one.key == other.key && one.caption == other.caption
                && one.members.map(\.name) == other.members.map(\.name)
                && one.members.map(\.bytes) == other.members.map(\.bytes)
        }

        /// The elements of an array member, without the header of 128 bytes.
        package func elements(_ name: String) -> [UInt8] {
            members.first { $0.name == name }.map { Array($0.bytes.dropFirst(128)) } ?? []
        }
    }

    /// A sample's place in its shard.
    package struct Extent {
        package let offset: Int
        package let size: Int
    }

    package let folder: FilePath
    package let names: [String]
    /// By shard and sample.
    package private(set) var samples: [[Sample]]
    /// By shard and sample.
    package private(set) var extents: [[Extent]] = []

    /// Writes a set of shards that hold so many samples each, with `mv.npy` int16 (2, 3, 4, 2) and `x.npy` uint8 (5, 7).
    ///
    /// - Parameters:
    ///   - name: of a shard without ending, by its number.
    ///   - bucket: the shape that `dataset.json` says of a shard's clips, by its number; nil for a set without buckets.
    ///   - change: alters a sample before it is written.
    package init(
        in folder: FilePath, counts: [Int], seed: UInt64 = 1, name: (Int) -> String = { "clips-00000\($0)" },
        bucket: ((Int) -> String)? = nil, change: (inout Sample, Int, Int) -> Void = { _, _, _ in }
    ) throws {
        self.folder = folder
        names = counts.indices.map(name)
        var random = SplitMix64(seed: seed)
        samples = counts.enumerated().map { shard, count in
            (0..<count).map { number in
                var sample = Self.sample("00000\(shard)_000\(number)", &random)
                change(&sample, shard, number)
                return sample
            }
        }
        var shards: [String] = []
        for (shard, name) in names.enumerated() {
            let bytes = try write(shard)
            shards.append(
                """
                {\(bucket.map { "\"bucket\": \"\($0(shard))\", " } ?? "")"bytes": \(bytes), "name": \(Self.quoted(name)), "rows_sha256": "", "samples": \(counts[shard]), \
                "sha256": ""}
                """)
        }
        let text = """
            {"options": {}, "schema": 1, "shards": [\(shards.joined(separator: ", "))], "source_hash": "", \
            "tool": "test", "totals": {}}
            """
        try put(Array(text.utf8), at: folder.appending("dataset.json"))
    }

    /// The archive of a shard.
    package func tar(_ shard: Int) -> FilePath { folder.appending(names[shard] + ".tar") }
    /// The rows of a shard.
    package func rows(_ shard: Int) -> FilePath { folder.appending(names[shard] + ".jsonl") }

    private static func sample(_ key: String, _ random: inout SplitMix64) -> Sample {
        func noise(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) } }
        let caption = "a shape \"of\" \(key) über \\ all"
        return Sample(
            key: key, caption: caption,
            members: [
                ("jpg", noise(Int(random.next() % 700))), ("json", Array("{\"key\":\"\(key)\"}".utf8)),
                ("mv.npy", array("<i2", [2, 3, 4, 2], noise(96))), ("txt", Array(caption.utf8)),
                ("x.npy", array("|u1", [5, 7], noise(35))),
            ])
    }

    /// A `.npy` file with a header of 128 bytes.
    package static func array(_ type: String, _ shape: [Int], _ elements: [UInt8]) -> [UInt8] {
        let sides = shape.map { "\($0)" }.joined(separator: ", ")
        let text = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(sides)), }"
        let padding = String(repeating: " ", count: 117 - text.utf8.count) + "\n"
        return [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + Array((text + padding).utf8) + elements
    }

    private mutating func write(_ shard: Int) throws -> Int {
        var (archive, rows): ([UInt8], String) = ([], "")
        extents.append([])
        for sample in samples[shard] {
            let start = archive.count
            var members: [String] = []
            for (name, bytes) in sample.members {
                archive += Self.header("\(sample.key).\(name)", bytes.count)
                members.append("\"\(name)\": [\(archive.count), \(bytes.count)]")
                archive += bytes + [UInt8](repeating: 0, count: (512 - bytes.count % 512) % 512)
            }
            let size = archive.count - start
            extents[shard].append(Extent(offset: start, size: size))
            rows += """
                {"caption": \(Self.quoted(sample.caption)), "crc32c": \(Self.checksum(archive[start...])), \
                "hash": "00000000000000ff", "key": "\(sample.key)", "members": {\(members.joined(separator: ", "))}, \
                "metadata": {"label": "left"}, "offset": \(start), "scores": {"motion_content": 2.5}, "seconds": [0.5], \
                "size": \(size), "source": "a.mp4"}

                """
        }
        archive += [UInt8](repeating: 0, count: 1024)
        try put(archive, at: tar(shard))
        try put(Array(rows.utf8), at: self.rows(shard))
        return archive.count
    }

    private static func quoted(_ text: String) -> String {
        "\""
            + text.split(separator: "\\", omittingEmptySubsequences: false).joined(separator: "\\\\")
            .split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\\\"") + "\""
    }

    private static func header(_ name: String, _ size: Int) -> [UInt8] {
        func octal(_ value: Int, _ digits: Int) -> String {
            let text = String(value, radix: 8)
            return String(repeating: "0", count: digits - text.count) + text
        }
        func field(_ text: String, _ width: Int) -> [UInt8] {
            Array(text.utf8) + [UInt8](repeating: 0, count: width - text.utf8.count)
        }
        let before =
            field(name, 100) + field("0000444", 8) + field("0000000", 8) + field("0000000", 8)
            + field(octal(size, 11), 12) + field("00000000000", 12)
        let behind = field("0", 1) + field("", 100) + Array("ustar\u{0}00".utf8) + field("", 247)
        let sum = (before + behind).reduce(8 * 32) { $0 + Int($1) }
        return before + field(octal(sum, 6) + "\0 ", 8) + behind
    }

    /// CRC-32C, bit by bit.
    private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        ~bytes.reduce(~0) { crc, byte in
            (0..<8).reduce(crc ^ UInt32(byte)) { crc, _ in crc >> 1 ^ (crc & 1 == 1 ? 0x82F6_3B78 : 0) }
        }
    }
}
