package import Storage

/// A step of training or sampling that the GPU repeats by itself: given thousands of small operations one by one, a GPU
/// waits for the processor most of the time.
///
/// The first steps are computed as on the CPU. Once the inputs have had the same shapes for a few steps, one step is computed,
/// recorded and repeated: recorded with the inputs of the step before and repeated with its own. The repeated step must give
/// what the computed one gave. So a number that the recording took for a constant is found. Further steps with
/// inputs of these shapes are repeated; others are computed. Where recording fails, or the repeated step gives something
/// else, all steps are computed from then on.
package final class StepGraph {
    /// What computes a step of its inputs. It depends on these, and on tensors whose memory stays the same.
    package typealias Work = (_ inputs: [Tensor]) throws(PFrameError) -> [Tensor]

    /// Steps with inputs of the same shapes in a row, after which the next one is recorded: libtorch makes much that it
    /// needs at the first use.
    package static let warmUp = 3

    /// The floating-point operations of the last step.
    package private(set) var operations = 0.0
    private let work: Work
    /// Nil once it failed.
    private var recorder: WorkRecorder?
    private let tell: (String) -> Void
    private var recorded: Recorded?
    /// The inputs of the last step, if it was computed, and how many in a row had their shapes.
    private var last: [Tensor] = []
    private var alike = 0

    private struct Recorded {
        let inputs: [Tensor]
        let work: RecordedWork
        let operations: Double
    }

    /// A step that nobody has taken yet.
    ///
    /// - Parameters:
    ///   - recorder: what records the step; nil for one that is computed each time.
    ///   - tell: prints a line, if the step is computed each time although there is a recorder.
    ///   - work: what computes the step.
    package init(_ recorder: WorkRecorder?, tell: @escaping (String) -> Void, _ work: @escaping Work) {
        (self.recorder, self.tell, self.work) = (recorder, tell, work)
    }

    /// Takes a step.
    ///
    /// - Parameter inputs: tensors on the device of the step, unrecorded.
    /// - Returns: the results of the work; the next step may overwrite them.
    /// - Throws: what the work throws.
    package func callAsFunction(_ inputs: [Tensor]) throws(PFrameError) -> [Tensor] {
        if let recorded, Self.areAlike(recorded.inputs, inputs) {
            try Self.set(recorded.inputs, inputs)
            try recorded.work.replay()
            (last, alike, operations) = ([], 0, recorded.operations)
            return recorded.work.results
        }
        let results = try computed(inputs)
        guard let recorder else { return results }
        let previous = last
        alike = Self.areAlike(previous, inputs) ? alike + 1 : 1
        last = inputs
        if alike > Self.warmUp {
            do throws(PFrameError) {
                recorded = nil
                recorded = try record(recorder, previous, inputs, giving: results)
            } catch {
                giveUp(error.message)
            }
        }
        return results
    }

    private func computed(_ inputs: [Tensor]) throws(PFrameError) -> [Tensor] {
        let before = FlopCount.now.training
        defer { operations = FlopCount.now.training - before }
        do throws(PFrameError) {
            return try work(inputs)
        } catch {
            // Memory of a recorded step is missing where a step of other shapes wants it.
            guard recorded != nil, error.isOutOfMemory else { throw error }
            giveUp(error.message)
            return try work(inputs)
        }
    }

    private func record(
        _ recorder: WorkRecorder, _ previous: [Tensor], _ inputs: [Tensor], giving expected: [Tensor]
    ) throws(PFrameError) -> Recorded {
        let own = try previous.map { input throws(PFrameError) in try input.copy() }
        let before = HostCopies.now
        let made = try recorder.record { [work] () throws(PFrameError) in try work(own) }
        guard HostCopies.now == before else {
            throw PFrameError(.unsupported, "a step copies between the processor and the GPU")
        }
        try Self.set(own, inputs)
        try made.replay()
        guard try Self.agree(made.results, expected) else {
            throw PFrameError(.unsupported, "a repeated step gives other numbers")
        }
        return Recorded(inputs: own, work: made, operations: operations)
    }

    private func giveUp(_ why: String) {
        (recorder, recorded, last) = (nil, nil, [])
        tell("the GPU is given the operations of each step one by one, which is slower for small batches: \(why)")
    }

    private static func areAlike(_ some: [Tensor], _ others: [Tensor]) -> Bool {
        some.count == others.count
            && zip(some, others).allSatisfy { $0.shape == $1.shape && $0.type == $1.type && $0.device == $1.device }
    }

    private static func set(_ targets: [Tensor], _ sources: [Tensor]) throws(PFrameError) {
        for (target, source) in zip(targets, sources) { try target.set(source) }
    }

    /// Whether results are those expected, but for rounding in another order: numbers each within a tenth, arrays
    /// within a tenth of the norm of all.
    private static func agree(_ found: [Tensor], _ expected: [Tensor]) throws(PFrameError) -> Bool {
        guard areAlike(found, expected) else { return false }
        // The squared distance and the squared norm of each number, and of all arrays.
        var pairs: [Tensor] = []
        var ofArrays: Tensor?
        for (found, expected) in zip(found, expected) {
            let (found, expected) = (try found.to(.float32), try expected.to(.float32))
            let pair = try Tensor.concatenated(
                [(found - expected).squared().sum().reshaped([1]), expected.squared().sum().reshaped([1])], along: 0)
            if expected.count == 1 {
                pairs.append(pair)
            } else {
                ofArrays = try ofArrays.map { sum throws(PFrameError) in try sum + pair } ?? pair
            }
        }
        if let ofArrays { pairs.append(ofArrays) }
        guard !pairs.isEmpty else { return true }
        let values = try Tensor.concatenated(pairs, along: 0).floats()
        return stride(from: 0, to: values.count, by: 2).allSatisfy { values[$0] <= 0.01 * values[$0 + 1] }
    }
}

@available(*, unavailable)
extension StepGraph: Sendable {}
