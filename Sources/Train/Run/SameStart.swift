import Shards
import Storage
import SystemPackage

extension Communicator {
    /// Throws on a rank that would begin elsewhere than the first rank, or with other weights: a node may see an older
    /// checkpoint, or none, and the sums of gradients of different weights are no gradients.
    ///
    /// Compared are the step, the place in the data set, and the sum of the squares of all weights in float64.
    func agreeOnStart(
        of optimiser: AdamW, at position: LoaderPosition, in run: FilePath
    ) throws(PFrameError) {
        let squares = try Tensor.zeros([1], type: .float64, device: optimiser.store.device)
        for parameter in optimiser.store.parameters {
            try squares.accumulate(parameter.master.detached().to(.float64).squared().sum().reshaped([1]), scale: 1)
        }
        let place = [Double(optimiser.steps), Double(position.epoch), Double(position.samples)]
        let told = try Tensor.concatenated(
            [Tensor(elements: place, type: .float64, shape: [3], device: .cpu), squares.to(.cpu)], along: 0)
        func numbers() throws(PFrameError) -> [Double] { try told.withBytes { Array($0.bindMemory(to: Double.self)) } }
        let own = try numbers()
        try broadcast(told, from: 0)
        let first = try numbers()
        guard own[0..<3] == first[0..<3] else {
            throw PFrameError(
                .conflict, path: run,
                "this rank begins after step \(Int(own[0])), and rank 0 after step \(Int(first[0])): all ranks must see the "
                    + "same checkpoint. Start again once the folder shows it on all machines")
        }
        // Machines may add in another order.
        guard abs(own[3] - first[3]) <= 1e-9 * abs(first[3]) else {
            throw PFrameError(
                .conflict, path: run,
                "this rank has other weights than rank 0 after step \(Int(own[0])): all ranks must begin with the same "
                    + "checkpoint, or with the same files")
        }
    }
}
