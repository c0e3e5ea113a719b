import Storage

/// What a video diffusion model is conditioned on, read by networks that learn with the model.
struct ConditionEncoder {
    private let firstFrame: FirstFrameEncoder?
    private let text: TextEncoder?
    private let store: ParameterStore

    /// The encoders of a model: `first_frame`, where the frame itself is not the condition, and `text`, where captions
    /// are read.
    ///
    /// - Parameter textEntries: the number of words or labels, or the width of features.
    init<Family>(
        _ options: DiffusionOptions<Family>, textEntries: Int, in store: ParameterStore
    ) throws(PFrameError) {
        self.store = store
        firstFrame =
            options.firstFrameWidths.isEmpty
            ? nil
            : try FirstFrameEncoder(
                store.root["first_frame"], widths: options.firstFrameWidths, blocks: options.firstFrameBlocks,
                outputs: options.firstFrameChannels)
        text =
            options.text == .none
            ? nil
            : try TextEncoder(
                store.root["text"], kind: options.text, entries: textEntries, width: options.textWidth)
    }

    /// Features of first frames, `(B, h, w, c)`.
    ///
    /// - Parameter first: uint8 `(B, H, W, 3)`.
    func features(first: Tensor) throws(PFrameError) -> Tensor {
        let x = try first.to(store.device).to(store.precision.type).affine(1 / 127.5, -1)
        guard let firstFrame else { return x }
        return try firstFrame(x)
    }

    /// Captions on the model's device, as the text encoder takes them; nil without text.
    func tensor(_ captions: CaptionTokens?) throws(PFrameError) -> Tensor? {
        guard let text, let captions else { return nil }
        return try text.tensor(captions)
    }

    /// The condition of clips.
    ///
    /// - Parameters:
    ///   - first: uint8 `(B, H, W, 3)`.
    ///   - captions: what ``tensor(_:)`` made; nil for a model without text.
    ///   - isGiven: int64 `(B)`, 1 for a caption, 0 for a dropped one.
    func callAsFunction(
        first: Tensor, captions: Tensor?, isGiven: Tensor
    ) throws(PFrameError) -> Condition {
        Condition(firstFrame: try features(first: first), text: try embedding(captions, isGiven: isGiven))
    }

    /// The condition of sampled clips, and where there is guidance the same clips without captions behind them.
    func sampled(first: Tensor, captions: CaptionTokens?, isGuided: Bool) throws(PFrameError) -> Condition {
        func all(_ value: Double) throws(PFrameError) -> Tensor {
            try Tensor.full([first.shape[0]], value, type: .int64, device: store.device)
        }
        let tokens = try tensor(captions)
        let given = try self(first: first, captions: tokens, isGiven: all(1))
        guard isGuided else { return given }
        let empty = Condition(firstFrame: given.firstFrame, text: try embedding(tokens, isGiven: all(0)))
        return try given.followed(by: empty)
    }

    private func embedding(_ captions: Tensor?, isGiven: Tensor) throws(PFrameError) -> Tensor? {
        guard let text, let captions else { return nil }
        return try text(captions, isGiven: isGiven)
    }
}

@available(*, unavailable)
extension ConditionEncoder: Sendable {}
