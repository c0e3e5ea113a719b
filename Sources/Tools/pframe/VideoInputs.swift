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

    /// A video, and its path below the folder that was given; of a video that was given itself, its name.
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

    /// What was found.
    struct Found {
        let items: [Item]
        let problems: [Problem]
    }

    /// Every video, folders searched, in a stable order; and what could not be read.
    func resolve() -> Found {
        var found: [Item] = []
        var problems: [Problem] = []
        for input in videos {
            switch FileFacts(input) {
            case .folder:
                let before = found.count
                var pictures = PictureCount()
                VideoFiles.search(input) { item in
                    switch item {
                    case .video(let name, let bytes):
                        found.append(Item(path: input.pushing(name), name: name, bytes: bytes))
                    case .other(let name): pictures.add(name)
                    case .problem(let name, let reason):
                        problems.append(Problem(path: input.pushing(name), reason: reason))
                    }
                }
                if found.count == before {
                    let reason = "no videos in this folder" + (pictures.remark.map { "; it holds \($0)" } ?? "")
                    problems.append(Problem(path: input, reason: reason))
                }
            case .file(let bytes): found.append(Item(path: input, name: Self.name(input), bytes: bytes))
            // A pipe that is named itself is tried: it may hold a video.
            case .special: found.append(Item(path: input, name: Self.name(input), bytes: 0))
            case .missing(let reason): problems.append(Problem(path: input, reason: reason))
            }
        }
        var seen = Set<FilePath>()
        return Found(items: found.filter { seen.insert($0.path).inserted }, problems: problems)
    }

    private static func name(_ path: FilePath) -> FilePath {
        FilePath(root: nil, [path.lastComponent].compactMap { $0 })
    }
}
