import ArgumentParser
import Dataset
import Shards
import Storage
import SystemPackage
import ToolOptions

/// Which records a loader reads, in which order and how.
struct LoaderArguments: ParsableArguments {
    @Argument(
        help: """
            A data set: a folder, an http://, https:// or s3:// address, or pipe:COMMAND with {} for the name of a \
            file ('pipe:ssh host cat /data/set/{}').
            """, completion: .directory)
    var dataset: String

    @Option(help: ArgumentHelp("Read the clips of this bucket alone.", valueName: "320x192x16"))
    var bucket: Bucket?

    @Option(help: "Records per batch.")
    var batch = 8

    @Option(help: "Array members to deliver, separated by commas; default: every .npy member of the first record.")
    var members: String?

    @Option(help: "Threads that read.")
    var threads = 2

    @Option(help: "Batches to read ahead.")
    var prefetch = 4

    @Flag(inversion: .prefixedNo, help: "Shuffle the records, or read them in stored order.")
    var shuffle = true

    @Option(help: "The seed of the order.")
    var seed: UInt64 = 0

    @Option(help: "Shards whose records are shuffled together.")
    var shardsPerBlock = 8

    @Option(help: "The rank of this process, from 0.")
    var rank = 0

    @Option(help: "Processes that share an epoch.")
    var ranks = 1

    @Flag(help: "Skip and count damaged records instead of ending with an error.")
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
        get throws(PFrameError) {
            try ShardSource(argument: dataset)
        }
    }

    /// The library's options for these.
    var options: LoaderOptions {
        var options = LoaderOptions()
        options.batchSize = batch
        options.bucket = bucket
        options.members = members?.split(separator: ",").map(String.init) ?? []
        (options.threads, options.prefetch) = (threads, prefetch)
        (options.shuffle, options.seed, options.shardsPerBlock) = (shuffle, seed, shardsPerBlock)
        (options.rank, options.ranks) = (rank, ranks)
        options.damage = skipDamaged ? .skip : .fail
        return options
    }
}
