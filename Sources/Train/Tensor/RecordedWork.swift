import CTorch
package import Storage

/// Work that a device repeats on the memory that it was recorded on, without being given its operations one by one.
package struct RecordedWork {
    /// What the work makes: the values are those of the last ``replay``, and none before the first.
    package let results: [Tensor]
    private let body: () throws(PFrameError) -> Void

    /// Work that `replay` gives the device.
    package init(results: [Tensor], replay: @escaping () throws(PFrameError) -> Void) {
        (self.results, body) = (results, replay)
    }

    /// Gives the device the work once more.
    package func replay() throws(PFrameError) { try body() }
}

/// What records work.
package struct WorkRecorder {
    /// Records the operations of some work: they must depend on tensors alone that exist before, and neither read from the
    /// program's memory nor wait for the device.
    package let record: (_ work: @escaping () throws(PFrameError) -> [Tensor]) throws(PFrameError) -> RecordedWork

    /// A recorder by itself.
    package init(
        _ record: @escaping (@escaping () throws(PFrameError) -> [Tensor]) throws(PFrameError) -> RecordedWork
    ) { self.record = record }

    /// Records CUDA graphs of a GPU; nil for another device.
    ///
    /// The memory that recorded work takes serves nothing else. Therefore work is not recorded where tensors have taken more
    /// than half of the memory of the GPU.
    package init?(_ device: Device) {
        guard device.kind == .cuda else { return nil }
        self.init { work throws(PFrameError) in
            if let memory = device.facts?.memory, device.highestMemory > memory / 2 {
                throw PFrameError(.full, "a step takes more than half of the memory of \(device)")
            }
            let graph = try CUDAGraph(device)
            let results = try work()
            try graph.end()
            return RecordedWork(results: results, replay: graph.replay)
        }
    }
}

@available(*, unavailable)
extension RecordedWork: Sendable {}

@available(*, unavailable)
extension WorkRecorder: Sendable {}

/// A CUDA graph, which records from when it is made until ``end()``.
private final class CUDAGraph {
    private let handle: OpaquePointer

    init(_ device: Device) throws(PFrameError) {
        var made: OpaquePointer?
        try check(ct_graph_begin(device.code, &made), "recording work of \(device)")
        guard let made else { throw PFrameError("recording work of \(device): libtorch gave nothing") }
        handle = made
    }

    deinit { ct_graph_free(handle) }

    func end() throws(PFrameError) { try check(ct_graph_end(handle), "recording work") }

    func replay() throws(PFrameError) { try check(ct_graph_replay(handle), "repeating recorded work") }
}
