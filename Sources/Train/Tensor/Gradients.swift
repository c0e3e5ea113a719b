import CTorch
public import Storage

/// Automatic differentiation.
extension Tensor {
    /// Whether operations on it are recorded.
    public var requiresGradient: Bool { ct_requires_gradient(handle) }

    /// Makes it a leaf whose gradient `backward` computes, or one without.
    public func requireGradient(_ isRequired: Bool = true) throws(PFrameError) {
        try check(ct_set_requires_gradient(handle, isRequired), "asking for a gradient of \(shape)")
    }

    /// The same elements, unrecorded.
    public func detached() throws(PFrameError) -> Tensor {
        try Self.made("detaching \(shape)") { ct_detach(handle, $0) }
    }

    /// Adds the gradient of this one number to every leaf that it depends on.
    public func backward() throws(PFrameError) { try check(ct_backward(handle), "computing gradients") }

    /// The gradient of a leaf, nil before the first `backward`.
    public func gradient() throws(PFrameError) -> Tensor? {
        var result: OpaquePointer?
        try check(ct_gradient(handle, &result), "reading a gradient of \(shape)")
        return result.map { Tensor(owning: $0) }
    }

    /// Forgets the gradient of a leaf.
    public func clearGradient() { ct_clear_gradient(handle) }
}

/// Runs work whose operations are not recorded.
public func withoutGradients<Result: ~Copyable>(
    _ body: () throws(PFrameError) -> Result
) throws(PFrameError) -> Result {
    let before = ct_record_gradients(false)
    defer { _ = ct_record_gradients(before) }
    return try body()
}

/// Floating-point operations of convolutions and products that this thread has begun, two a multiply-add.
package struct FlopCount: Sendable, Equatable {
    /// Of the calls themselves.
    package var forward: Double
    /// Of their gradients, counted where they are recorded.
    package var backward: Double
    /// Bytes of all results that were recorded, most of which gradients need.
    package var bytes: Double

    /// Since the thread began.
    package static var now: FlopCount {
        let count = ct_flops_so_far()
        return FlopCount(forward: count.forward, backward: count.backward, bytes: count.bytes)
    }

    /// Both together: what training takes.
    package var training: Double { forward + backward }
}
