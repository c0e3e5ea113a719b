public import ArgumentParser
public import Codec
public import Dataset
public import Shards
package import Storage

/// How every command reports.
package struct ReportOptions: ParsableArguments {
    @Flag(help: "Print results as JSON on stdout, one line per result; the rest goes to stderr.")
    package var json = false

    // `Console.logFormat` reads it, so that it holds for wrong arguments too.
    @Option(help: "Messages and progress on stderr: text, or json with one object per line.")
    package var logFormat = LogFormat.text

    package init() {}
}

/// Which part of a data set a process makes.
package struct PartOptions: ParsableArguments {
    @Option(
        name: .customLong("part"),
        help: ArgumentHelp(
            "Make part I of N, I from 0; default: the part from the launcher, else everything.", valueName: "i/n"))
    var text: String?

    package init() {}

    package mutating func validate() throws {
        if let text, BuildPart(text) == nil { throw ValidationError("--part takes I/N with I from 0, such as 3/64") }
    }

    /// The part.
    package var part: BuildPart { text.flatMap { BuildPart($0) } ?? BuildPart.ofLauncher ?? .whole }
}

extension Size: ExpressibleByArgument {
    /// `256x128`, or `128` for a square.
    public init?(argument: String) { self.init(argument) }
}

extension Bucket: ExpressibleByArgument {
    /// `320x192x16`.
    public init?(argument: String) { self.init(argument) }
}

extension ClipOptions.Fit: ExpressibleByArgument {}

extension ShardSource {
    /// A data set that an argument names; the bytes of a path are as they were given.
    package init(argument: String) throws(PFrameError) {
        self = try ShardSource(argument)
        if case .folder = self { self = .folder(RawArguments.path(argument)) }
    }
}
