public import Codec
public import MotionVectors
public import Storage
import SystemPackage

/// Makes clips of first frames and captions with a trained model.
///
/// Every clip has noise of its own, and no operation mixes clips; so a clip follows from its request, but for the last
/// digits, which depend on how many are computed together. The same requests and batch size give the same clip.
public struct VideoSampler {
    /// The model.
    public let trained: TrainedModel
    /// How it samples.
    public let options: SamplerOptions
    /// The scale of classifier-free guidance; 1 for none.
    public let guidance: Double
    /// Clips that are made together.
    public let batchSize: Int

    /// Prepares a model for sampling.
    ///
    /// - Parameters:
    ///   - guidance: nil for 2 where the model reads text, and 1 where it does not.
    ///   - trained: a model with its weights.
    ///   - options: steps and kind of the sampler.
    ///   - batchSize: clips that are made together.
    /// - Throws: `PFrameError` for guidance that makes no sense.
    public init(
        _ trained: TrainedModel, options: SamplerOptions = SamplerOptions(), guidance: Double? = nil,
        batchSize: Int = 8
    ) throws(PFrameError) {
        precondition(batchSize > 0, "a batch of \(batchSize)")
        let readsText = trained.generator.captions != nil
        let scale = guidance ?? (readsText ? 2 : 1)
        guard scale.isFinite, scale >= 0 else { throw PFrameError(.usage, "guidance is 0 or more, not \(scale)") }
        guard readsText || scale == 1 else {
            throw PFrameError(.usage, "guidance \(scale) follows captions, and this model was trained without text")
        }
        (self.trained, self.options, self.guidance, self.batchSize) = (trained, options, scale, batchSize)
        // Says what does not fit before anything is computed.
        try trained.generator.check(options)
    }

    /// The sizes of its frames.
    public var sizes: [Size] { trained.generator.sizes }
    /// Frames of a clip, the given one included.
    public var frames: Int { trained.generator.frames }

    /// Tells which request the model cannot fulfil.
    ///
    /// - Throws: `PFrameError` for a frame of another size, or a label that the model does not know.
    public func check(_ requests: [SampleRequest]) throws(PFrameError) {
        for request in requests where !sizes.contains(request.size) {
            let taken = sizes.map(\.description).joined(separator: " or ")
            throw PFrameError(
                .conflict, path: request.source,
                "is \(request.size), but the model takes \(taken): crop, pad or stretch it")
        }
        if let captions = trained.generator.captions, captions.kind == .labels {
            for label in Set(requests.map(\.caption)).sorted() { _ = try captions.tokens(captions: [label]) }
        }
    }

    /// Makes the clips, batch by batch, in order.
    ///
    /// - Parameters:
    ///   - shouldStop: called after every step of sampling.
    ///   - progress: told clips done, those under way in parts.
    ///   - made: given each clip as soon as its batch is there.
    ///   - requests: the clips to make.
    /// - Returns: false if it was stopped.
    /// - Throws: `PFrameError` for requests that the model cannot fulfil, weights that give NaN, and what `made` throws.
    public func sample(
        _ requests: [SampleRequest], shouldStop: () -> Bool = { false }, progress: (Double) -> Void = { _ in },
        made: (SampleRequest, Clip) throws(PFrameError) -> Void
    ) throws(PFrameError) -> Bool {
        try check(requests)
        var start = 0
        while start < requests.count {
            let next = requests[start..<min(start + batchSize, requests.count)]
            // A batch is of one size.
            let batch = Array(next.prefix { $0.size == requests[start].size })
            let clips = try self.batch(batch, shouldStop: shouldStop) { share in
                progress(Double(start) + share * Double(batch.count))
            }
            guard let clips else { return false }
            for (request, clip) in zip(batch, clips) { try made(request, clip) }
            start += batch.count
        }
        return true
    }

    /// The clips of one batch; nil if it was stopped.
    private func batch(
        _ requests: [SampleRequest], shouldStop: () -> Bool, progress: (Double) -> Void
    ) throws(PFrameError) -> [Clip]? {
        var isStopped = false
        do throws(PFrameError) {
            return try trained.generator.generate(requests, options: options, guidance: guidance) {
                step throws(PFrameError) in
                progress(Double(step) / Double(options.steps))
                isStopped = shouldStop()
                if isStopped { throw PFrameError(.interrupted, "interrupted") }
            }
        } catch {
            if isStopped { return nil }
            throw error
        }
    }
}

@available(*, unavailable)
extension VideoSampler: Sendable {}
