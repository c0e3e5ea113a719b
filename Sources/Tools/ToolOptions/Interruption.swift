package import ArgumentParser
import Glibc
import Synchronization

/// A command that says what to do when it was stopped.
package protocol StoppableCommand: ParsableCommand {
    /// What follows `interrupted; `, such as `run the same command again to resume`.
    static var remedy: String { get }
}

/// Ctrl-C and SIGTERM. The first signal asks the work to stop cleanly, and ends the process if the work does not stop
/// within a second. The second signal ends the process at once.
///
/// Work that waits (for a pipe, a disk, a long matrix product) does not ask whether it should stop. A separate thread
/// waits for the signal and then ends the process. Half-written files have hidden names, as after SIGKILL, and every
/// command resumes from there.
package enum Interruption {
    /// Seconds that the work has for a clean stop.
    private static let patience = 0.8
    /// The longest piece of work that is let end, in seconds.
    private static let longestPiece = 5.0

    /// Who ends the process.
    private enum End: UInt8, AtomicRepresentable {
        case open, work, watch
    }

    private static let requested = Atomic<Bool>(false)
    private static let end = Atomic<End>(.open)
    /// Where the signal's handler wakes the thread.
    private static let wake = Atomic<CInt>(-1)
    private static let remedy = Mutex("")
    /// When the last piece of work began, and how long the one before it took.
    private static let pieces = Mutex<(start: ContinuousClock.Instant?, seconds: Double)>((nil, 0))

    /// Whether the user asked to stop.
    package static var isRequested: Bool { requested.load(ordering: .relaxed) }

    /// Whether the user asked to stop, for work that then keeps what it did, such as a checkpoint, and ends.
    ///
    /// Ask after each piece of work. A piece of at most five seconds may end, and its result is kept, however long
    /// saving takes.
    package static func stopsAfterPiece() -> Bool {
        let now = ContinuousClock.now
        pieces.withLock { pieces in
            pieces.seconds = pieces.start.map { (now - $0) / .seconds(1) } ?? 0
            pieces.start = now
        }
        guard isRequested else { return false }
        settle()
        return true
    }

    /// From here on the work ends the process, in its own time.
    package static func settle() {
        let before = end.compareExchange(expected: .open, desired: .work, ordering: .relaxed).original
        guard before == .watch else { return }
        // The process ends in this moment, with a message.
        while true { pause() }
    }

    /// Says what the message of a stop advises.
    package static func advise(_ command: any ParsableCommand) {
        guard let command = command as? any StoppableCommand else { return }
        remedy.withLock { $0 = type(of: command).remedy }
    }

    /// Takes over SIGINT and SIGTERM. A broken pipe and a file that is too large are errors of the write, not the end of
    /// the process.
    package static func install() {
        for number in [SIGPIPE, SIGXFSZ] { signal(number, SIG_IGN) }
        var ends: [CInt] = [-1, -1]
        var thread = pthread_t()
        if pipe(&ends) == 0 {
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            wake.store(ends[1], ordering: .relaxed)
            let reading = UnsafeMutableRawPointer(bitPattern: Int(ends[0]))
            // Without it, where no thread is to be had, the work alone looks whether it should stop.
            _ = pthread_create(&thread, nil, { Interruption.watch(CInt(Int(bitPattern: $0))) }, reading)
        }
        var taken = sigset_t()
        sigemptyset(&taken)
        for number in [SIGINT, SIGTERM] {
            sigaddset(&taken, number)
            signal(number) { number in
                let code = errno
                if Interruption.requested.exchange(true, ordering: .relaxed) { _exit(128 + number) }
                _ = Glibc.write(Interruption.wake.load(ordering: .relaxed), "\n", 1)
                errno = code
            }
        }
        // A parent's worker thread may have had them blocked, which a child inherits.
        pthread_sigmask(SIG_UNBLOCK, &taken, nil)
    }

    /// Waits for the signal, then for the work, and ends the process where the work did not.
    private static func watch(_ reading: CInt) -> UnsafeMutableRawPointer? {
        var byte: UInt8 = 0
        while read(reading, &byte, 1) < 0, errno == EINTR {}
        let piece = pieces.withLock(\.seconds)
        // Of a piece that may take twice its time the end is near.
        let waits = piece > patience / 2 && piece <= longestPiece
        if waits { Console.urgent("stopping after this step, of about \(Format.fixed(piece, 1)) s; again: at once") }
        var until = timespec()
        clock_gettime(CLOCK_MONOTONIC, &until)
        let nanoseconds = until.tv_nsec + Int((waits ? piece * 2 : patience) * 1e9)
        until.tv_sec += nanoseconds / 1_000_000_000
        until.tv_nsec = nanoseconds % 1_000_000_000
        while clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nil) == EINTR {}
        guard end.compareExchange(expected: .open, desired: .watch, ordering: .relaxed).original == .open else {
            return nil
        }
        let advice = remedy.withLock { $0 }
        Console.urgent("error: interrupted" + (advice.isEmpty ? "" : "; \(advice)"))
        _exit(1)
    }
}
