import Codec
import Shards
import Storage
import SystemPackage
import TestSupport
import Testing
import Train

/// Steps that are recorded once and repeated, over a double of CUDA graphs.
@Suite struct StepGraphTests {
    /// 2x and the sum of x.
    private static func work(_ inputs: [Tensor]) throws(PFrameError) -> [Tensor] {
        [try inputs[0] * 2, try inputs[0].sum()]
    }

    /// Takes steps with inputs of these lengths, and checks what they give.
    private static func take(_ lengths: [Int], _ graph: StepGraph) throws {
        for (step, length) in lengths.enumerated() {
            let values = (0..<length).map { Float(10 * step + $0) }
            let results = try graph([Tensor(values)])
            #expect(try results[0].floats() == values.map { 2 * $0 })
            #expect(try results[1].item() == Double(values.reduce(0, +)))
        }
    }

    /// The fourth step is recorded, and every further one is a replay.
    @Test func recordsOnce() throws {
        let double = RecorderDouble()
        var (told, computed): ([String], Int) = ([], 0)
        let graph = StepGraph(double.recorder, tell: { told.append($0) }) { inputs throws(PFrameError) in
            computed += 1
            return try Self.work(inputs)
        }
        try Self.take([3, 3, 3, 3], graph)
        #expect(double.calls == ["record", "replay"])
        // Four steps; the double computes where it records and where it repeats.
        #expect(computed == 6)
        try Self.take([3, 3], graph)
        #expect(double.calls == ["record", "replay", "replay", "replay"] && computed == 8 && told == [])
    }

    /// A step of another shape is computed and leaves the recorded one; several in a row take its place.
    @Test func followsShapes() throws {
        let double = RecorderDouble()
        let graph = StepGraph(double.recorder, tell: { Issue.record("\($0)") }, Self.work)
        try Self.take([3, 3, 2, 3, 3, 3, 2, 2, 2, 3], graph)
        #expect(double.calls == [])
        try Self.take([3, 3, 3, 3, 2, 3, 2, 2, 3], graph)
        #expect(double.calls == ["record"] + Array(repeating: "replay", count: 4))
        try Self.take([2, 2, 2, 2, 2, 3], graph)
        #expect(double.calls.suffix(3) == ["record", "replay", "replay"])
    }

    @Test func countsTheOperationsOfReplays() throws {
        let double = RecorderDouble()
        let weight = try Tensor.zeros([7, 5])
        let graph = StepGraph(double.recorder, tell: { Issue.record("\($0)") }) { inputs throws(PFrameError) in
            [try inputs[0].linear(weight, nil)]
        }
        for _ in 0..<6 {
            _ = try graph([Tensor.zeros([3, 5])])
            #expect(graph.operations == 2 * 3 * 5 * 7)
        }
        #expect(double.calls.count == 4)
    }

    /// Steps that cannot be recorded, or that a replay computes wrongly, are computed; the user reads so once.
    @Test(arguments: [
        (RecorderDouble.Fault.refuses, "operation not permitted when stream is capturing"),
        (.repeatsConstants, "a repeated step gives other numbers"),
    ])
    func computesWhereRecordingFails(fault: RecorderDouble.Fault, why: String) throws {
        let double = RecorderDouble(fault)
        var told: [String] = []
        let graph = StepGraph(double.recorder, tell: { told.append($0) }, Self.work)
        try Self.take(Array(repeating: 3, count: 12), graph)
        #expect(double.calls.filter { $0 == "record" }.count == 1)
        #expect(told.count == 1 && told[0].hasSuffix(": \(why)"), "\(told)")
    }

    /// What a GPU would take from the processor's memory would stay as it was.
    @Test func recordsNoCopiesOfTheHost() throws {
        let double = RecorderDouble()
        var told: [String] = []
        let graph = StepGraph(double.recorder, tell: { told.append($0) }) { inputs throws(PFrameError) in
            [try inputs[0] * Tensor([2] as [Float]), try inputs[0].sum()]
        }
        try Self.take(Array(repeating: 3, count: 6), graph)
        #expect(double.calls == ["record"])
        #expect(told.count == 1 && told[0].contains("copies between the processor and the GPU"), "\(told)")
    }

    /// A larger step that finds no memory gets what the recorded one holds.
    @Test func givesMemoryBack() throws {
        let double = RecorderDouble()
        var (told, fails): ([String], Int) = ([], 1)
        let graph = StepGraph(double.recorder, tell: { told.append($0) }) { inputs throws(PFrameError) in
            if inputs[0].count == 9, fails > 0 {
                fails -= 1
                throw PFrameError(.full, "scaling [9]: out of memory (CUDA): take a smaller batch")
            }
            return try Self.work(inputs)
        }
        try Self.take([3, 3, 3, 3, 9, 3, 3, 3, 3, 3], graph)
        #expect(double.calls == ["record", "replay"] && told.count == 1)
        fails = 1
        #expect(throws: PFrameError.self) { try Self.take([9], graph) }
    }

