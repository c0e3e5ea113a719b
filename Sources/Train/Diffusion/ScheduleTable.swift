public import Storage

/// What a diffusion process takes at each step of its schedule, in the memory of a device: clips look up their levels there
/// by a tensor of steps.
public struct ScheduleTable {
    /// `(steps, 3)`, float32: α, σ and the weight of the loss.
    private let rows: Tensor

    /// The table of a process.
    public init(_ process: DiffusionProcess, device: Device = .cpu) throws(PFrameError) {
        let schedule = process.schedule
        let weights = process.lossWeights(Array(0..<schedule.steps))
        let values = (0..<schedule.steps).flatMap { [schedule.alphas[$0], schedule.sigmas[$0], weights[$0]] }
        rows = try Tensor(values.map(Float.init), shape: [schedule.steps, 3], device: device)
    }

    /// The levels of clips at the given steps, int64 `(B)`.
    public func callAsFunction(_ steps: Tensor) throws(PFrameError) -> ClipLevels {
        let own = try rows.selected(steps)
        func column(_ index: Int) throws(PFrameError) -> Tensor { try own.sliced(index..<index + 1, along: 1) }
        return ClipLevels(
            alphas: try column(0), sigmas: try column(1), weights: try column(2).reshaped([steps.count]))
    }
}

/// What each of B clips takes at its own step, float32.
public struct ClipLevels {
    /// α of every clip, `(B, 1)`.
    public let alphas: Tensor
    /// σ of every clip, `(B, 1)`.
    public let sigmas: Tensor
    /// The weight of every clip in the loss, `(B)`.
    public let weights: Tensor
}

@available(*, unavailable)
extension ScheduleTable: Sendable {}

@available(*, unavailable)
extension ClipLevels: Sendable {}
