internal import CTorch
package import Storage

/// Ranks with a GPU each, over NCCL: what is summed or copied stays on the GPUs.
///
/// NCCL works on a stream of its own, beside the operations of the device: a sum begins when its tensor is computed, and
/// what reads the tensor after ``Reduction/wait()`` begins when the sum is there. The processor waits for neither.
///
/// Numbers of the processor and barriers go over another collective, the `host`, which also brings NCCL's identifier from
/// rank 0 to the others.
package final class NCCLCollective: Collective {
    package let device: Device
    private let nccl: NCCL
    private let host: any Collective
    private let handle: NCCL.Handle
    private let stream: SideStream

    /// Joins the GPUs of all ranks.
    ///
    /// - Parameters:
    ///   - nccl: its functions.
    ///   - device: the GPU of this rank, opened; each rank has another one.
    ///   - host: the same ranks.
    /// - Throws: `PFrameError` of NCCL.
    package init(_ nccl: NCCL, device: Device, host: any Collective) throws(PFrameError) {
        (self.nccl, self.device, self.host) = (nccl, device, host)
        var id: [UInt8] = []
        if host.rank == 0 { try nccl.check(nccl.getUniqueId(&id), "naming the GPUs of all ranks") }
        id = try host.broadcast(id)
        stream = try SideStream(device)
        var made: NCCL.Handle?
        try nccl.check(
            nccl.commInitRank(&made, Int32(host.ranks), id, Int32(host.rank)), "joining \(device) to the other ranks")
        guard let made else { throw PFrameError("joining \(device) to the other ranks: NCCL gave nothing") }
        handle = made
    }

    /// Leaves, once all ranks do. A process that fails ends without it: NCCL would wait for sums that never come.
    package func close() throws(PFrameError) {
        try nccl.check(nccl.commDestroy(handle), "leaving the GPUs of the other ranks")
    }

    package var rank: Int { host.rank }
    package var ranks: Int { host.ranks }

    package func allReduce(_ tensor: Tensor) throws(PFrameError) -> any Reduction {
        precondition(tensor.type == .float32 || tensor.type == .float64, "sums are of float32 or float64")
        let memory = try memory(of: tensor)
        try stream.follow()
        let code = nccl.allReduce(
            memory, memory, tensor.count, tensor.type == .float32 ? .float32 : .float64, .sum, handle, stream.handle)
        try nccl.check(code, "starting a sum of \(tensor.shape) over \(ranks) GPUs")
        return stream
    }

    package func broadcast(_ tensor: Tensor, from root: Int) throws(PFrameError) {
        let memory = try memory(of: tensor)
        try stream.follow()
        let code = nccl.broadcast(
            memory, memory, tensor.count * tensor.type.size, .uint8, Int32(root), handle, stream.handle)
        try nccl.check(code, "copying \(tensor.shape) of rank \(root) to \(ranks) GPUs")
        try stream.join()
    }

    package func barrier() throws(PFrameError) { try host.barrier() }

    package func sum(_ values: [Double]) throws(PFrameError) -> [Double] { try host.sum(values) }

    private func memory(of tensor: Tensor) throws(PFrameError) -> UnsafeMutableRawPointer {
        guard tensor.device == device, let memory = ct_memory(tensor.handle) else {
            throw PFrameError(.usage, "a tensor \(tensor.shape) on \(tensor.device) is not dense on \(device)")
        }
        return memory
    }
}

@available(*, unavailable)
extension NCCLCollective: Sendable {}

/// The sums that the stream got.
extension SideStream: Reduction {
    func wait() throws(PFrameError) { try join() }
}
