public import ArgumentParser
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

/// Where and how precisely a model runs.
package struct EngineOptions: ParsableArguments {
    @Option(help: "Where to compute: cpu or cuda.")
    package var device = Device.cpu

    @Option(help: "float32, or bfloat16: faster where the processor multiplies it in matrix units (AMX).")
    package var precision = Precision.float32

    @Option(help: "Threads of the CPU; default: one a processor.")
    package var threads: Int?

    package init() {}

    package mutating func validate() throws {
        if let threads, threads < 1 { throw ValidationError("--threads takes 1 or more") }
    }

    /// Makes the device ready.
    package func open() throws(TrainError) {
        try device.open()
        if let threads { Device.threads = threads }
    }
}
