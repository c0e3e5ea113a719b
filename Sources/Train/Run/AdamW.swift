import CTorch
public import Storage

/// AdamW (Loshchilov & Hutter 2019) over the float32 masters of a store, with a moving average of the weights.
///
/// Parameters that are frozen when it is made have no state and stay as they are.
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
    /// Steps taken, those that changed nothing included.
    public internal(set) var steps = 0
    /// For each parameter of the store, in its order: mean of gradients, mean of their squares, moving average; nil for
    /// a frozen one.
    let states: [State?]

    struct State {
        let first: Tensor
        let second: Tensor
        let average: Tensor
    }

    /// An optimiser of all parameters that have gradients.
    public init(_ store: ParameterStore, _ options: Options = Options()) throws(PFrameError) {
        (self.store, self.options) = (store, options)
        var states: [State?] = []
        for parameter in store.parameters {
            guard !parameter.isFrozen else {
                states.append(nil)
                continue
            }
            let master = parameter.master
            let average = try master.zerosLike()
            try average.set(master)
            states.append(State(first: try master.zerosLike(), second: try master.zerosLike(), average: average))
        }
        self.states = states
    }

    /// The moving average of parameter `index` of the store; a frozen parameter itself.
    public func average(_ index: Int) -> Tensor { states[index]?.average ?? store.parameters[index].master }

    /// The gradients of all parameters, nil if there is none.
    public func gradients() throws(PFrameError) -> [Tensor?] {
        var result: [Tensor?] = []
        for parameter in store.parameters { result.append(try parameter.tensor.gradient()) }
        return result
    }

    /// Takes a step, and forgets the gradients. The device decides by itself how far gradients are clipped, and whether the
    /// step changes anything: the caller need not wait for it.
    ///
    /// Where the norm or the loss is not a finite number, weights and moments stay as they are. The count of steps and the
    /// moving average have gone on then, so that training has to end.
    ///
    /// - Parameters:
    ///   - gradients: one per parameter of the store; a parameter without a gradient does not change. The step overwrites
    ///     them.
    ///   - rate: the learning rate of this step.
    ///   - loss: one number of any type; nil if only the norm decides.
    /// - Returns: the norm of all gradients together before clipping, one float64 number on the device.
    /// - Throws: `PFrameError` of libtorch.
    public func step(_ gradients: [Tensor?], rate: Double, loss: Tensor? = nil) throws(PFrameError) -> Tensor {
        precondition(gradients.count == states.count, "\(gradients.count) gradients for \(states.count) parameters")
        steps += 1
        let norm = try Self.norm(gradients.compactMap(\.self), device: store.device)
        var update = Update(rate: rate, step: steps, scale: try scale(norm, loss))
        (update.beta1, update.beta2, update.epsilon) = (options.beta1, options.beta2, options.epsilon)
        let warm = Double(steps)
        update.averageDecay = min(options.averageDecay, (1 + warm) / (10 + warm))
        for (index, parameter) in store.parameters.enumerated() {
            guard let gradient = gradients[index], let state = states[index] else { continue }
            update.parts.append(
                Update.Part(
                    weight: parameter.master, low: parameter.tensor === parameter.master ? nil : parameter.tensor,
                    gradient: gradient, first: state.first, second: state.second, average: state.average,
                    decay: parameter.decays ? options.weightDecay : 0))
        }
        try update.apply()
        clear()
        return norm
    }

    /// What gradients of a norm are multiplied by: at most 1, NaN where the norm or the loss is not finite.
    private func scale(_ norm: Tensor, _ loss: Tensor?) throws(PFrameError) -> Tensor {
        // 0 times a number is 0, and 0 times infinity or NaN is NaN.
        var void = try norm * 0
        if let loss { void = try void + loss.detached().to(.float64) * 0 }
        guard let largest = options.largestNorm else { return try (void + 1).to(.float32) }
        let limit = try Tensor.full([], largest, type: .float64, device: norm.device)
        return try ((limit / norm.clamped(1e-12, .infinity)).clamped(0, 1) + void).to(.float32)
    }

    /// The Euclidean norm of all elements together, one float64 number on the device.
    package static func norm(_ tensors: [Tensor], device: Device) throws(PFrameError) -> Tensor {
        guard !tensors.isEmpty else { return try Tensor.zeros([], type: .float64, device: device) }
        let handles = tensors.map { Optional.some($0.handle) }
        return try Tensor.made("measuring gradients") { out in
            handles.withUnsafeBufferPointer {
                guard let base = $0.baseAddress else { return CT_FAILED }
                return ct_norm(base, Int32(handles.count), out)
            }
        }
    }

    /// Forgets the gradients.
    public func clear() {
        for parameter in store.parameters { parameter.tensor.clearGradient() }
    }
}

@available(*, unavailable)
extension AdamW: Sendable {}

/// One step of AdamW over parameters whose gradients are known: `ct_adamw_step`.
package struct Update {
    /// A parameter with all that a step reads and changes.
    package struct Part {
        package var weight: Tensor
        /// The copy of lower precision.
        package var low: Tensor?
        package var gradient, first, second: Tensor
        package var average: Tensor?
        package var decay: Double

        package init(
            weight: Tensor, low: Tensor?, gradient: Tensor, first: Tensor, second: Tensor, average: Tensor?,
            decay: Double
        ) {
            (self.weight, self.low, self.gradient) = (weight, low, gradient)
            (self.first, self.second, self.average, self.decay) = (first, second, average, decay)
        }
    }

    package var parts: [Part] = []
    package var rate: Double
    /// From 1.
    package var step: Int
    package var beta1 = 0.9
    package var beta2 = 0.999
    package var epsilon = 1e-8
    package var averageDecay = 0.0
    /// What gradients are multiplied by: one float32 number; NaN for a step that changes neither weights nor moments.
    package var scale: Tensor

    package init(rate: Double, step: Int, scale: Tensor) { (self.rate, self.step, self.scale) = (rate, step, scale) }

    /// Changes weights, copies, moments and averages; gradients are overwritten.
    ///
    /// - Throws: `PFrameError` if types or shapes do not fit.
    package func apply() throws(PFrameError) {
        let parameters = parts.map { part in
            ct_parameter(
                weight: part.weight.handle, low: part.low?.handle, gradient: part.gradient.handle,
                first_moment: part.first.handle, second_moment: part.second.handle, average: part.average?.handle,
                decay: part.decay)
        }
        let settings = ct_adamw(
            rate: rate, beta1: beta1, beta2: beta2, epsilon: epsilon, average_decay: averageDecay, step: Int64(step))
        try check(ct_adamw_step(parameters, Int32(parameters.count), scale.handle, settings), "optimising")
    }
}

@available(*, unavailable)
extension Update: Sendable {}
