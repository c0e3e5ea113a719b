public import Storage

/// What the ranks that train one model do together. Every rank makes the same calls in the same order.
///
/// ``Communicator`` does it over MPI, for tensors of the processor. Ranks with a GPU each do it over NCCL.
public protocol Collective: AnyObject {
    /// This process among the ranks, from 0.
    var rank: Int { get }
    /// Processes in all.
    var ranks: Int { get }
    /// Where the tensors lie that it sums and copies.
    var device: Device { get }

    /// Starts to sum a tensor over all ranks, element by element, in place. Every rank gets the same bits.
    ///
    /// - Parameter tensor: dense, float32 or float64, of one shape on all ranks. It must be left alone until the sum is
    ///   waited for.
    /// - Throws: `PFrameError` if the sum cannot be started.
    func allReduce(_ tensor: Tensor) throws(PFrameError) -> any Reduction

    /// Lets sums proceed that were started, where they do so only within calls.
    func proceed() throws(PFrameError)

    /// Overwrites a dense tensor with the tensor of rank `root`; shape and type are the same on all ranks.
    ///
    /// - Throws: `PFrameError` if a rank stays silent or the transfer fails.
    func broadcast(_ tensor: Tensor, from root: Int) throws(PFrameError)

    /// Waits until all ranks are here.
    ///
    /// - Throws: `PFrameError` if a rank stays silent.
    func barrier() throws(PFrameError)

    /// The sum over all ranks, number by number: metrics. Every rank gets the same bits.
    ///
    /// - Throws: `PFrameError` if a rank stays silent.
    func sum(_ values: [Double]) throws(PFrameError) -> [Double]
}

/// A sum over all ranks that was started.
public protocol Reduction: AnyObject {
    /// Waits for the sum: operations on the tensor that come after it see the sum.
    ///
    /// - Throws: `PFrameError` if a rank stays silent or the transfer fails; then all ranks must end.
    func wait() throws(PFrameError)
}

extension Collective {
    /// Nothing.
    public func proceed() throws(PFrameError) {}

    /// The bytes of rank `root`, however many each rank has.
    ///
    /// - Throws: `PFrameError` if a rank stays silent or the transfer fails.
    public func broadcast(_ bytes: [UInt8], from root: Int = 0) throws(PFrameError) -> [UInt8] {
        let length = Int(try sum([rank == root ? Double(bytes.count) : 0])[0])
        guard length > 0 else { return [] }
        let tensor =
            rank == root
            ? try Tensor(elements: bytes, type: .uint8, shape: [length], device: device)
            : try Tensor.zeros([length], type: .uint8, device: device)
        try broadcast(tensor, from: root)
        return try tensor.bytes()
    }
}
