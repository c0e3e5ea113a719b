public import Storage

/// What a network's predictions are conditioned on: the same for all steps of sampling.
///
/// A network reads the members that it knows. What a family further conditions on is a further member here, nil for all
/// others.
public struct Condition {
    /// Features of the given first frames, `(B, h, w, c)`.
    public var firstFrame: Tensor?
    /// Captions as one vector each, `(B, width)`; nil for a model without text.
    public var text: Tensor?

    /// Makes a condition of the given parts.
    public init(firstFrame: Tensor? = nil, text: Tensor? = nil) { (self.firstFrame, self.text) = (firstFrame, text) }

    /// The conditions of these clips and then of others, as one batch.
    ///
    /// - Throws: `PFrameError` if the shapes do not fit.
    public func followed(by other: Condition) throws(PFrameError) -> Condition {
        func joined(_ member: (Condition) -> Tensor?) throws(PFrameError) -> Tensor? {
            guard let mine = member(self), let others = member(other) else { return nil }
            return try .concatenated([mine, others], along: 0)
        }
        return Condition(firstFrame: try joined(\.firstFrame), text: try joined(\.text))
    }
}

@available(*, unavailable)
extension Condition: Sendable {}
