import Foundation
import TestSupport

/// The independent implementations in Tests/Peers, and Pythons with the packages that they take.
enum Peers {
    /// Their folder.
    static let folder = Programs.root.appending(path: "Tests/Peers")

    /// With numpy and PyAV.
    static let pyAV = Python.environment("peers-venv", modules: "numpy, av", packages: ["numpy", "av==17.*"])

    /// With what users read data sets with.
    static let readers = Python.environment(
        "readers-venv", modules: "numpy, webdataset, datasets, PIL",
        packages: ["numpy", "webdataset==1.0.*", "datasets", "pillow"])

    /// With wids, and what Energon's files are read with.
    static let loaders = Python.environment(
        "loaders-venv", modules: "numpy, yaml, webdataset", packages: ["numpy", "pyyaml", "webdataset==0.2.111"])

    /// A browser that opens pages.
    static let chromium = ["chromium", "chromium-browser", "google-chrome"].lazy.compactMap(program).first
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
