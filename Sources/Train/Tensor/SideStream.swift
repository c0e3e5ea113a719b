import CTorch
import Storage

/// Work on a device beside its operations, in an order of its own: a CUDA stream.
///
/// On the CPU operations are done when their calls return, and a stream has nothing to order.
final class SideStream {
    /// The `cudaStream_t`; on the CPU what tells one stream from another.
    let handle: UnsafeMutableRawPointer
    private let stream: OpaquePointer

    /// A stream of a device.
    init(_ device: Device) throws(PFrameError) {
        var made: OpaquePointer?
        try check(ct_stream_new(device.code, &made), "making a stream of \(device)")
        guard let made else { throw PFrameError("making a stream of \(device): libtorch gave nothing") }
        (stream, handle) = (made, ct_stream_handle(made))
    }

    deinit { ct_stream_free(stream) }

    /// Lets what the stream gets from now on begin after the operations that this thread gave the device.
    func follow() throws(PFrameError) { try check(ct_stream_follow(stream), "ordering a stream") }

    /// Lets the operations that this thread gives the device from now on begin after what the stream got.
    func join() throws(PFrameError) { try check(ct_stream_join(stream), "waiting for a stream") }
}

@available(*, unavailable)
extension SideStream: Sendable {}
