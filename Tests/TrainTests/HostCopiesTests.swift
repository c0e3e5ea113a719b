import Codec
import MotionVectors
import Shards
import Storage
import SystemPackage
import TestSupport
import Testing
import Train

/// What training and sampling steps ask of the host: nothing that a GPU would have to wait for.
@Suite struct HostCopiesTests {
    /// Copies that some work asks for.
    private static func copies(_ work: () throws -> Void) rethrows -> HostCopies {
        let before = HostCopies.now
        try work()
        return HostCopies.now - before
    }

    @Test func countsCopies() throws {
        let tensor = try Tensor([1, 2] as [Float])
        let numbers = try Tensor.zeros([2], type: .float64)
        let work: [(HostCopies, () throws -> Void)] = [
            (HostCopies(waits: 0, uploads: 1, readings: 0), { _ = try Tensor([1, 2] as [Int64]) }),
            (HostCopies(waits: 1, uploads: 0, readings: 0), { _ = try tensor.floats() }),
            (HostCopies(waits: 1, uploads: 0, readings: 0), { _ = try tensor.sum().item() }),
            (HostCopies(waits: 1, uploads: 0, readings: 0), { try tensor.withBytes { _ in } }),
            (HostCopies(waits: 1, uploads: 0, readings: 0), { _ = try tensor.to(.meta) }),
            (HostCopies(waits: 0, uploads: 0, readings: 1), { _ = try Reading(numbers).values() }),
            (HostCopies(waits: 0, uploads: 0, readings: 0), { _ = try tensor.to(.bfloat16) + tensor }),
        ]
        for (expected, work) in work { #expect(try Self.copies(work) == expected) }
    }

    /// A reading holds what the tensor held.
    @Test func readsWhatWasThere() throws {
        let tensor = try Tensor(elements: [1.5, -2, 1e300], type: .float64, shape: [3])
        let reading = try Reading(tensor)
        try tensor.accumulate(tensor)
        #expect(try reading.values() == [1.5, -2, 1e300])
    }

    @Test(.requires(.cuda)) func readsFromCUDA() throws {
        let tensor = try Tensor(elements: [1.5, -2, 1e300], type: .float64, shape: [3], device: .cuda)
        let reading = try Reading(tensor)
        try tensor.accumulate(tensor)
        #expect(try reading.values() == [1.5, -2, 1e300])
    }

    /// Loss, gradients and optimiser: the draws go to the device together, and so do the words of captions.
    @Test(arguments: ModelRegistry.families.map { $0.name }, Precision.allCases)
    func aTrainingStepDoesNotWait(name: String, precision: Precision) throws {
        let (store, loss, uploads) = try Self.subject(name, precision)
        let optimiser = try AdamW(store)
        let found = try Self.copies {
            let loss = try loss()
            try loss.backward()
            _ = try optimiser.step(optimiser.gradients(), rate: 1e-3, loss: loss)
        }
        #expect(found == HostCopies(waits: 0, uploads: uploads, readings: 0))
    }

    /// Operations of libtorch whose result the host needs before it goes on.
    private static let waiting = [
        "aten::item", "aten::_local_scalar_dense", "aten::is_nonzero", "aten::equal", "aten::nonzero",
        "aten::masked_select",
    ]

    @Test(arguments: ModelRegistry.families.map { $0.name })
    func noOperationOfATrainingStepWaits(name: String) throws {
        let (store, loss, _) = try Self.subject(name, .bfloat16)
        let optimiser = try AdamW(store)
        let watched = try Watched {
            let loss = try loss()
            try loss.backward()
            _ = try optimiser.step(optimiser.gradients(), rate: 1e-3, loss: loss)
        }
        let names = Set(watched.calls.map(\.name))
        #expect(names.intersection(Self.waiting) == [] && names.contains("aten::clamp"))
    }

    private static func subject(
        _ name: String, _ precision: Precision
    ) throws -> (store: ParameterStore, loss: () throws -> Tensor, uploads: Int) {
        if let family = ModelRegistry.family(named: name) as? any VideoDiffusionFamily.Type {
            let (store, loss) = try diffusion(family, precision)
            return (store, loss, 2)
        }
        var options = try AutoencoderOptions(preset: .compact, height: 32, width: 32)
        options.widths = [16, 16, 24]
        let model = try ResidualAutoencoder(options, precision: precision)
        let residual = try made("residual", [2, 32, 32, 3], 20)
        return (model.store, { try model.loss(residual, seeds: [RandomSeed(5), RandomSeed(6)]).loss }, 1)
    }

    private static func model<Family: VideoDiffusionFamily>(
        _ family: Family.Type, _ precision: Precision, device: Device = .cpu
    ) throws -> VideoDiffusion<Family> {
        let options = try DiffusionOptions<Family>(
            preset: .compact, frames: 3, height: 32, width: 32, unetWidth: 16, multiples: [1, 2])
        return try VideoDiffusion(options, textEntries: 9, precision: precision, device: device)
    }

    private static let captions = CaptionTokens.words([1, 2, 0, 3, 0, 0], length: 3)
    private static let seeds = [RandomSeed(5), RandomSeed(6)]

    private static func diffusion<Family: VideoDiffusionFamily>(
        _ family: Family.Type, _ precision: Precision
    ) throws -> (ParameterStore, () throws -> Tensor) {
        let model = try model(family, precision)
        let shape = model.options.clipShape
        let clean = try made("clean", [2 * shape[0]] + shape.dropFirst())
        let first = try Tensor.zeros([2, 32, 32, 3], type: .uint8)
        return (model.store, { try model.loss(clean: clean, first: first, captions: captions, seeds: seeds) })
    }

    /// The first step follows a few uploads; after it a step asks for nothing.
    @Test(arguments: [
        SamplerOptions(kind: .ddpm, steps: 4), SamplerOptions(kind: .ddim, steps: 4, eta: 0.5),
        SamplerOptions(kind: .dpm, steps: 4),
    ])
    func aSamplingStepAsksForNothing(options: SamplerOptions) throws {
        let model = try Self.model(EDVDM.self, .float32)
        let first = try Tensor.zeros([2, 32, 32, 3], type: .uint8)
        var counts: [HostCopies] = []
        _ = try model.sample(
            first: first, captions: Self.captions, seeds: Self.seeds, options: options, guidance: 2
        ) { _ in counts.append(.now) }
        #expect(counts.count == 4)
        for (before, after) in zip(counts, counts.dropFirst()) {
            #expect(after - before == HostCopies(waits: 0, uploads: 0, readings: 0))
        }
    }

    /// Tensors that a loss makes lie where its model lies: libtorch refuses operations on two devices, and `meta` is one.
    @Test(arguments: ModelRegistry.families.map { $0.name }.filter { $0 != ResidualVAE.name })
    func aLossStaysOnItsDevice(name: String) throws {
        func loss<Family: VideoDiffusionFamily>(_ family: Family.Type) throws -> Tensor {
            let model = try Self.model(family, .float32, device: .meta)
            let shape = model.options.clipShape
            let clean = try Tensor.zeros([2 * shape[0]] + shape.dropFirst(), device: .meta)
            let first = try Tensor.zeros([2, 32, 32, 3], type: .uint8, device: .meta)
            return try model.loss(clean: clean, first: first, captions: Self.captions, seeds: Self.seeds)
        }
        let family = try #require(ModelRegistry.family(named: name) as? any VideoDiffusionFamily.Type)
        let result = try loss(family)
        #expect(result.device == .meta && result.shape == [])
    }
}
