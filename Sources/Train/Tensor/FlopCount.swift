import CTorch

/// Floating-point operations of convolutions and products that this thread has begun, two a multiply-add.
public struct FlopCount: Sendable, Equatable {
    /// Of the calls themselves.
    public var forward: Double
    /// Of their gradients, counted where they are recorded.
    public var backward: Double
    /// Bytes of all results that were recorded, most of which gradients need.
    public var bytes: Double

    /// Since the thread began.
    public static var now: FlopCount {
        let count = ct_flops_so_far()
        return FlopCount(forward: count.forward, backward: count.backward, bytes: count.bytes)
    }

    /// Both together: what training takes.
    public var training: Double { forward + backward }
}
