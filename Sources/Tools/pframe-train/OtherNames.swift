import ArgumentParser

/// Options under the names that other programs give them: each is refused with the name that it has here.
struct OtherNames: ParsableArguments {
    @Option(help: .private) var lr: String?
    @Option(help: .private) var batchSize: String?
    @Option(help: .private) var epochs: String?
    @Option(help: .private) var maxSteps: String?
    @Option(help: .private) var gradientAccumulationSteps: String?
    @Option(help: .private) var resolution: String?

    func validate() throws {
        let given = [
            ("--lr", lr, "--learning-rate"), ("--batch-size", batchSize, "--batch"),
            ("--max-steps", maxSteps, "--steps"), ("--resolution", resolution, "--size"),
            ("--gradient-accumulation-steps", gradientAccumulationSteps, "--accumulation"),
        ]
        for case (let name, let value?, let own) in given {
            throw ValidationError("no option \(name): did you mean \(own) \(value)?")
        }
        if epochs != nil { throw ValidationError("no option --epochs: training is counted in steps, --steps") }
    }
}
