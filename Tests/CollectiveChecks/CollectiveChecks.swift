package import Storage
package import Train

/// What every ``Collective`` must do. Each rank calls it; what comes out is known by plain arithmetic.
package enum CollectiveChecks {
    /// What this rank found wrong.
    package static func problems(of collective: any Collective) throws(PFrameError) -> [String] {
        var problems: [String] = []
        let (rank, ranks) = (collective.rank, collective.ranks)
        // 1 + 2 + … + R.
        let triangle = Double(ranks * (ranks + 1) / 2)

        let sums = try collective.sum([Double(rank + 1), Double(-rank), 0.25])
        if sums != [triangle, Double(ranks) - triangle, 0.25 * Double(ranks)] { problems.append("sum: \(sums)") }
        if try !collective.sum([]).isEmpty { problems.append("sum of nothing") }

        // Several at once, waited for in another order; whole numbers, so that no order of summing matters.
        let counts = [1, 35, 100_003]
        var tensors: [Tensor] = []
        for (place, count) in counts.enumerated() {
            tensors.append(try numbers(count, times: rank + 1, place == 1 ? .float64 : .float32, collective.device))
        }
        var reductions: [any Reduction] = []
        for tensor in tensors { reductions.append(try collective.allReduce(tensor)) }
        try collective.proceed()
        for reduction in reductions.reversed() { try reduction.wait() }
        for (tensor, count) in zip(tensors, counts) {
            let expected = (0..<count).map { Float($0) * Float(triangle) }
            if try tensor.floats() != expected { problems.append("sum of \(count) elements") }
        }

        for root in 0..<ranks {
            try collective.barrier()
            let tensor = try numbers(6, times: rank + 1, .float32, collective.device)
            try collective.broadcast(tensor, from: root)
            let found = try tensor.floats()
            if found != (0..<6).map({ Float($0 * (root + 1)) }) { problems.append("broadcast from \(root): \(found)") }
            let bytes = try collective.broadcast([UInt8](repeating: UInt8(rank), count: 3 * rank), from: root)
            if bytes != [UInt8](repeating: UInt8(root), count: 3 * root) {
                problems.append("\(root)'s bytes: \(bytes)")
            }
        }
        return problems
    }

    private static func numbers(
        _ count: Int, times factor: Int, _ type: ElementType, _ device: Device
    ) throws(PFrameError) -> Tensor {
        try Tensor((0..<count).map { Float($0 * factor) }, device: device).to(type)
    }

    /// Trains a ``SmallModel`` as one rank of several, or alone, on data that are the same everywhere.
    ///
    /// - Parameters:
    ///   - collective: the ranks; nil for one alone.
    ///   - batch: the clips of a step over all ranks.
    ///   - steps: steps of gradient descent.
    /// - Returns: all weights.
    package static func trained(
        _ collective: (any Collective)?, batch: Int, steps: Int, device: Device = .cpu
    ) throws(PFrameError) -> [Float] {
        let store = ParameterStore(device: device, seed: 7)
        let model = try SmallModel(store.root)
        let exchange = try collective.map { collective throws(PFrameError) in
            try GradientExchange(store.parameters, collective, bucketBytes: 4096)
        }
        let own = batch / (collective?.ranks ?? 1)
        let first = own * (collective?.rank ?? 0)
        for step in 0..<steps {
            try exchange?.begin(weight: Double(own))
            try model.loss(step, first..<first + own).backward()
            var gradients: [Tensor?] = []
            if let exchange {
                gradients = try exchange.finish()
            } else {
                for parameter in store.parameters { gradients.append(try parameter.tensor.gradient()) }
            }
            for (parameter, gradient) in zip(store.parameters, gradients) {
                if let gradient { try parameter.master.accumulate(gradient, scale: -0.05) }
                parameter.tensor.clearGradient()
            }
            try store.mastersChanged()
        }
        var weights: [Float] = []
        for parameter in store.parameters { weights += try parameter.master.floats() }
        return weights
    }
}
