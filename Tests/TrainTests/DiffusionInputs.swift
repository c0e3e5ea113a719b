import Foundation
import Storage
import Train

/// What `Tests/Peers/diffusion_expected.py` wrote: clips, and what diffusers makes of them.
struct DiffusionInputs: Decodable {
    struct Schedule: Decodable, CustomStringConvertible {
        let name: String
        let zero: Bool
        /// At `places`.
        let alphas, sigmas: [Double]
        /// Of the two clips that follow.
        let steps: [Int]
        let noised, velocity: [Double]
        /// Min-SNR weights with γ = 5 by target, at `places` but the last.
        let weights: [String: [Double]]

        var description: String { zero ? "\(name) to zero SNR" : name }

        func made() throws -> NoiseSchedule { try DiffusionInputs.schedule(name, zero) }
    }

    struct Spacing: Decodable, CustomStringConvertible {
        let steps, sum: Int
        let first, last: [Int]

        var description: String { "\(steps) steps" }
    }

    struct Sampling: Decodable, CustomStringConvertible {
        let sampler, schedule, target: String
        let steps: Int
        let eta: Double
        let zero: Bool
        let clipping: Double?
        /// Empty where there are many.
        let times: [Int]
        /// x at every time, and x₀; only the first, the middle and the last where there are many.
        let path: [[Double]]

        var description: String { "\(sampler) in \(steps), \(schedule)\(zero ? " to zero SNR" : ""), \(target)" }
    }

    let shape: [Int]
    let frames: Int
    let seed: UInt64
    let x, noise: [Float]
    let places: [Int]
    let schedules: [Schedule]
    let spacings: [Spacing]
    let samplers: [Sampling]

    static func expected() throws -> DiffusionInputs {
        let inputs: DiffusionInputs = try decodedFixture("diffusion.json")
        // Of an empty list of arguments a test passes.
        guard !inputs.schedules.isEmpty, !inputs.spacings.isEmpty, !inputs.samplers.isEmpty else {
            throw PFrameError("diffusion.json holds too little")
        }
        return inputs
    }

    func clip() throws -> Tensor { try Tensor(x, shape: shape) }
    func clipOfNoise() throws -> Tensor { try Tensor(noise, shape: shape) }

    static func schedule(_ name: String, _ zero: Bool = false) throws -> NoiseSchedule {
        guard let shape = ScheduleShape(rawValue: name) else { throw PFrameError("no schedule is called \(name)") }
        return NoiseSchedule(shape, zeroTerminalSNR: zero)
    }

    /// The largest difference, as a share of the largest number wanted where that is above 1.
    static func distance(_ found: Tensor, _ wanted: [Double]) throws -> Double {
        let found = try found.floats()
        guard found.count == wanted.count, found.allSatisfy(\.isFinite) else { return .infinity }
        var (largest, scale) = (0.0, 1.0)
        for (found, wanted) in zip(found, wanted) {
            largest = max(largest, abs(Double(found) - wanted))
            scale = max(scale, abs(wanted))
        }
        return largest / scale
    }
}
