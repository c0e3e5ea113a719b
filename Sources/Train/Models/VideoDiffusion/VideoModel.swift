public import Storage

/// A model of clips as training and sampling see it.
public protocol VideoModel<Family>: AnyObject {
    /// Its family.
    associatedtype Family: VideoDiffusionFamily

    /// The shape.
    var options: DiffusionOptions<Family> { get }
    /// Its parameters.
    var store: ParameterStore { get }
    /// The names of what ``batchLoss(_:)`` tells beside the loss.
    var metrics: [String] { get }

    /// Tells which options of the sampler do not fit.
    ///
    /// - Throws: `PFrameError`.
    func check(_ options: SamplerOptions) throws(PFrameError)

    /// What the loss of clips follows from, on the model's device.
    ///
    /// - Parameters:
    ///   - clean: what the family's codec makes of a batch, float32 `(B·T, h, w, channels)`.
    ///   - first: uint8 `(B, H, W, 3)`.
    ///   - seeds: one per clip; everything random follows from them.
    ///   - captions: the captions; nil for a model without text.
    func inputs(
        clean: Tensor, first: Tensor, captions: CaptionTokens?, seeds: [RandomSeed]
    ) throws(PFrameError) -> [Tensor]

    /// The loss of clips, with the metrics.
    ///
    /// - Parameter inputs: what ``inputs(clean:first:captions:seeds:)`` made.
    func batchLoss(_ inputs: [Tensor]) throws(PFrameError) -> BatchLoss

    /// Clips drawn from the model, as the family's codec takes them.
    ///
    /// - Parameters:
    ///   - first: the given frames, uint8 `(B, H, W, 3)`.
    ///   - captions: nil for a model without text.
    ///   - seeds: one per clip; the same seeds give the same bytes.
    ///   - options: steps and kind of the sampler.
    ///   - guidance: the scale of classifier-free guidance; 1 for none.
    ///   - progress: called after each step with the number of finished steps; what it throws ends sampling.
    /// - Returns: float32 `(B·T, h, w, channels)`.
    /// - Throws: `PFrameError`, NaN from the network included.
    func sample(
        first: Tensor, captions: CaptionTokens?, seeds: [RandomSeed], options: SamplerOptions, guidance: Double,
        progress: (Int) throws(PFrameError) -> Void
    ) throws(PFrameError) -> Tensor

    /// Asks each network once about one clip of zeros, so that its operations are counted.
    func evaluate() throws(PFrameError)
}
