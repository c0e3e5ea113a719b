import Foundation

/// The independent implementations in Tests/Peers.
enum Peers {
    /// Their folder.
    static let folder = Programs.root.appending(path: "Tests/Peers")

    /// A Python with numpy and PyAV of its own; nil, said once, where pip cannot fetch them.
    static let python = environment("peers-venv", modules: "numpy, av", packages: ["numpy", "av==17.*"])

    /// A Python with what users read data sets with; nil, said once, where pip cannot fetch it.
    static let webdataset = environment(
        "readers-venv", modules: "numpy, webdataset, datasets, PIL",
        packages: ["numpy", "webdataset==1.0.*", "datasets", "pillow"])

    /// The interpreter of a virtual environment below `.build`, made on first use.
    private static func environment(_ name: String, modules: String, packages: [String]) -> String? {
        let folder = Programs.root.appending(path: ".build/" + name)
        let python = folder.appending(path: "bin/python").path
        let works = { (try? Programs.run(python, ["-c", "import \(modules)"]).status) == 0 }
        if FileManager.default.fileExists(atPath: python), works() { return python }
        _ = try? Programs.run("/usr/bin/env", ["python3", "-m", "venv", folder.path])
        _ = try? Programs.run(python, ["-m", "pip", "install", "--quiet"] + packages)
        if works() { return python }
        print("skipped: no Python with \(modules) (pip has no network?)")
        return nil
    }
}
