package import ArgumentParser
import Glibc

/// Starts a command and turns whatever ends it into a message and an exit code: 0 done, 1 data problems, 2 wrong use.
package enum Program {
    /// The version of the command line.
    package static let version = "0.1.0"
    /// What files say that they were made with.
    package static let name = "pframe \(version)"

    /// Runs the command that the process's arguments name, and ends the process.
    package static func run(_ root: any ParsableCommand.Type) -> Never {
        Console.reserve()
        Interruption.install()
        do {
            var command = try root.parseAsRoot(RawArguments.escaped())
            Interruption.advise(command)
            try command.run()
            Interruption.settle()
            Console.clear()
        } catch let failure as DataProblem {
            Interruption.settle()
            if failure.message.isEmpty { Console.clear() } else { Console.error(failure.message) }
            exit(1)
        } catch {
            Interruption.settle()
            let message = root.fullMessage(for: error)
            if root.exitCode(for: error) == .success {
                Console.output(message)
                Console.close()
                exit(0)
            }
            // The argument parser writes "Error: ", everything else "error: ".
            Console.error(message.hasPrefix("Error: ") ? "e" + message.dropFirst() : message)
            exit(2)
        }
        Console.close()
        exit(0)
    }
}

/// Ends a command with exit code 1: the data has problems, which were printed or are in `message`.
package struct DataProblem: Error {
    package var message: String

    package init(message: String = "") { self.message = message }

    /// The user stopped it; `remedy` says what now, `run the same command again to go on`.
    package static func interrupted(_ remedy: String) -> DataProblem {
        DataProblem(message: "error: interrupted; \(remedy)")
    }
}
