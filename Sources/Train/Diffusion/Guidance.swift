/// Classifier-free guidance (Ho & Salimans 2021): p_u + w (p_c − p_u), in float32.
///
/// It holds for predictions of ε, v and x₀ alike, because they turn into one another by maps that are linear at a given
/// x_t. The scale w is 0 for the model without its condition, 1 for the model with it, and more for samples that keep
/// closer to the condition; in the paper's notation it is 1 + w.
///
/// - Throws: `TrainError` where the shapes differ.
public func guided(conditional: Tensor, unconditional: Tensor, scale: Double) throws(TrainError) -> Tensor {
    guard conditional.shape == unconditional.shape else {
        throw TrainError("guidance of a prediction \(conditional.shape) by \(unconditional.shape)")
    }
    // Written so that a scale of 1 gives the conditional prediction exactly.
    return try conditional.to(.float32) * scale + unconditional.to(.float32) * (1 - scale)
}
