import ArgumentParser
import Dataset
import Glibc
import Storage
import SystemPackage
import ToolOptions

/// The completion script of `pframe`, with the options of the commands in the other programs.
///
/// All three programs are named `pframe` in their scripts, so the lines about a command in one script can replace the
/// lines in another.
enum CompletionScript {
    /// Prints the script and ends the process where the arguments ask for one and name a shell that is known.
    static func printIfAsked() {
        let option = "--generate-completion-script"
        // `OPTION SHELL`, `OPTION=SHELL`, or the option alone.
        let words = CommandLine.arguments.dropFirst().flatMap { $0.split(separator: "=", maxSplits: 1) }.map(
            String.init)
        guard words.first == option, words.count <= 2,
            let shell = words.count == 1 ? CompletionShell.autodetected() : CompletionShell(rawValue: words[1])
        else { return }
        var lines = PFrame.completionScript(for: shell).split(separator: "\n", omittingEmptySubsequences: false)
        for (program, commands) in ModelCommands.programs {
            // Without libtorch those programs are not there, nor are their commands to be completed.
            guard let other = output(of: program, [option, shell.rawValue]) else { continue }
            let others = other.split(separator: "\n", omittingEmptySubsequences: false)
            for command in commands {
                let (ours, theirs) = (parts(of: command, in: lines), parts(of: command, in: others))
                for (old, new) in zip(ours, theirs).reversed() { lines.replaceSubrange(old, with: others[new]) }
            }
        }
        Console.output(lines.joined(separator: "\n"))
        Console.close()
        exit(0)
    }

    /// The lines that a script has on a command and its subcommands: functions for bash and zsh; for fish how words are
    /// parsed, and then what may stand after them.
    private static func parts(of command: String, in lines: [Substring]) -> [Range<Int>] {
        let functions = lines.indices.filter { index in
            ["() {", "_"].contains { lines[index].hasPrefix("_pframe_\(command)\($0)") }
                && lines[index].hasSuffix("() {")
        }
        if let first = functions.first, let last = functions.last {
            return lines[last...].firstIndex(of: "}").map { [first..<$0] } ?? []
        }
        let offers = lines.indices.filter { index in
            lines[index].hasPrefix("complete -c 'pframe'")
                && ["\"", " "].contains { lines[index].contains("\"pframe \(command)\($0)") }
        }
        func indentation(_ index: Int) -> Int { lines[index].prefix { $0 == " " }.count }
        guard let parsing = lines.firstIndex(where: { $0.hasSuffix("case '\(command)'") }),
            let end = lines.indices[(parsing + 1)...].first(where: { indentation($0) <= indentation(parsing) }),
            let first = offers.first, let last = offers.last
        else { return [] }
        return [(parsing + 1)..<end, first..<(last + 1)]
    }

    /// What a program beside this one prints; nil if it cannot be run.
    private static func output(of program: String, _ arguments: [String]) -> String? {
        var text: [UInt8] = []
        do {
            let pipe = try FileDescriptor.pipe()
            defer { try? pipe.readEnd.close() }  // nothing was written
            let path = ModelCommands.folder.appending(program).string
            let child = try pipe.writeEnd.closeAfter {
                try ChildProcess([path] + arguments, output: pipe.writeEnd, errors: .standardError)
            }
            var piece = [UInt8](repeating: 0, count: 1 << 16)
            while case let count = try piece.withUnsafeMutableBytes({ try pipe.readEnd.read(into: $0) }), count > 0 {
                text += piece[..<count]
            }
            return child.exitCode(wait: true) == 0 ? String(decoding: text, as: UTF8.self) : nil
        } catch {
            return nil
        }
    }
}
