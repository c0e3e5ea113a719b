import Glibc
import Synchronization

/// Ctrl-C: the first asks the work to stop cleanly, the second ends the process.
package enum Interruption {
    private static let requested = Atomic<Bool>(false)

    /// Whether the user asked to stop.
    package static var isRequested: Bool { requested.load(ordering: .relaxed) }

    /// Takes over SIGINT and SIGTERM; a broken pipe is an error of the write, not the end of the process.
    package static func install() {
        signal(SIGPIPE, SIG_IGN)
        var taken = sigset_t()
        sigemptyset(&taken)
        for number in [SIGINT, SIGTERM] {
            sigaddset(&taken, number)
            signal(number) { number in
                if Interruption.requested.exchange(true, ordering: .relaxed) { _exit(128 + number) }
            }
        }
        // A parent's worker thread may have had them blocked, which a child inherits.
        pthread_sigmask(SIG_UNBLOCK, &taken, nil)
    }
}
