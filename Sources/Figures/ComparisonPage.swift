package import Storage
package import SystemPackage

/// A page on which people compare two sets of videos pair by pair, without knowing which set a video is from.
///
/// After JUICE (Girdhar et al. 2023, "Emu Video", section 4): two videos side by side, the better one is chosen for
/// quality and, where a text belongs to the pair, for faithfulness to it, and each choice is justified by reasons to
/// tick. The page is a folder that any browser opens, from a disk or a server. It keeps the votes in the browser and
/// saves them as CSV, which ``VoteCount`` counts.
///
/// The page does not say which side is from which set: a second file, the key, does.
package struct ComparisonPage: Sendable {
    /// The name of the page's file in its folder.
    package static let fileName = "index.html"

    /// Names that both sets have, in the order of their bytes.
    package let names: [String]
    /// Names that only one set has, as `NAME in FOLDER`.
    package let unpaired: [String]
    private let folders: [FilePath]
    private let files: [[String: String]]
    private let prompts: [String: String]

    /// The endings of videos that browsers play.
    private static let endings = ["mp4", "webm"]

    /// Pairs the videos of two folders by name without ending.
    ///
    /// Texts are the prompts of `samples.jsonl` in either folder, which `pframe sample` writes.
    ///
    /// - Throws: `PFrameError` if a folder cannot be read, a name stands twice, nothing pairs, or the two folders tell
    ///   different prompts for one name.
    package init(_ first: FilePath, _ second: FilePath) throws(PFrameError) {
        folders = [first, second]
        files = try [Self.videos(in: first), Self.videos(in: second)]
        let (left, right) = (files[0], files[1])
        names = left.keys.filter { right[$0] != nil }.sorted()
        guard !names.isEmpty else {
            throw PFrameError(
                .missing, path: second,
                "no video (.mp4, .webm) here has the name of one in \(first.shown): names pair the videos")
        }
        for name in names {
            let endings = [left, right].map { FilePath($0[name] ?? "").extension ?? "" }
            guard endings[0] == endings[1] else {
                throw PFrameError(
                    .conflict, path: second,
                    "\(name) ends in .\(endings[1]), and in \(first.shown) in .\(endings[0]): the ending would tell voters "
                        + "which set a video is from")
            }
        }
        unpaired =
            left.keys.filter { right[$0] == nil }.sorted().map { "\($0) in \(first.shown)" }
            + right.keys.filter { left[$0] == nil }.sorted().map { "\($0) in \(second.shown)" }
        let told = try [Self.prompts(in: first), Self.prompts(in: second)]
        var prompts: [String: String] = [:]
        for name in names {
            let (one, other) = (told[0][name], told[1][name])
            if let one, let other, one != other {
                throw PFrameError(
                    .conflict, path: second.appending(Self.tableName),
                    "\(name) has the prompt \"\(other)\", and in \(first.shown) \"\(one)\": compare samples of one text"
                )
            }
            // A sample without a text has an empty one.
            prompts[name] = (one ?? other).flatMap { $0.isEmpty ? nil : $0 }
        }
        self.prompts = prompts
    }

    /// Writes the folder of the page, and its key beside the folder.
    ///
    /// - Parameters:
    ///   - folder: where the page goes; it must not hold anything but the same page.
    ///   - seed: of the order of the pairs, and of the side on which each set is shown.
    /// - Returns: the file of the key, `FOLDER.key.json`.
    /// - Throws: `PFrameError` if the folder holds something else or another page, or cannot be written.
    package func write(to folder: FilePath, seed: UInt64) throws(PFrameError) -> FilePath {
        var random = SplitMix64(seed: seed)
        var order = names
        for last in order.indices.dropFirst().reversed() { order.swapAt(last, random.below(last + 1)) }
        let pairs = order.map { ComparisonKey.Pair(name: $0, left: random.below(2), hasText: prompts[$0] != nil) }
        var key = ComparisonKey(page: "", seed: seed, sets: folders.map(\.shown), pairs: pairs)
        // Votes belong to these videos and texts in this order.
        let content = SHA256()
        content.update(Array(try JSONValue(encoding: key).json().utf8))
        for name in names {
            for (folder, files) in zip(folders, files) {
                content.update(Array(try FileDigest.sha256(folder.appending(files[name] ?? "")).utf8))
            }
            content.update(Array((prompts[name] ?? "").utf8))
        }
        key.page = String(content.digest.prefix(16))

        let file = Self.key(of: folder)
        if fileSize(file) != nil {
            guard try ComparisonKey(file) == key else {
                throw PFrameError(
                    .conflict, path: file, "it is the key of another page, whose votes need it: choose another folder")
            }
        } else if isFolder(folder), try !fileNames(in: folder).isEmpty {
            throw PFrameError(.conflict, path: folder, "the folder holds other files: choose a new one")
        }
        let videos = folder.appending("videos")
        try createFolder(videos)
        // First, so that the same call goes on where one was stopped.
        try replaceFile(file, with: JSONValue(encoding: key).json() + "\n")
        var shown: [JSONValue] = []
        for (index, pair) in pairs.enumerated() {
            var members: [String: JSONValue] = [:]
            for (side, set) in [("left", pair.left), ("right", 1 - pair.left)] {
                let source = folders[set].appending(files[set][pair.name] ?? "")
                let name = "\((index + 1).zeroPadded(4))-\(side).\(source.extension ?? "mp4")"
                try replaceFile(videos.appending(name), with: readFile(source))
                members[side] = .text("videos/" + name)
            }
            members["text"] = prompts[pair.name].map { .text($0) } ?? .null
            shown.append(.object(members))
        }
        try replaceFile(folder.appending(Self.fileName), with: ComparisonMarkup.page(key.page, pairs: shown).text)
        return file
    }

    /// The file of a page's key: beside the folder, so that the folder can be given away.
    private static func key(of folder: FilePath) -> FilePath {
        let name = ownName(of: folder) + ".key.json"
        return folder.removingLastComponent().appending(name)
    }

    /// The files of videos by their names without ending.
    private static func videos(in folder: FilePath) throws(PFrameError) -> [String: String] {
        var found: [String: String] = [:]
        for file in try fileNames(in: folder) where !file.hasPrefix(".") {
            let path = folder.appending(file)
            guard let ending = path.extension, endings.contains(ending), let stem = path.stem, fileSize(path) != nil
            else { continue }
            if let other = found[stem] {
                throw PFrameError(.conflict, path: path, "\(other) has the same name: a name is one video")
            }
            found[stem] = file
        }
        return found
    }

    private static let tableName = "samples.jsonl"

    /// The prompts that a folder's table tells; none without a table.
    private static func prompts(in folder: FilePath) throws(PFrameError) -> [String: String] {
        let table = folder.appending(tableName)
        guard fileSize(table) != nil else { return [:] }
        var prompts: [String: String] = [:]
        for (offset, line) in JSONLines(try readFile(table)) {
            let row = try JSONValue(line, path: table, offset: offset)
            if let name = row["name"]?.string { prompts[name] = row["prompt"]?.string }
        }
        return prompts
    }
}

