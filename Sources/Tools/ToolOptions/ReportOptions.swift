import ArgumentParser

/// How every command reports.
package struct ReportOptions: ParsableArguments {
    @Flag(help: "Print one line of JSON a result on stdout; everything else goes to stderr.")
    package var json = false

    // `Console.logFormat` reads it, so that it holds for wrong arguments too.
    @Option(help: "Messages and progress on stderr as text, or as json: an object a line.")
    package var logFormat = LogFormat.text

    package init() {}
}
