import FoundationEssentials
import Storage

/// The share of the shards that one process builds: those whose number is `index` modulo `count`.
public struct BuildPart: Sendable, Equatable {
    /// Which part, from 0.
    public let index: Int
    /// Parts in all.
    public let count: Int
    /// The launcher's variables that said so, for messages; nil where a person did.
    public let origin: String?

    /// Everything.
    public static let whole = BuildPart(index: 0, count: 1, origin: nil)

    private init(index: Int, count: Int, origin: String?) {
        (self.index, self.count, self.origin) = (index, count, origin)
    }

    /// Reads `3/64`, parts counted from 0; nil if it is none.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 2, let index = parts[0], let count = parts[1], count > 0, (0..<count).contains(index)
        else {
            return nil
        }
        self.init(index: index, count: count, origin: nil)
    }

    /// What the launcher of this process says; nil if there is none.
    public static var ofLauncher: BuildPart? { BuildPart(environment: ProcessInfo.processInfo.environment) }

    /// The part from the variables of a launcher: `mpirun` of Open MPI, MPICH or Intel MPI, Slurm's `srun`, or
    /// `torchrun` and compatible launchers.
    ///
    /// In the script of an `sbatch` job, outside of `srun`, Slurm sets the numbers of the whole job: they are no part.
    public init?(environment: [String: String]) {
        let launchers = [
            ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"), ("PMI_RANK", "PMI_SIZE"),
            ("SLURM_PROCID", "SLURM_NTASKS"), ("RANK", "WORLD_SIZE"),
        ]
        for (rank, size) in launchers {
            guard let index = environment[rank].flatMap({ Int($0) }),
                let count = environment[size].flatMap({ Int($0) }), count > 1, (0..<count).contains(index)
            else { continue }
            if rank == "SLURM_PROCID", environment["SLURM_STEP_ID"] == nil { continue }
            self.init(index: index, count: count, origin: "\(rank) and \(size)")
            return
        }
        return nil
    }

    /// Whether shard `number` belongs to it.
    public func contains(_ number: Int) -> Bool { number % count == index }
}