/// Which side of a page shows which set.
package struct ComparisonKey: Codable, Sendable, Equatable {
    /// Two videos.
    package struct Pair: Codable, Sendable, Equatable {
        /// Their name.
        package var name: String
        /// The set, 0 or 1, whose video is on the left.
        package var left: Int
        /// Whether a text belongs to the pair.
        package var hasText: Bool
    }

    /// A name for the page, which its votes bear.
    package var page: String
    /// The seed of order and sides.
    package var seed: UInt64
    /// The folders of the two sets.
    package var sets: [String]
    /// The pairs, in the page's order.
    package var pairs: [Pair]

    /// Reads the file that ``ComparisonPage`` wrote.
    ///
    /// - Throws: `PFrameError` if there is none, or it is not a key.
    package init(_ path: FilePath) throws(PFrameError) {
        let json = try JSONValue(readFile(path), path: path)
        let key: ComparisonKey
        do throws(PFrameError) { key = try json.decoded() } catch { throw error.about(path) }
        guard key.sets.count == 2, key.pairs.allSatisfy({ (0...1).contains($0.left) }) else {
            throw PFrameError(.damaged, path: path, "a key names two sets, and 0 or 1 for the left side of each pair")
        }
        self = key
    }

    init(page: String, seed: UInt64, sets: [String], pairs: [Pair]) {
        (self.page, self.seed, self.sets, self.pairs) = (page, seed, sets, pairs)
    }
}

/// What a voter is asked about a pair, and the reasons that can be ticked (Girdhar et al. 2023).
package enum ComparisonQuestion: String, CaseIterable, Sendable {
    /// Which video is the better one, whatever the text.
    case quality
    /// Which video shows what the text says.
    case faithfulness

    /// The question.
    var words: String {
        switch self {
        case .quality: "Which video has the better quality?"
        case .faithfulness: "Which video follows the text better?"
        }
    }

    /// The reasons.
    package var reasons: [String] {
        switch self {
        case .quality:
            ["motion smoothness", "pixel sharpness", "recognizable objects", "frame consistency", "amount of motion"]
        case .faithfulness: ["spatial text alignment", "temporal text alignment"]
        }
    }
}
