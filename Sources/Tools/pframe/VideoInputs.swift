import ArgumentParser
import Glibc
import SystemPackage

/// The videos that a command works on.
struct VideoInputs: ParsableArguments {
    @Argument(
        help: ArgumentHelp("Videos, or folders of videos (searched recursively).", valueName: "video"),
        completion: .file())
    var videos: [FilePath] = []

    mutating func validate() throws {
        if videos.isEmpty { throw ValidationError("name at least one video or folder of videos") }
    }

    /// A video and the folder of its results, relative to the output folder.
    struct Item {
        let path: FilePath
        let name: FilePath
        let bytes: Int
    }

    /// What could not be read, and why.
    struct Problem {
        let path: FilePath
        let reason: String
    }

    /// Every video, folders searched, in a stable order; and what could not be read.
    ///
    /// Results are named after the file without its extension, below the folders between it and the folder given; where
    /// two would share a name, both keep their extensions.
    func resolve() throws -> (items: [Item], problems: [Problem]) {
        var found: [(path: FilePath, name: FilePath, bytes: Int)] = []
        var problems: [Problem] = []
        for input in videos {
            switch FileFacts(input) {
            case .folder:
                let before = found.count
                collect(input, FilePath(""), &found, &problems)
                if found.count == before { problems.append(Problem(path: input, reason: "no videos in this folder")) }
            case .file(let bytes):
                found.append((input, FilePath(root: nil, [input.lastComponent].compactMap { $0 }), bytes))
            case .missing(let reason):
                problems.append(Problem(path: input, reason: reason))
            }
        }
        var seen = Set<FilePath>()
        found = found.filter { seen.insert($0.path).inserted }
        var uses: [FilePath: Int] = [:]
        for item in found { uses[withoutExtension(item.name), default: 0] += 1 }
        let items = found.map { item in
            let short = withoutExtension(item.name)
            return Item(path: item.path, name: uses[short] == 1 ? short : item.name, bytes: item.bytes)
        }
        var owners: [FilePath: FilePath] = [:]
        for item in items {
            if let other = owners.updateValue(item.path, forKey: item.name) {
                throw ValidationError("\(other) and \(item.path) would both write \(item.name); extract them apart")
            }
        }
        return (items, problems)
    }

    private func withoutExtension(_ path: FilePath) -> FilePath {
        var result = path
        result.extension = nil
        return result
    }

    private func collect(
        _ folder: FilePath, _ prefix: FilePath, _ found: inout [(path: FilePath, name: FilePath, bytes: Int)],
        _ problems: inout [Problem]
    ) {
        guard let stream = folder.withPlatformString({ opendir($0) }) else {
            problems.append(Problem(path: folder, reason: "cannot list the folder: \(Errno(rawValue: errno))"))
            return
        }
        defer { closedir(stream) }
        var names: [FilePath.Component] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { FilePath.Component(platformString: $0) }
            }
            if let name, name.kind == .regular, name.string.first != "." { names.append(name) }
        }
        for name in names.sorted(by: { $0.string < $1.string }) {
            let path = folder.appending(name)
            switch FileFacts(path) {
            case .folder:
                // A link to a folder may lead back up: what it leads to is searched where it stands.
                if !isLink(path) { collect(path, prefix.appending(name), &found, &problems) }
            case .file(let bytes):
                if Self.extensions.contains(name.extension?.lowercased() ?? "") {
                    found.append((path, prefix.appending(name), bytes))
                }
            case .missing(let reason): problems.append(Problem(path: path, reason: reason))
            }
        }
    }

    /// What counts as a video in a folder; a file that is named itself is always tried.
    private static let extensions: Set<String> = [
        "mp4", "m4v", "mov", "mkv", "webm", "avi", "ts", "m2ts", "mts", "mpg", "mpeg", "m2v", "vob", "3gp", "flv",
        "wmv",
        "ogv", "h264", "264", "avc", "h263", "m4v", "mxf",
    ]
}

/// Whether a path is a symbolic link.
private func isLink(_ path: FilePath) -> Bool {
    var facts = stat()
    return path.withPlatformString { lstat($0, &facts) } == 0 && facts.st_mode & S_IFMT == S_IFLNK
}

/// What stands at a path.
private enum FileFacts {
    case file(bytes: Int)
    case folder
    case missing(String)

    init(_ path: FilePath) {
        var facts = stat()
        guard path.withPlatformString({ stat($0, &facts) }) == 0 else {
            self = .missing("cannot open: \(Errno(rawValue: errno))")
            return
        }
        self = facts.st_mode & S_IFMT == S_IFDIR ? .folder : .file(bytes: Int(facts.st_size))
    }
}
