import Codec
import Glibc
import Shards
import Storage
import SystemPackage

/// Finds the videos that the inputs name: files, folders, and lists.
struct InputSearch {
    /// A video by its name, before anything is known of it.
    struct Candidate {
        let path: FilePath
        var name: String
        let bytes: Int
        /// The input through which it was found.
        let input: Int
        /// Its rows, where that input is a list: of a list with times as many as name it.
        var rows: [Int] = []
    }

    /// The videos in the order of the inputs; no path and no name occurs twice.
    private(set) var candidates: [Candidate] = []
    /// What is named and cannot be read, or is named twice.
    private(set) var rejects: [Reject] = []
    /// Files in folders that are not videos.
    private(set) var passedOver = 0
    /// Pictures among them.
    private(set) var pictures = PictureCount()
    /// The lists among the inputs, by input.
    private(set) var lists: [Int: VideoTable] = [:]
    private let options: InputOptions

    /// Searches every input.
    ///
    /// - Throws: `PFrameError` if a list cannot be read.
    init(_ options: InputOptions) throws(PFrameError) {
        self.options = options
        for (number, input) in options.inputs.enumerated() {
            switch FileFacts(input) {
            case .folder: searchFolder(input, number)
            case .file, .missing, .address:
                if InputTable.isTable(input) {
                    try readList(input, number)
                } else {
                    try addFile(input, named: Self.name(input), number)
                }
            case .special: try addFile(input, named: Self.name(input), number)
            }
        }
        try rejectRepeated()
        makeNamesUnique()
    }

    private mutating func searchFolder(_ folder: FilePath, _ input: Int) {
        var (found, refused, others, pictures) = ([Candidate](), [Reject](), 0, PictureCount())
        VideoFiles.search(folder) { item in
            switch item {
            case .video(let path, let bytes):
                let name = path.string
                if options.layout?.passesOver(name) == true {
                    others += 1
                } else {
                    found.append(
                        Candidate(path: folder.pushing(path), name: name, bytes: bytes, input: input))
                }
            case .other(let path):
                others += 1
                pictures.add(folder.pushing(path))
            case .problem(let path, let reason):
                let name = path.isEmpty ? Self.name(folder.lastComponent) : path.string
                refused.append(Reject(video: name, kind: .missing, reason: reason))
            }
        }
        if found.isEmpty, refused.isEmpty {
            let reason = "no videos in this folder" + (pictures.remark.map { "; it holds \($0)" } ?? "")
            refused.append(Reject(video: Self.name(folder.lastComponent), kind: .missing, reason: reason))
        }
        candidates += found
        rejects += refused
        passedOver += others
        self.pictures.add(pictures)
    }

    private mutating func readList(_ path: FilePath, _ input: Int) throws(PFrameError) {
        let list = try VideoTable(path, layout: options.layout, skipsBadRows: options.skipsBadRows)
        lists[input] = list
        rejects += list.rejects
        var refused: Set<String> = []
        for row in 0..<list.table.count {
            let name = try list.video(row)
            let place = Self.place(name, in: path)
            let shown = FilePath.isAddress(name) ? RemoteAddress.withoutSecrets(name) : name
            let before = rejects.count
            do throws(PFrameError) { try addFile(place, named: shown, input, [row]) } catch {
                throw PFrameError(error.code, path: path, "line \(list.table.line(row)): \(error.message)")
            }
            // Of many clips of a missing video one reject says enough.
            if list.hasSpans, rejects.count > before, !refused.insert(shown).inserted { rejects.removeLast() }
        }
    }

    /// What a row of a list names: an address, an absolute path, or a file below the folder of the list.
    private static func place(_ name: String, in list: FilePath) -> FilePath {
        if FilePath.isAddress(name) { return FilePath(address: name) }
        let path = FilePath(name)
        guard let address = list.address, path.isRelative else { return list.removingLastComponent().pushing(path) }
        return FilePath(address: RemoteAddress.joined(RemoteAddress.folder(of: address), name))
    }

