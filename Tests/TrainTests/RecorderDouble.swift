import Storage
import Train

/// Stands in for CUDA graphs where there is no GPU: recorded work has memory of its own, which holds nothing before a replay,
/// and a replay computes from what the inputs hold then.
final class RecorderDouble {
    enum Fault: Sendable {
        /// Recording fails, as where an operation is not permitted meanwhile.
        case refuses
        /// A replay gives what was computed from the inputs that were there at the time of recording.
        case repeatsConstants
    }

    /// What was called, in order.
    private(set) var calls: [String] = []
    private let fault: Fault?

    init(_ fault: Fault? = nil) { self.fault = fault }

    var recorder: WorkRecorder {
        WorkRecorder { [self] work throws(PFrameError) in
            calls.append("record")
            let made = try work()
            guard fault != .refuses else { throw PFrameError("operation not permitted when stream is capturing") }
            var results: [Tensor] = []
            for result in made {
                let own = try result.copy()
                try own.fill(.nan)
                results.append(own)
            }
            return RecordedWork(results: results) { [self, results] () throws(PFrameError) in
                calls.append("replay")
                for (own, value) in zip(results, fault == .repeatsConstants ? made : try work()) { try own.set(value) }
            }
        }
    }
}
