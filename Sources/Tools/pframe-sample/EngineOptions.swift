public import ArgumentParser
public import Train

extension Device: ExpressibleByArgument {
    /// `cpu` or `cuda`.
    public init?(argument: String) {
        guard argument != Device.meta.rawValue else { return nil }
        self.init(rawValue: argument)
    }

    /// The devices that can compute.
    public static var allValueStrings: [String] { [Device.cpu.rawValue, Device.cuda.rawValue] }
}

extension Precision: ExpressibleByArgument {}

/// Where and how precisely a model runs.
struct EngineOptions: ParsableArguments {
    @Option(help: "Where to compute: cpu or cuda.")
    var device = Device.cpu

    @Option(help: "float32, or bfloat16: twice as fast where the processor has it.")
    var precision = Precision.float32

    @Option(help: "Threads of the CPU; default: one a processor.")
    var threads: Int?

    mutating func validate() throws {
        if let threads, threads < 1 { throw ValidationError("--threads takes 1 or more") }
    }

    /// Makes the device ready.
    func open() throws(TrainError) {
        try device.open()
        if let threads { Device.threads = threads }
    }
}
