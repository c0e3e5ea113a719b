import Glibc
package import SystemPackage

/// A program that runs beside this one (`posix_spawnp`), in a process group of its own, without input.
package final class ChildProcess {
    private let process: pid_t
    private var status: Int32?

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - arguments: its name, looked for in `PATH`, and its arguments.
    ///   - output: becomes its standard output.
    ///   - errors: becomes its standard error.
    /// - Throws: `PFrameError` if it cannot be started.
    package init(
        _ arguments: [String], output: FileDescriptor, errors: FileDescriptor
    ) throws(PFrameError) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output.rawValue, STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, errors.rawValue, STDERR_FILENO)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Signals that this process ignores or blocks are none of the child's business.
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP
        posix_spawnattr_setflags(&attributes, Int16(flags))
        let copies = arguments.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        var process: pid_t = 0
        let code = posix_spawnp(&process, arguments[0], &actions, &attributes, copies + [nil], environ)
        guard code == 0 else { throw PFrameError(Errno(rawValue: code), "cannot run \(arguments[0])") }
        self.process = process
    }

    deinit {
        guard status == nil else { return }
        stop()
    }

    /// Its exit code once it has ended, 128 + n after signal n; nil before.
    ///
    /// - Parameter wait: whether to wait for the end.
    package func exitCode(wait: Bool) -> Int32? {
        if status == nil {
            var raw: Int32 = 0
            var result: pid_t
            repeat { result = waitpid(process, &raw, wait ? 0 : WNOHANG) } while result < 0 && errno == EINTR
            guard result == process else { return nil }
            // The macros of <sys/wait.h>.
            status = raw & 0x7F == 0 ? raw >> 8 & 0xFF : 128 + raw & 0x7F
        }
        return status
    }

    /// Kills it and everything it started in its group.
    package func stop() {
        kill(-process, SIGKILL)
        _ = exitCode(wait: true)
    }
}

@available(*, unavailable)
extension ChildProcess: Sendable {}
