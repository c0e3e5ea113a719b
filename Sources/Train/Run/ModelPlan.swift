public import Storage

/// What a model takes, known without training it and without a data set.
public struct ModelPlan: Sendable, Equatable {
    /// Learned numbers.
    public let parameters: Int
    /// Floating-point operations of a clip in training, forward and backward, two per multiply-add (10⁹).
    public let trainingGFLOP: Double
    /// Floating-point operations of a clip in one evaluation of the network (10⁹).
    public let forwardGFLOP: Double
    /// Bytes of weights, gradients, moments and moving average.
    public let stateBytes: Int
    /// Bytes of what a clip's gradients need.
    public let clipBytes: Int

    /// Bytes that training takes with the given number of clips per batch, about.
    public func memoryBytes(batch: Int) -> Int { stateBytes + batch * clipBytes }

    /// Plans a model whose parameters have a shape and no memory (`Device.meta`).
    ///
    /// - Parameters:
    ///   - evaluate: evaluates the network for one clip of zeros without memory.
    ///   - store: takes the parameters.
    public init(
        _ store: ParameterStore, evaluate: () throws(PFrameError) -> Void
    ) throws(PFrameError) {
        let before = FlopCount.now
        try evaluate()
        let after = FlopCount.now
        parameters = store.count
        (trainingGFLOP, forwardGFLOP) = (
            (after.training - before.training) / 1e9, (after.forward - before.forward) / 1e9
        )
        // Master, two moments, average; gradient; and the copy in lower precision. A frozen one has no state.
        let (learned, frozen) = store.precision == .float32 ? (4 * 5, 4) : (4 * 4 + 2 * 2, 4 + 2)
        stateBytes = store.parameters.reduce(0) { $0 + $1.master.count * ($1.isFrozen ? frozen : learned) }
        clipBytes = Int(after.bytes - before.bytes)
    }
}
