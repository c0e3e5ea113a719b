import ArgumentParser
import Dataset
import SystemPackage
import ToolOptions

/// Which samples a loader reads, in what order and how.
struct LoaderArguments: ParsableArguments {
    @Argument(
        help: """
            A data set: a folder, an http:// or https:// address, or pipe:COMMAND with {} for the name of a file \
            ('pipe:ssh host cat /data/set/{}').
            """, completion: .directory)
    var dataset: String

    @Option(help: "Samples of a batch.")
    var batch = 8

    @Option(help: "Array members to deliver, separated by commas; default: every .npy member of the first sample.")
    var members: String?

    @Option(help: "Threads that read.")
    var threads = 2

    @Option(help: "Batches that are read ahead.")
    var prefetch = 4

    @Flag(inversion: .prefixedNo, help: "Shuffle the order, or read as stored.")
    var shuffle = true

    @Option(help: "The seed of the order.")
    var seed: UInt64 = 0

    @Option(help: "Shards whose samples are shuffled among each other.")
    var shardsPerBlock = 8

    @Option(help: "This process among --ranks, from 0.")
    var rank = 0

    @Option(help: "Processes that share an epoch.")
    var ranks = 1

    @Flag(help: "Leave damaged samples out and count them, instead of ending with an error.")
    var skipDamaged = false

    mutating func validate() throws {
        for (name, value) in [
            ("batch", batch), ("threads", threads), ("prefetch", prefetch),
            ("shards-per-block", shardsPerBlock),
            ("ranks", ranks),
        ] where value < 1 {
            throw ValidationError("--\(name) takes 1 or more")
        }
        if !(0..<ranks).contains(rank) { throw ValidationError("--rank takes 0 to \(ranks - 1)") }
        do { _ = try source } catch { throw ValidationError(error.description) }
    }

    /// Where the data set is.
    var source: ShardSource {
        get throws(DatasetError) {
            try ShardSource(argument: dataset)
        }
    }

    /// The library's options for these.
    var options: LoaderOptions {
        var options = LoaderOptions()
        options.batchSize = batch
        options.members = members?.split(separator: ",").map(String.init) ?? []
        (options.threads, options.prefetch) = (threads, prefetch)
        (options.shuffle, options.seed, options.shardsPerBlock) = (shuffle, seed, shardsPerBlock)
        (options.rank, options.ranks) = (rank, ranks)
        options.damage = skipDamaged ? .skip : .fail
        return options
    }
}
