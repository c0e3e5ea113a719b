import ArgumentParser
import Dataset
import SystemPackage
import ToolOptions

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
                VideoFiles.search(input) { item in
                    switch item {
                    case .video(let name, let bytes): found.append((input.pushing(name), name, bytes))
                    case .other: break
                    case .problem(let name, let reason):
                        problems.append(Problem(path: input.pushing(name), reason: reason))
                    }
                }
                if found.count == before { problems.append(Problem(path: input, reason: "no videos in this folder")) }
            case .file(let bytes):
                found.append((input, FilePath(root: nil, [input.lastComponent].compactMap { $0 }), bytes))
            case .special:
                // A pipe that is named itself is tried: it may hold a video.
                found.append((input, FilePath(root: nil, [input.lastComponent].compactMap { $0 }), 0))
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
}
