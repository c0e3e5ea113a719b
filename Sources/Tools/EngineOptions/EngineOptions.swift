public import ArgumentParser
import Dataset
import Shards
package import Storage
package import SystemPackage
import ToolOptions
public import Train

extension Device: ExpressibleByArgument {
    /// `cpu` or `cuda`: `meta` computes nothing.
    public init?(argument: String) {
        guard argument != Device.meta.rawValue else { return nil }
        self.init(rawValue: argument)
    }

    /// What the command line offers.
    public static var allValueStrings: [String] { [Device.cpu.rawValue, Device.cuda.rawValue] }
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
    @Option(help: "Where to compute: cpu or cuda.")
    package var device = Device.cpu

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

    /// Makes the device ready.
    ///
    /// - Parameter own: the precision of a resumed run; nil for the one that the options say.
    package func open(precision own: Precision? = nil) throws(PFrameError) {
        try device.open()
        if let threads { Device.threads = threads }
        guard isFirst, device.emulates(own ?? precision) else { return }
        Console.error(
            "warning: this processor has no bfloat16 arithmetic and emulates it: without --precision bfloat16 (float32) "
                + "it is faster")
    }
}
