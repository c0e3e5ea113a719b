import ArgumentParser

/// How every command runs and reports.
struct RunOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "Videos at the same time; default: one a processor.")
    var jobs: Int?

    @Flag(help: "Print one line of JSON a video on stdout; everything else goes to stderr.")
    var json = false

    mutating func validate() throws {
        if let jobs, jobs < 1 { throw ValidationError("--jobs takes 1 or more") }
    }

    /// Jobs for so many pieces of work.
    func count(for pieces: Int) -> Int { max(1, min(jobs ?? Parallel.processors, pieces)) }
}
