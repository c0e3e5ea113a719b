internal import CTorch
package import Storage

/// Averages gradients over all ranks while `backward` still computes others.
///
/// Gradients of several parameters travel together in a bucket, a dense float32 array on the device of the collective: over
/// NCCL gradients of a GPU stay there. Since backward meets the parameters about in the reverse of the order in which they
/// were made, so do the buckets; the sum of a bucket starts as soon as its last gradient is complete. Buckets and their
/// order depend on the parameters alone: all ranks start the same sums in the same order, whatever each has computed.
///
/// What a rank computes counts with its weight w, the number of its clips: the result is Σ w·g / Σ w. So N ranks with B
/// clips each are one rank with N·B clips, and a rank may have fewer or none. (Li et al., *PyTorch Distributed:
/// Experiences on Accelerating Data Parallel Training*, 2020, section 3.2, describes buckets and overlapping.)
///
/// ```
/// exchange.begin(weight: Double(clips))     // before the last micro-batch of a step
/// if clips > 0 { try loss.backward() }
/// let gradients = try exchange.finish()
/// ```
package final class GradientExchange {
    /// The largest size of a bucket, unless one parameter is larger: small enough that the last bucket is sent soon,
    /// large enough that its sum is not mostly latency.
    package static let bucketBytes = 8 << 20

    /// Gradients that travel together.
    private struct Bucket {
        /// Float32, dense; the first bucket has the weight behind its gradients.
        let flat: Tensor
        /// Indices of its parameters, and their part of `flat` in the shape and order of memory of the parameter.
        let views: [(parameter: Int, view: Tensor)]
        var missing = 0
    }

    /// The element of the first bucket that holds w.
    private var ownWeight: Tensor
    private let parameters: [ParameterStore.Parameter]
    private let collective: any Collective
    private var buckets: [Bucket] = []
    /// For each parameter, its bucket and its place in there; nil if it is frozen.
    private var places: [(bucket: Int, view: Int)?] = []
    private var isDelivered: [Bool] = []
    private var sums: [any Reduction] = []
    private var weight: Double?
    private var failure: PFrameError?

    /// Buckets for all parameters that have gradients, and what calls when they are complete.
    ///
    /// - Throws: `PFrameError` if another rank has other parameters.
    package init(
        _ parameters: [ParameterStore.Parameter], _ collective: any Collective, bucketBytes: Int = bucketBytes
    ) throws(PFrameError) {
        (self.parameters, self.collective) = (parameters, collective)
        ownWeight = try Tensor.zeros([1])
        places = parameters.map { _ in nil }
        let taken = parameters.indices.reversed().filter { parameters[$0].tensor.requiresGradient }
        let list = taken.map { "\(parameters[$0].name) \(parameters[$0].tensor.shape)" } + ["\(bucketBytes)"]
        let mine = Array(list.joined(separator: "\n").utf8)
        guard try collective.broadcast(mine) == mine else {
            throw PFrameError("this rank has another model than rank 0: start all with the same configuration")
        }
        var (group, bytes): ([Int], Int) = ([], 0)
        for index in taken {
            let size = parameters[index].tensor.count * 4
            if !group.isEmpty, bytes + size > bucketBytes {
                try append(group)
                (group, bytes) = ([], 0)
            }
            group.append(index)
            bytes += size
        }
        try append(group)
        isDelivered = parameters.map { _ in false }
        for index in taken { try listen(to: index) }
    }

    deinit {
        let context = Unmanaged.passUnretained(self).toOpaque()
        for (index, place) in places.enumerated() where place != nil {
            // It fails only where there is no memory for a message.
            _ = ct_on_gradient(parameters[index].tensor.handle, nil, context, 0)
        }
    }

    private func append(_ group: [Int]) throws(PFrameError) {
        let counts = group.map { parameters[$0].tensor.count }
        let sum = counts.reduce(0, +)
        let flat = try Tensor.zeros([sum + (buckets.isEmpty ? 1 : 0)], device: collective.device)
        if buckets.isEmpty { ownWeight = try flat.sliced(sum..<sum + 1, along: 0) }
        var views: [(parameter: Int, view: Tensor)] = []
        var start = 0
        for (index, count) in zip(group, counts) {
            places[index] = (buckets.count, views.count)
            let part = try flat.sliced(start..<start + count, along: 0)
            views.append((index, try Self.shaped(part, parameters[index].tensor.shape)))
            start += count
        }
        buckets.append(Bucket(flat: flat, views: views))
    }

    /// Weights of convolutions have their second dimension last in memory.
    private static func shaped(_ part: Tensor, _ shape: [Int]) throws(PFrameError) -> Tensor {
        guard shape.count == 4 else { return try part.reshaped(shape) }
        return try part.reshaped([shape[0], shape[2], shape[3], shape[1]]).permuted([0, 3, 1, 2])
    }

    private func listen(to index: Int) throws(PFrameError) {
        let context = Unmanaged.passUnretained(self).toOpaque()
        let status = ct_on_gradient(
            parameters[index].tensor.handle,
            { Unmanaged<GradientExchange>.fromOpaque($0).takeUnretainedValue().gradientIsComplete(Int($1)) }, context,
            Int64(index))
        try check(status, "listening to \(parameters[index].name)")
    }

    /// Says that the next `backward` is the last of this step: its gradients are exchanged.
    ///
    /// Gradients of earlier micro-batches in the leaves take part. `weight` is then the weight of all micro-batches
    /// together, and the loss of each micro-batch is scaled with its share.
    ///
    /// - Parameter weight: the clips of this rank in this step, a whole number; with 0 there need be no `backward`.
    package func begin(weight: Double) throws(PFrameError) {
        precondition(self.weight == nil, "begin without finish")
        precondition(weight >= 0, "a negative weight")
        self.weight = weight
        for index in buckets.indices {
            buckets[index].missing = buckets[index].views.count
            // What no gradient comes for counts as zeros.
            try buckets[index].flat.fill(0)
        }
        try ownWeight.fill(weight)
        isDelivered = parameters.map { _ in false }
    }

    /// Waits for all sums, on a GPU without holding up the processor, and gives the averaged gradients: of the parameters
    /// in their order, nil if one is frozen.
    ///
    /// They are float32 views of the buckets, or copies where parameters lie on another device, to be used before the
    /// next `begin`. Where all weights were 0, so are they. The gradients of the leaves are left as they are.
    ///
    /// - Throws: `PFrameError` if a rank stays silent or MPI fails; then all ranks must end.
    package func finish() throws(PFrameError) -> [Tensor?] {
        precondition(weight != nil, "finish without begin")
        if let failure { throw failure }
        for (index, place) in places.enumerated() {
            // The last micro-batch may have done without a parameter that earlier ones used.
            if let place, !isDelivered[index] { try deliver(index, place) }
        }
        try startComplete()
        var divisor = ownWeight
        for (index, sum) in sums.enumerated() {
            try sum.wait()
            // Where all weights are 0, so are the sums.
            if index == 0 { divisor = try ownWeight.clamped(1, .infinity) }
            try buckets[index].flat.divide(by: divisor)
        }
        sums.removeAll(keepingCapacity: true)
        weight = nil
        var gradients: [Tensor?] = []
        for (parameter, place) in zip(parameters, places) {
            gradients.append(
                try place.map { place throws(PFrameError) in
                    try buckets[place.bucket].views[place.view].view.to(parameter.tensor.device)
                })
        }
        return gradients
    }

    private func gradientIsComplete(_ index: Int) {
        guard weight != nil, failure == nil, let place = places[index] else { return }
        precondition(!isDelivered[index], "two backward passes after begin")
        do {
            try deliver(index, place)
            try startComplete()
            try collective.proceed()
        } catch {
            // Nothing can be thrown through libtorch: finish does.
            failure = error
        }
    }

    private func deliver(_ index: Int, _ place: (bucket: Int, view: Int)) throws(PFrameError) {
        isDelivered[index] = true
        buckets[place.bucket].missing -= 1
        guard let weight, weight > 0, let gradient = try parameters[index].tensor.gradient() else { return }
        try buckets[place.bucket].views[place.view].view.accumulate(
            gradient.to(collective.device), scale: weight)
    }

    /// Starts the sums of complete buckets, none before those in front of it.
    private func startComplete() throws(PFrameError) {
        while sums.count < buckets.count, buckets[sums.count].missing == 0 {
            sums.append(try collective.allReduce(buckets[sums.count].flat))
        }
    }
}

@available(*, unavailable)
extension GradientExchange: Sendable {}
