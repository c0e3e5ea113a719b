import Storage

/// Which row of a captions file belongs to which video.
struct CaptionMatch {
    /// The row of every video, nil if none fits.
    private(set) var rows: [Int?]
    /// Rows that no video took.
    private(set) var unused = 0
    /// Further rows of a video that has one: the row, and the row that is used.
    private(set) var repeated: [(row: Int, first: Int)] = []

    /// Matches rows with videos: first by the whole name, then by it without its extension, then by the file's name, then
    /// by that without its extension. Where both name folders before the file's name, these agree as far as both go.
    ///
    /// Names that differ in their Unicode normal form only count as the same where no other fits better.
    ///
    /// - Throws: `PFrameError` if a row fits two videos, or two rows fit one.
    init(_ table: VideoTable, videos: [String]) throws(PFrameError) {
        let listed = try Listed(table)
        rows = Array(repeating: nil, count: videos.count)
        var owners = [Int32](repeating: -1, count: listed.count)
        for way in Way.allCases {
            // Rows that an earlier way gave away are not to be had; two claims in one way are a contradiction.
            let free = owners.map { $0 < 0 }
            for (video, name) in videos.enumerated() where rows[video] == nil {
                guard let row = try listed.row(of: name, by: way, among: free) else { continue }
                if owners[row] >= 0 {
                    throw listed.ambiguity(
                        "line \(table.table.line(row)) could describe \(videos[Int(owners[row])]) and \(name)")
                }
                // Further rows of the name are of this video too, and of no other.
                for alike in try listed.rows(named: row) { owners[alike] = Int32(video) }
                rows[video] = row
            }
            guard way == .nameWithoutExtension else { continue }
            // A row that names such a video without its extension belongs to it too, not to one in another folder.
            for (video, name) in videos.enumerated() where rows[video] != nil {
                for row in try listed.rows(shortening: name) where owners[row] < 0 { owners[row] = Int32(video) }
            }
        }
        for row in 0..<listed.count {
            guard owners[row] >= 0, let first = rows[Int(owners[row])] else {
                unused += 1
                continue
            }
            if row != first { repeated.append((row, first)) }
        }
    }

    /// What is compared with what.
    private enum Way: CaseIterable {
        case name, canonicalName, nameWithoutExtension, file, fileWithoutExtension
    }

    /// The rows of the table by what they call their videos.
    private struct Listed {
        private let table: VideoTable
        private let whole: NameIndex
        private let files: NameIndex
        var count: Int { table.table.count }

        init(_ table: VideoTable) throws(PFrameError) {
            self.table = table
            var (names, files) = ([Int](), [Int]())
            for row in 0..<table.table.count {
                let name = Listed.cleaned(try table.video(row))
                names.append(name.hashValue)
                files.append(Listed.file(name).hashValue)
            }
            (whole, self.files) = (NameIndex(names), NameIndex(files))
        }

        /// The only free row that fits a video.
        func row(of video: String, by way: Way, among free: [Bool]) throws(PFrameError) -> Int? {
            let isFile = way == .file || way == .fileWithoutExtension
            var key = video
            if way == .nameWithoutExtension || way == .fileWithoutExtension {
                guard let short = Listed.withoutExtension(video) else { return nil }
                key = short
            }
            func fits(_ name: String) -> Bool {
                switch way {
                case .name: name.utf8.elementsEqual(key.utf8)
                case .canonicalName, .nameWithoutExtension: name == key
                case .file, .fileWithoutExtension: Listed.ends(name, with: key) || Listed.ends(key, with: name)
                }
            }
            let numbers =
                isFile ? files.numbers(Listed.file(key).hashValue) : whole.numbers(key.hashValue)
            var found: (row: Int, name: String)?
            for row in numbers where free[row] {
                let name = Listed.cleaned(try table.video(row))
                guard fits(name) else { continue }
                guard let other = found else {
                    found = (row, name)
                    continue
                }
                // Of rows with one name the first counts.
                if other.name.utf8.elementsEqual(name.utf8) { continue }
                throw ambiguity(
                    "lines \(table.table.line(other.row)) and \(table.table.line(row)), \(other.name) and \(name), "
                        + "could both describe \(video)")
            }
            return found?.row
        }

        /// All rows with the name of this one.
        func rows(named row: Int) throws(PFrameError) -> [Int] {
            let name = Listed.cleaned(try table.video(row))
            var result: [Int] = []
            for other in whole.numbers(name.hashValue)
            where Listed.cleaned(try table.video(other)).utf8.elementsEqual(name.utf8) {
                result.append(other)
            }
            return result
        }

        /// All rows that name a video without its extension.
        func rows(shortening video: String) throws(PFrameError) -> [Int] {
            guard let short = Listed.withoutExtension(video) else { return [] }
            var result: [Int] = []
            for row in whole.numbers(short.hashValue) where Listed.cleaned(try table.video(row)) == short {
                result.append(row)
            }
            return result
        }

        func ambiguity(_ message: String) -> PFrameError {
            PFrameError(
                .conflict, path: table.table.path,
                message + "; name videos by their paths relative to the folder that is given to build")
        }

        /// The name without `./` in front.
        private static func cleaned(_ name: String) -> String {
            var name = name[...]
            while name.hasPrefix("./") { name = name.dropFirst(2) }
            return String(name)
        }

        /// Whether a path is another one, or that below some folder.
        private static func ends(_ path: String, with end: String) -> Bool {
            path == end || path.hasSuffix("/" + end)
        }

        private static func file(_ name: String) -> String {
            name.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(name[name.utf8.index(after: $0)...]) } ?? name
        }

        private static func withoutExtension(_ name: String) -> String? {
            guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")),
                !name[dot...].utf8.contains(UInt8(ascii: "/"))
            else { return nil }
            return String(name[..<dot])
        }
    }
}

/// Finds the numbers of things by a hash of what they are called: 16 bytes per thing, built in one sort.
///
/// Several things may share a hash: who looks up compares.
struct NameIndex {
    private let entries: [(hash: Int, number: Int32)]

    /// Numbers the things from 0 in the order of their hashes.
    init(_ hashes: some Sequence<Int>) {
        var entries: [(hash: Int, number: Int32)] = []
        entries.reserveCapacity(hashes.underestimatedCount)
        for hash in hashes { entries.append((hash, Int32(entries.count))) }
        entries.sort { ($0.hash, $0.number) < ($1.hash, $1.number) }
        self.entries = entries
    }

    /// The numbers of all things with that hash, rising.
    func numbers(_ hash: Int) -> some Sequence<Int> {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].hash < hash { low = middle + 1 } else { high = middle }
        }
        return entries[low...].lazy.prefix { $0.hash == hash }.map { Int($0.number) }
    }
}
