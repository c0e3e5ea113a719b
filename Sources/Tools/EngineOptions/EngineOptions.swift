public import ArgumentParser
import Dataset
import Shards
package import Storage
package import SystemPackage
import ToolOptions
public import Train

extension DeviceChoice: ExpressibleByArgument {
    /// What completion offers, with one number as an example.
    public static var allValueStrings: [String] { ["cpu", "cuda", "cuda:1"] }
}

extension Precision: ExpressibleByArgument {}

extension PathArgument {
    /// The path, byte for byte.
    package var path: FilePath { RawArguments.path(text) }
    /// The path as it is from any folder.
    package var absolutePath: FilePath { WorkingFolder.absolute(path) }
}

/// Where and how precisely a model runs.
package struct EngineOptions: ParsableArguments {
    @Option(
        name: .customLong("device"),
        help: "Where to compute: cpu, cuda, or a GPU by number (cuda:1). With cuda, several processes take a GPU each.")
    package var choice = DeviceChoice.cpu

    @Option(
        name: .customLong("precision"),
        help: "float32 (default), or bfloat16: faster on processors with bfloat16 matrix units (AMX).")
    package var givenPrecision: Precision?

    @Option(help: "CPU threads; default: one per processor.")
    package var threads: Int?

    package init() {}

    package mutating func validate() throws {
        if let threads, threads < 1 { throw ValidationError("--threads takes 1 or more, not \(threads)") }
    }

    /// The precision to compute in.
    package var precision: Precision { givenPrecision ?? .float32 }

    /// Whether this process is alone, or the first of those that a launcher started: the one that speaks.
    package var isFirst: Bool { (BuildPart.ofLauncher?.index ?? 0) == 0 }

    /// Makes the device of this process ready.
    ///
    /// - Parameters:
    ///   - own: the precision of a resumed run; nil for the one that the options say.
    ///   - greet: called with the device before any warning.
    /// - Returns: the device.
    @discardableResult
    package func open(
        precision own: Precision? = nil, greet: (Device) -> Void = { _ in }
    ) throws(PFrameError) -> Device {
        let device = try choice.device()
        try device.open()
        if let threads { Device.threads = threads }
        greet(device)
        guard isFirst, device.emulates(own ?? precision) else { return device }
        Console.error(
            "warning: this processor has no bfloat16 arithmetic and emulates it: without --precision bfloat16 (float32) "
                + "it is faster")
        return device
    }
}
