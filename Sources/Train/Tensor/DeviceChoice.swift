import FoundationEssentials
import Shards
public import Storage

/// The device that a user asks for: `cpu`, `cuda`, or a GPU by its number, `cuda:1`.
///
/// `cuda` is the first GPU. Of several processes that a launcher started, each takes the GPU of its own number on its
/// machine, its local rank.
public struct DeviceChoice: Sendable, Hashable, LosslessStringConvertible {
    /// The processor.
    public static let cpu = DeviceChoice(kind: .cpu, index: nil)

    /// Variables with the local rank, in the order in which they are looked for: of Open MPI's `mpirun`, of the `mpirun` of
    /// MPICH and Intel MPI, of Slurm's `srun`, of `torchrun` and compatible launchers.
    public static let localRankVariables = [
        "OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID", "LOCAL_RANK",
    ]

    /// The kind of device.
    public let kind: Device.Kind
    /// The number of the GPU; nil if the choice does not name it.
    public let index: Int?

    private init(kind: Device.Kind, index: Int?) { (self.kind, self.index) = (kind, index) }

    /// Reads `cpu`, `cuda` or `cuda:N`; nil for anything else.
    public init?(_ description: String) {
        let parts = description.split(separator: ":", omittingEmptySubsequences: false)
        switch (parts[0], parts.count) {
        case ("cpu", 1): self = .cpu
        case ("cuda", 1): self.init(kind: .cuda, index: nil)
        case ("cuda", 2):
            guard parts[1].allSatisfy({ ("0"..."9").contains($0) }), let index = Int(parts[1]) else { return nil }
            self.init(kind: .cuda, index: index)
        default: return nil
        }
    }

    /// As it is read.
    public var description: String { kind.rawValue + (index.map { ":\($0)" } ?? "") }

    /// The device of this process.
    ///
    /// - Throws: `PFrameError` if there is no such GPU, or none for this process.
    public func device() throws(PFrameError) -> Device {
        try device(variables: ProcessInfo.processInfo.environment, count: Device.countOfGPUs)
    }

    /// The device of a process.
    ///
    /// - Parameters:
    ///   - variables: its environment.
    ///   - count: the number of GPUs that it sees.
    /// - Throws: `PFrameError` if there is no such GPU, or none for the process.
    package func device(
        variables: [String: String], count: () throws(PFrameError) -> Int
    ) throws(PFrameError) -> Device {
        guard kind == .cuda else { return .cpu }
        let count = try count()
        if let index {
            guard index < count else {
                throw PFrameError(.missing, "there is no \(self): \(Self.seen(count))")
            }
            return Device(cuda: index)
        }
        guard let launched = BuildPart(environment: variables) else { return .cuda }
        for name in Self.localRankVariables {
            guard let rank = variables[name].flatMap({ Int($0) }), rank >= 0 else { continue }
            guard rank < count else {
                throw PFrameError(
                    .missing,
                    "there is no GPU for process \(rank) of this machine (\(name)): \(Self.seen(count)). Start at most as "
                        + "many processes per machine as it has GPUs; where each process sees a GPU of its own, ask "
                        + "for cuda:0")
            }
            return Device(cuda: rank)
        }
        throw PFrameError(
            .missing,
            "\(launched.origin ?? "variables") tell of \(launched.count) processes, but no variable says which process of "
                + "its machine this is (\(Self.localRankVariables.joined(separator: ", "))): ask for a GPU by its number, such as "
                + "cuda:0")
    }

    private static func seen(_ count: Int) -> String {
        "this process sees " + (count == 1 ? "one GPU, cuda:0" : "\(count) GPUs, cuda:0 to cuda:\(count - 1)")
    }
}
