import CTorch

/// AdamW (Loshchilov & Hutter 2019) over the float32 masters of a store, with a moving average of the weights.
public final class AdamW {
    /// Its settings.
    public struct Options: Sendable, Equatable {
        /// The decay of the mean of gradients.
        public var beta1 = 0.9
        /// The decay of the mean of squared gradients.
        public var beta2 = 0.999
        /// Added to the denominator.
        public var epsilon = 1e-8
        /// Weight decay of products and convolutions.
        public var weightDecay = 0.01
        /// The largest norm of all gradients together; nil for no clipping.
        public var largestNorm: Double? = 1
        /// The decay of the moving average of weights, reached after a warm-up: min(decay, (1 + n) / (10 + n)).
        public var averageDecay = 0.999

        /// The defaults.
        public init() {}
    }

    /// What it optimises.
    public let store: ParameterStore
    /// Its settings.
    public let options: Options
    /// Steps taken.
    public internal(set) var steps = 0
    /// For each parameter of the store, in its order: mean of gradients, mean of their squares, moving average.
    let states: [State]

    struct State {
        let first: Tensor
        let second: Tensor
        let average: Tensor
    }

    /// An optimiser of all parameters that have gradients.
    public init(_ store: ParameterStore, _ options: Options = Options()) throws(TrainError) {
        (self.store, self.options) = (store, options)
        var states: [State] = []
        for parameter in store.parameters {
            let master = parameter.master
            let average = try master.zerosLike()
            try average.set(master)
            states.append(State(first: try master.zerosLike(), second: try master.zerosLike(), average: average))
        }
        self.states = states
    }

    /// The moving average of parameter `index` of the store.
    public func average(_ index: Int) -> Tensor { states[index].average }

    /// The gradients of all parameters, nil where there is none.
    public func gradients() throws(TrainError) -> [Tensor?] {
        var result: [Tensor?] = []
        for parameter in store.parameters { result.append(try parameter.tensor.gradient()) }
        return result
    }

    /// Takes a step, unless the norm of the gradients is no finite number, and forgets the gradients.
    ///
    /// - Parameters:
    ///   - gradients: one for each parameter of the store; one without stays as it is.
    ///   - rate: the learning rate of this step.
    /// - Returns: the norm of all gradients together, before clipping.
    /// - Throws: `TrainError` of libtorch.
    public func step(_ gradients: [Tensor?], rate: Double) throws(TrainError) -> Double {
        precondition(gradients.count == states.count, "\(gradients.count) gradients for \(states.count) parameters")
        let handles = gradients.compactMap { $0?.handle }.map(Optional.some)
        var squared = 0.0
        let status = handles.withUnsafeBufferPointer {
            guard let base = $0.baseAddress else { return CT_OK }
            return ct_squared_norm(base, Int32(handles.count), &squared)
        }
        try check(status, "measuring gradients")
        let norm = squared.squareRoot()
        guard norm.isFinite else {
            clear()
            return norm
        }
        steps += 1
        let warm = Double(steps)
        let parameters = store.parameters.indices.compactMap { index -> ct_parameter? in
            guard let gradient = gradients[index] else { return nil }
            let parameter = store.parameters[index]
            let state = states[index]
            return ct_parameter(
                weight: parameter.master.handle,
                low: parameter.tensor === parameter.master ? nil : parameter.tensor.handle,
                gradient: gradient.handle, first_moment: state.first.handle,
                second_moment: state.second.handle, average: state.average.handle,
                decay: parameter.decays ? options.weightDecay : 0)
        }
        let settings = ct_adamw(
            rate: rate, beta1: options.beta1, beta2: options.beta2, epsilon: options.epsilon,
            average_decay: min(options.averageDecay, (1 + warm) / (10 + warm)),
            gradient_scale: options.largestNorm.map { min(1, $0 / max(norm, 1e-12)) } ?? 1, step: Int64(steps))
        try check(ct_adamw_step(parameters, Int32(parameters.count), settings), "optimising")
        clear()
        return norm
    }

    /// Forgets the gradients.
    public func clear() {
        for parameter in store.parameters { parameter.tensor.clearGradient() }
    }
}

@available(*, unavailable)
extension AdamW: Sendable {}
