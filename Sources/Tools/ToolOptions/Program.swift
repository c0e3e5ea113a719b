package import ArgumentParser
import Glibc

/// Starts a command and turns whatever ends it into a message and an exit code: 0 done, 1 data problems, 2 wrong use.
package enum Program {
    /// The version of the command line.
    package static let version = "0.1.0"
    /// What files say that they were made with.
    package static let name = "pframe \(version)"

    /// Runs the command that the process's arguments name, and ends the process.
    ///
    /// - Parameter complete: gives the arguments to read in place of those that are there.
    package static func run(_ root: any ParsableCommand.Type, complete: ([String]) -> [String] = { $0 }) -> Never {
        Console.reserve()
        Interruption.install()
        do {
            var command = try root.parseAsRoot(complete(RawArguments.escaped()))
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

    /// The user stopped it; `remedy` says what now, `run the same command again to resume`.
    package static func interrupted(_ remedy: String) -> DataProblem {
        DataProblem(message: "error: interrupted; \(remedy)")
    }
}

/// How long the threads of GNU's OpenMP, by which libtorch computes, spin while they wait for one another.
///
/// Left to themselves they spin for some milliseconds. Where other programs keep the processors busy, a thread that
/// spins keeps the one that it waits for from running, and training falls to a tenth of its speed. libgomp reads its
/// variables when it is loaded, which is before the first line of a program: they must be there when the program starts.
/// Variables that the user has set stand.
package enum ThreadWaiting {
    private static let variable = "GOMP_SPINCOUNT"
    /// Turns of the loop: some microseconds. More are faster where a program is alone, fewer where others are busy: with
    /// these, training on two cores beside three busy programs keeps a quarter of its speed.
    private static let turns = "500"

    /// Lets the threads of programs that this process becomes or starts sleep soon.
    ///
    /// - Returns: whether that changed anything.
    @discardableResult
    package static func shorten() -> Bool {
        guard getenv(variable) == nil, getenv("OMP_WAIT_POLICY") == nil else { return false }
        return setenv(variable, turns, 0) == 0
    }

    /// Restarts this program with the same arguments, where it was started without the variable; to be called before
    /// anything else.
    package static func restartShortened() {
        guard shorten(), let path = realpath("/proc/self/exe", nil) else { return }
        defer { free(path) }
        // Where the dynamic linker was called with the program as its argument, that would be the linker.
        guard strstr(path, "/ld-") == nil else { return }
        execv(path, CommandLine.unsafeArgv)
        // It cannot be restarted: it continues, and is slower beside busy programs.
    }
}
