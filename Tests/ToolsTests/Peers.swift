import Foundation
import TestSupport

/// The independent implementations in Tests/Peers, and Pythons with the packages that they take.
enum Peers {
    /// Their folder.
    static let folder = Programs.root.appending(path: "Tests/Peers")

    /// With numpy and PyAV.
    static let pyAV = python("peers-venv", modules: "numpy, av", packages: ["numpy", "av==17.*"])

    /// With what users read data sets with.
    static let readers = python(
        "readers-venv", modules: "numpy, webdataset, datasets, PIL",
        packages: ["numpy", "webdataset==1.0.*", "datasets", "pillow"])

    /// With wids, and what Energon's files are read with.
    static let loaders = python(
        "loaders-venv", modules: "numpy, yaml, webdataset", packages: ["numpy", "pyyaml", "webdataset==0.2.111"])

    /// A browser that opens pages.
    static let chromium = ["chromium", "chromium-browser", "google-chrome"].lazy.compactMap(program).first

    /// The interpreter of a virtual environment below `.build`, made on first use; nil where pip cannot fill it.
    private static func python(_ name: String, modules: String, packages: [String]) -> String? {
        let folder = Programs.root.appending(path: ".build/" + name)
        let python = folder.appending(path: "bin/python").path
        let doesImport = ["-c", "import \(modules)"]
        do {
            if FileManager.default.fileExists(atPath: python), try Programs.run(python, doesImport).status == 0 {
                return python
            }
            for command in [
                ["python3", "-m", "venv", "--clear", folder.path],
                [python, "-m", "pip", "install", "--quiet", "--retries", "1"] + packages, [python] + doesImport,
            ] {
                let outcome = try Programs.run("/usr/bin/env", command)
                guard outcome.status == 0 else {
                    print("\(command.joined(separator: " ")): \(outcome.errors)")
                    return nil
                }
            }
            return python
        } catch {
            print("\(folder.path): \(error)")
            return nil
        }
    }
}

extension Requirement {
    static let pyAV = Requirement("numpy and PyAV", source: "pip fetches them") { Peers.pyAV != nil }
    static let readers = Requirement("webdataset and datasets", source: "pip fetches them") { Peers.readers != nil }
    static let loaders = Requirement("wids", source: "pip fetches it") { Peers.loaders != nil }
    static let chromium = Requirement("chromium", source: "`make deps` installs it") { Peers.chromium != nil }

    /// The programs that train and sample. `LIBTORCH=none` leaves them out on purpose.
    static let libtorch = Requirement(
        "libtorch", source: "`make deps` fetches it, and LIBTORCH=none leaves it out",
        isOwedByCI: ProcessInfo.processInfo.environment["LIBTORCH"] != "none"
    ) {
        FileManager.default.fileExists(atPath: SampleModels.sampler.path)
    }
}
