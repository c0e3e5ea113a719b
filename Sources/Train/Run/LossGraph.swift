package import Storage

/// The loss of a batch, its metrics and its gradients, which a GPU repeats by itself once they were recorded (``StepGraph``).
///
/// It is for batches that are a whole step. Gradients of several micro-batches add up, and those of several ranks are
/// exchanged while others are computed.
package final class LossGraph {
    private let graph: StepGraph
    private let known = Known()

    /// Which parameters of the store have gradients: the same in every step.
    private final class Known { var haveGradients: [Bool] = [] }

    /// A loss that nobody has computed yet.
    ///
    /// - Parameters:
    ///   - optimiser: of the parameters that have gradients.
    ///   - recorder: what records the loss; nil for one that is computed each time.
    ///   - tell: prints a line, if the loss is computed each time although there is a recorder.
    ///   - loss: computes the loss of inputs, as a ``TrainingTask`` does.
    package init(
        _ optimiser: AdamW, _ recorder: WorkRecorder?, tell: @escaping (String) -> Void,
        _ loss: @escaping ([Tensor]) throws(PFrameError) -> BatchLoss
    ) {
        graph = StepGraph(recorder, tell: tell) { [known] inputs throws(PFrameError) in
            // A computation that failed halfway may have left some.
            optimiser.clear()
            let result = try loss(inputs)
            try result.loss.backward()
            let gradients = try optimiser.gradients()
            known.haveGradients = gradients.map { $0 != nil }
            return try result.numbers() + gradients.compactMap(\.self)
        }
    }

    /// The floating-point operations of the last loss and its gradients.
    package var operations: Double { graph.operations }

    /// Computes a loss and its gradients.
    ///
    /// - Returns: the loss and the metrics, float64 `(1)` each, and the gradients of the parameters of the store in their
    ///   order, nil for one without. The next loss may overwrite them.
    package func callAsFunction(
        _ inputs: [Tensor]
    ) throws(PFrameError) -> (numbers: [Tensor], gradients: [Tensor?]) {
        let results = try graph(inputs)
        var gradients = results.suffix(known.haveGradients.count { $0 })
        let numbers = Array(results.dropLast(gradients.count))
        return (numbers, known.haveGradients.map { $0 ? gradients.removeFirst() : nil })
    }
}

extension BatchLoss {
    /// The loss and the metrics without what made them: float64 `(1)` each.
    func numbers() throws(PFrameError) -> [Tensor] {
        try ([loss] + metrics).map { value throws(PFrameError) in
            try value.detached().to(.float64).reshaped([1])
        }
    }
}

@available(*, unavailable)
extension LossGraph: Sendable {}