    /// Steps of training that are repeated give the losses of steps that are computed, to the bit. The last batch of an
    /// epoch is smaller, and is computed.
    @Test(arguments: [Precision.float32, .bfloat16]) func repeatsStepsOfTraining(precision: Precision) throws {
        try Device.cpu.open()
        try withTemporaryFolder { folder in
            let source = ShardSource.folder(folder.appending("set"))
            try EvaluationSet(
                folder: folder.appending("set"), size: Size(width: 16, height: 16), frames: 3, count: 13,
                pixel: { (20 * $0 + 7 * $1 + 3 * $2 + 5 * $3 + $4) % 256 }, motion: { _ in 0 }
            ).write(["frames.npy"])
            func losses(_ name: String, _ recorder: WorkRecorder?) throws -> [Double] {
                var setup = try TrainingSetup(source, run: folder.appending(name))
                (setup.options.steps, setup.options.batchSize, setup.options.pictureEvery) = (16, 2, 0)
                setup.precision = precision
                var shape = try DiffusionOptions<VDM>(
                    preset: .compact, frames: 3, height: 16, width: 16, unetWidth: 16, multiples: [1, 2])
                shape.text = .none
                let (task, run) = try setup.begin(VDM.self, shape, DiffusionFiles())
                let loop = try TrainingLoop(
                    task, members: VDM.members, source: source, run: run, options: setup.options, readsLate: true,
                    recorder: recorder, tell: { Issue.record("\($0)") })
                var losses: [Double] = []
                _ = try loop.run(report: { losses += [$0.loss, $0.norm] })
                return losses
            }
            let double = RecorderDouble()
            #expect(try losses("repeated", double.recorder) == losses("computed", nil))
            // Steps 7 and 14 end an epoch.
            #expect(double.calls.filter { $0 == "record" }.count == 1)
            #expect(double.calls.filter { $0 == "replay" }.count == 1 + 16 - 4 - 2)
        }
    }

    /// Nothing in the loss of a family depends on more than its inputs, and gradients come out in the memory of the first.
    @Test(arguments: ModelRegistry.families.map { $0.name })
    func repeatsTheLossOfEveryFamily(name: String) throws {
        let (store, inputs, loss) = try Self.subject(name)
        let double = RecorderDouble()
        let work: StepGraph.Work = { inputs throws(PFrameError) in
            for parameter in store.parameters { parameter.tensor.clearGradient() }
            let loss = try loss(inputs)
            try loss.backward()
            var results = [try loss.detached()]
            for parameter in store.parameters {
                if let gradient = try parameter.tensor.gradient() { results.append(gradient) }
            }
            return results
        }
        let graph = StepGraph(double.recorder, tell: { Issue.record("\($0)") }, work)
        for step in 0..<6 {
            let inputs = try inputs([RandomSeed(UInt64(step)), RandomSeed(UInt64(100 + step))])
            let found = try graph(inputs).map { try $0.floats() }
            #expect(try found == work(inputs).map { try $0.floats() })
        }
        #expect(double.calls == ["record", "replay", "replay", "replay"])
    }

    private typealias Subject = (
        store: ParameterStore, inputs: ([RandomSeed]) throws -> [Tensor],
        loss: ([Tensor]) throws(PFrameError) -> Tensor
    )

    private static func subject(_ name: String) throws -> Subject {
        if let family = ModelRegistry.family(named: name) as? any VideoDiffusionFamily.Type {
            return try diffusion(family)
        }
        var options = try AutoencoderOptions(preset: .compact, height: 32, width: 32)
        options.widths = [16, 16, 24]
        let model = try ResidualAutoencoder(options)
        let residual = try made("residual", [2, 32, 32, 3], 20)
        return (
            model.store, { seeds in [residual, try seeds.tensor()] },
            { inputs throws(PFrameError) in try model.loss(inputs[0], seeds: inputs[1]).loss }
        )
    }

    private static func diffusion<Family: VideoDiffusionFamily>(_ family: Family.Type) throws -> Subject {
        let options = try DiffusionOptions<Family>(
            preset: .compact, frames: 3, height: 32, width: 32, unetWidth: 16, multiples: [1, 2])
        let model = try Family.model(options, textEntries: 9, precision: .float32, device: .cpu, seed: 0)
        let shape = options.clipShape
        let clean = try made("clean", [2 * shape[0]] + shape.dropFirst())
        let first = try Tensor.zeros([2, 32, 32, 3], type: .uint8)
        return (
            model.store,
            { seeds in try model.inputs(clean: clean, first: first, captions: captions, seeds: seeds) },
            { inputs throws(PFrameError) in try model.batchLoss(inputs).loss }
        )
    }

    private static func model<Family: VideoDiffusionFamily>(
        _ family: Family.Type, target: PredictionTarget = .velocity
    ) throws -> VideoDiffusion<Family> {
        var options = try DiffusionOptions<Family>(
            preset: .compact, frames: 3, height: 32, width: 32, unetWidth: 16, multiples: [1, 2])
        options.target = target
        return try VideoDiffusion(options, textEntries: 9)
    }

    private static let captions = CaptionTokens.words([1, 2, 0, 3, 0, 0], length: 3)

    /// Samples are the same to the bit, with guidance and without; DPM-Solver++ keeps the prediction of the step before.
    @Test(arguments: [1.0, 2], [PredictionTarget.velocity, .clean])
    func repeatsStepsOfSampling(guidance: Double, target: PredictionTarget) throws {
        let model = try Self.model(EDVDM.self, target: target)
        let first = try Tensor.zeros([2, 32, 32, 3], type: .uint8)
        func samples() throws -> [Float] {
            try model.sample(
                first: first, captions: Self.captions, seeds: [RandomSeed(5), RandomSeed(6)],
                options: SamplerOptions(kind: .dpm, steps: 7), guidance: guidance
            ).floats()
        }
        let expected = try samples()
        let double = RecorderDouble()
        model.recorder = double.recorder
        #expect(try samples() == expected)
        #expect(double.calls == ["record", "replay", "replay", "replay", "replay"])
    }
}
