/// What a model takes, known without training it and without a data set.
public struct ModelPlan: Sendable, Equatable {
    /// Learned numbers.
    public let parameters: Int
    /// Floating-point operations of a clip in training, forward and backward, two a multiply-add (10⁹).
    public let trainingGFLOP: Double
    /// Floating-point operations of a clip in one evaluation of the network (10⁹).
    public let forwardGFLOP: Double
    /// Bytes of weights, gradients, moments and moving average.
    public let stateBytes: Int
    /// Bytes of what a clip's gradients need.
    public let clipBytes: Int

    /// Bytes that training with batches of so many clips takes, about.
    public func memoryBytes(batch: Int) -> Int { stateBytes + batch * clipBytes }

    /// Plans a diffusion model with one clip of zeros that have a shape and no memory.
    public init(_ options: DiffusionOptions, precision: Precision) throws(TrainError) {
        // As many words, or features, as are usual.
        let entries = options.text == .clip ? 512 : 1000
        let model = try VideoDiffusion(options, textEntries: entries, precision: precision, device: .meta)
        let shape = options.clipShape
        let clip = try Tensor.zeros(shape, type: precision.type, device: .meta)
        let first = try Tensor.zeros([1, options.height, options.width, 3], type: .uint8, device: .meta)
        self = try Self.measure(model.store, precision) { () throws(TrainError) in
            let text: Tensor? =
                options.text == .none
                ? nil : try Tensor.zeros([1, options.textWidth], type: precision.type, device: .meta)
            _ = try model.predict(clip, condition: model.condition(first: first), steps: [0], text: text)
        }
    }

    /// Plans an autoencoder; a clip is the residuals that training takes of one.
    public init(_ options: AutoencoderOptions, precision: Precision) throws(TrainError) {
        let model = try ResidualAutoencoder(options, precision: precision, device: .meta)
        let shape = [options.residualsPerClip, options.height, options.width, 3]
        let residual = try Tensor.zeros(shape, device: .meta)
        self = try Self.measure(model.store, precision) { () throws(TrainError) in
            _ = try model.decode(model.encode(residual).mean)
        }
    }

    private init(parameters: Int, trainingGFLOP: Double, forwardGFLOP: Double, stateBytes: Int, clipBytes: Int) {
        (self.parameters, self.trainingGFLOP) = (parameters, trainingGFLOP)
        (self.forwardGFLOP, self.stateBytes, self.clipBytes) = (forwardGFLOP, stateBytes, clipBytes)
    }

    private static func measure(
        _ store: ParameterStore, _ precision: Precision, _ body: () throws(TrainError) -> Void
    ) throws(TrainError) -> ModelPlan {
        let before = FlopCount.now
        try body()
        let after = FlopCount.now
        let forward = after.forward - before.forward
        // Master, two moments, average; gradient; and the copy in lower precision.
        let each = precision == .float32 ? 4 * 5 : 4 * 4 + 2 * 2
        return ModelPlan(
            parameters: store.count, trainingGFLOP: (after.training - before.training) / 1e9,
            forwardGFLOP: forward / 1e9, stateBytes: store.count * each,
            clipBytes: Int(after.bytes - before.bytes))
    }
}
