import CTorch
package import Storage

/// Copies between the host and a device that this thread has asked for.
///
/// A GPU works behind the program that gives it work. Where the program waits for the GPU, the GPU idles afterwards until it
/// has work again. The CPU counts as a device, so that a count on the CPU is the count on a GPU.
package struct HostCopies: Sendable, Equatable {
    /// Copies that the program waits for: elements that it reads, overwrites, lends, or moves to another device.
    package var waits: Int
    /// Copies of the program's memory to new tensors, which follow the work that the device has.
    package var uploads: Int
    /// Copies that a ``Reading`` takes.
    package var readings: Int

    /// Counts.
    package init(waits: Int, uploads: Int, readings: Int) {
        (self.waits, self.uploads, self.readings) = (waits, uploads, readings)
    }

    /// Since the thread began.
    package static var now: HostCopies {
        let count = ct_copies_so_far()
        return HostCopies(waits: Int(count.waits), uploads: Int(count.uploads), readings: Int(count.readings))
    }

    /// Those since an earlier count.
    package static func - (later: HostCopies, earlier: HostCopies) -> HostCopies {
        HostCopies(
            waits: later.waits - earlier.waits, uploads: later.uploads - earlier.uploads,
            readings: later.readings - earlier.readings)
    }
}

/// Float64 numbers on their way from a device to the program, which does other work meanwhile.
package final class Reading {
    private let handle: OpaquePointer
    private let count: Int

    /// Starts a copy of float64 elements, as they are when the device comes to the copy.
    package init(_ tensor: Tensor) throws(PFrameError) {
        precondition(tensor.type == .float64, "a reading of \(tensor.type)")
        var result: OpaquePointer?
        try check(ct_reading_start(tensor.handle, &result), "reading \(tensor.shape)")
        guard let result else { throw PFrameError("reading \(tensor.shape): libtorch gave nothing") }
        (handle, count) = (result, tensor.count)
    }

    deinit { ct_reading_free(handle) }

    /// Waits until they have arrived, and gives the elements in C order.
    package func values() throws(PFrameError) -> [Double] {
        var status = CT_OK
        let result = [Double](unsafeUninitializedCapacity: count) { buffer, initialized in
            status = ct_reading_finish(handle, buffer.baseAddress, count * MemoryLayout<Double>.size)
            initialized = status == CT_OK ? count : 0
        }
        try check(status, "reading \(count) numbers")
        return result
    }
}

@available(*, unavailable)
extension Reading: Sendable {}
