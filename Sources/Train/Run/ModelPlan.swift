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

    /// The largest batch whose training fits into a memory of `memory` bytes, about; 0 if no batch does.
    ///
    /// A fifth of the memory is left over: on an H100 training took up to that much more than the plan says.
    public func largestBatch(memory: Int) -> Int { max(0, (memory / 5 * 4 - stateBytes) / max(clipBytes, 1)) }

    /// Batches that fit into a memory where `batch` did not, and how many of them make a step of at least as many clips.
    ///
    /// - Parameters:
    ///   - batch: the clips per batch that were too many.
    ///   - accumulation: the batches per step.
    ///   - memory: bytes of the memory; nil where they are not known, for half the batch.
    /// - Returns: nil if not even a batch of one clip fits.
    public func smallerBatch(
        than batch: Int, accumulation: Int = 1, memory: Int?
    ) -> (batch: Int, accumulation: Int)? {
        let fitting = memory.map { min(largestBatch(memory: $0), batch - 1) } ?? batch / 2
        guard fitting > 0 else { return nil }
        return (fitting, (batch * accumulation + fitting - 1) / fitting)
    }

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