    private mutating func addFile(
        _ path: FilePath, named name: String, _ input: Int, _ rows: [Int] = []
    ) throws(PFrameError) {
        switch FileFacts(path) {
        case .file(let bytes):
            candidates.append(Candidate(path: path, name: name, bytes: bytes, input: input, rows: rows))
        case .address:
            do throws(RemoteError) { _ = try RemoteAddress(path.address ?? "") } catch {
                throw PFrameError(error.code, error.message)
            }
            // The server is asked when the video is read: a list may hold millions.
            candidates.append(Candidate(path: path, name: name, bytes: 0, input: input, rows: rows))
        case .folder: rejects.append(Reject(video: name, kind: .unreadable, reason: "is a folder, not a video"))
        case .special:
            rejects.append(
                Reject(
                    video: name, kind: .unreadable,
                    reason: path.isStandardInput
                        ? path.nameOfNoFile ?? "" : "is a pipe, a socket or a device, not a file"))
        case .missing(let reason):
            let remark = FilePath(name).nameOfNoFile
            rejects.append(Reject(video: name, kind: .missing, reason: remark ?? reason))
        }
    }

    /// Rejects all but the first of videos with one path; rows of a list with times are joined instead.
    private mutating func rejectRepeated() throws(PFrameError) {
        let folder = Self.workingFolder()
        /// Absolute and without `.`; what `..` stands for, only the file system knows.
        func place(_ number: Int) -> FilePath {
            var path = folder.pushing(candidates[number].path)
            if path.components.contains(where: { $0.kind == .currentDirectory }) {
                path.components.removeAll { $0.kind == .currentDirectory }
            }
            return path
        }
        let hashes = candidates.indices.map { place($0).hashValue }
        let index = NameIndex(hashes)
        var repeated = Set<Int>()
        for number in candidates.indices {
            for earlier in index.numbers(hashes[number]).prefix(while: { $0 < number })
            where place(earlier) == place(number) {
                let (input, other) = (candidates[number].input, candidates[earlier].input)
                let hasSpans = lists[input]?.hasSpans == true
                if hasSpans, other != input, let list = lists[other], list.hasSpans {
                    throw PFrameError(
                        .conflict, path: options.inputs[input],
                        "names spans of \(candidates[number].name), and so does \(list.table.path): put the spans of a "
                            + "video into one list")
                } else if hasSpans, other == input {
                    candidates[earlier].rows += candidates[number].rows
                } else {
                    rejects.append(
                        Reject(
                            video: candidates[number].name, kind: .repeated,
                            reason: "is named twice; it is built once, as \(candidates[earlier].name)"))
                }
                repeated.insert(number)
                break
            }
        }
        guard !repeated.isEmpty else { return }
        candidates = candidates.enumerated().filter { !repeated.contains($0.offset) }.map(\.element)
    }

    /// Puts the input's own name before names that occur twice, and numbers what occurs twice all the same.
    private mutating func makeNamesUnique() {
        for number in Self.repeatedNames(candidates, all: true) {
            let input = options.inputs[candidates[number].input]
            let isFolder = candidates[number].rows.isEmpty && input != candidates[number].path
            let prefix = isFolder ? input.lastComponent : input.removingLastComponent().lastComponent
            if let prefix { candidates[number].name = "\(prefix.string)/\(candidates[number].name)" }
        }
        var again = Self.repeatedNames(candidates, all: false)
        var suffix = 2
        while !again.isEmpty {
            for number in again { candidates[number].name = Self.numbered(candidates[number].name, suffix) }
            again = Self.repeatedNames(candidates, all: false)
            suffix += 1
        }
    }

    /// The candidates whose name another one has too; without `all`, only one that comes earlier.
    private static func repeatedNames(_ candidates: [Candidate], all: Bool) -> [Int] {
        let hashes = candidates.map(\.name.hashValue)
        let index = NameIndex(hashes)
        return candidates.indices.filter { number in
            index.numbers(hashes[number]).contains { other in
                (all ? other != number : other < number)
                    && candidates[other].name.utf8.elementsEqual(candidates[number].name.utf8)
            }
        }
    }

    /// `folder/x~2.mp4`.
    private static func numbered(_ name: String, _ number: Int) -> String {
        let file = name.lastIndex(of: "/").map { name.index(after: $0) } ?? name.startIndex
        guard let dot = name[file...].lastIndex(of: "."), dot > file else { return "\(name)~\(number)" }
        return "\(name[..<dot])~\(number)\(name[dot...])"
    }

    /// A name as text; bytes that are not UTF-8 become U+FFFD.
    private static func name(_ component: FilePath.Component?) -> String { component?.string ?? "." }

    /// The name of an input that is no folder; an address is its own.
    private static func name(_ input: FilePath) -> String {
        input.address == nil ? input.fileName ?? "." : input.shown
    }

    private static func workingFolder() -> FilePath {
        guard let path = getcwd(nil, 0) else { return FilePath("/") }
        defer { free(path) }
        return FilePath(platformString: path)
    }
}
