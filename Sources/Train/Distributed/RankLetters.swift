import CMPI
import Dispatch
import Glibc
import Storage
import Synchronization

/// Questions and answers by which a rank that waits finds out who else is there.
///
/// A thread of its own reads the letters, so that a rank answers while it computes. A rank answers that it waits too, or
/// that it works: that its process computes, or that it waits for a disk or a network. A rank that does none of these
/// gives no answer, just as one that is stopped or gone.
final class RankLetters: Sendable {
    private static let (question, answer): (Int32, Int32) = (1, 2)
    /// Seconds of computing that count as work: more than the threads of MPI take while nothing happens.
    private static let work = 0.01

    private struct State {
        var isWaiting = false
        /// Pieces of work under way that wait for a disk or a network, one within another.
        var storage = 0
        /// The number of the last question; an answer to an earlier one says nothing about now.
        var number: Int64 = 0
        /// Who answered the last question, and whether that rank works.
        var answers: [Int: Bool] = [:]
        /// The last question of each other rank that is not answered yet.
        var questions: [Int: Int64] = [:]
        /// What this process had computed, in seconds, when it was last seen to work, and how long ago that was.
        var computed = 0.0
        var idle = Duration.zero
        var failure: PFrameError?
        var isEnding = false
        /// What MPI may still read of the last question and of the last answer to each rank: never freed before it ends.
        let pages: UnsafeMutablePointer<Int64>
    }

    private let state: Mutex<State>
    private let rank: Int
    private let ranks: Int
    /// How long a rank that neither waits nor computes is still taken to work.
    private let patience: Duration
    private let thread = DispatchGroup()

    /// Begins to answer.
    ///
    /// - Parameter patience: within which a question is to be answered.
    init(rank: Int, ranks: Int, patience: Duration) {
        (self.rank, self.ranks, self.patience) = (rank, ranks, patience)
        let pages = UnsafeMutablePointer<Int64>.allocate(capacity: ranks + 1)
        pages.initialize(repeating: 0, count: ranks + 1)
        nonisolated(unsafe) let numbers = pages  // Touched under the lock alone.
        state = Mutex(State(pages: numbers))
        let pause = min(max(patience / 20, .milliseconds(1)), .milliseconds(100))
        DispatchQueue(label: "pframe.ranks", qos: .userInitiated).async(group: thread) { [self] in answer(every: pause)
        }
    }

    /// Ends the thread; MPI may end then.
    func close() {
        state.withLock { $0.isEnding = true }
        thread.wait()
    }

    /// Says whether this rank waits for the others.
    func wait(_ isWaiting: Bool) { state.withLock { $0.isWaiting = isWaiting } }

    /// Says that this rank begins (1) or ends (-1) to wait for a disk or a network.
    func storage(_ change: Int) { state.withLock { $0.storage += change } }

    /// Asks all others; the answers to earlier questions count no more.
    func ask() throws(PFrameError) {
        try state.withLock { state throws(PFrameError) in
            state.number += 1
            state.answers.removeAll(keepingCapacity: true)
            state.pages[ranks] = state.number
            let page = state.pages + ranks
            for other in 0..<ranks where other != rank {
                try Communicator.check(pf_mpi_send(page, Int32(other), Self.question), "asking rank \(other)")
            }
        }
    }

    /// Those who did not answer the last question, and whether one of those who did works.
    ///
    /// - Throws: `PFrameError` if the letters cannot be read.
    var answers: (silent: [Int], someoneWorks: Bool) {
        get throws(PFrameError) {
            try state.withLock { state throws(PFrameError) in
                if let failure = state.failure { throw failure }
                let silent = (0..<ranks).filter { $0 != rank && state.answers[$0] == nil }
                return (silent, state.answers.values.contains(true))
            }
        }
    }

    /// Answers until the end.
    private func answer(every pause: Duration) {
        var last = ContinuousClock.now
        while true {
            let now = ContinuousClock.now
            // Where all processes were suspended, as batch systems do, that time is nobody's silence.
            let step = min(now - last, .seconds(1))
            last = now
            let goesOn = state.withLock { state in
                guard !state.isEnding else { return false }
                let computed = Self.computed()
                state.idle += step
                if computed - state.computed >= Self.work { (state.computed, state.idle) = (computed, .zero) }
                do throws(PFrameError) {
                    try read(&state)
                    return true
                } catch {
                    state.failure = error
                    return false
                }
            }
            guard goesOn else { return }
            usleep(UInt32(pause / .microseconds(1)))
        }
    }

    /// Reads what came, and answers as soon as there is something to answer.
    private func read(_ state: inout State) throws(PFrameError) {
        var (number, other, tag, found) = (Int64(0), Int32(0), Int32(0), true)
        while true {
            try Communicator.check(pf_mpi_receive(&number, &other, &tag, &found), "reading a letter")
            guard found else { break }
            if tag == Self.question {
                state.questions[Int(other)] = number
            } else if number >> 1 == state.number {
                state.answers[Int(other)] = number & 1 == 1
            }
        }
        let works = !state.isWaiting && (state.storage > 0 || state.idle < patience)
        guard works || state.isWaiting else { return }
        for (other, number) in state.questions {
            let page = state.pages + other
            page.pointee = number << 1 | (works ? 1 : 0)
            try Communicator.check(pf_mpi_send(page, Int32(other), Self.answer), "answering rank \(other)")
        }
        state.questions.removeAll(keepingCapacity: true)
    }

    /// Seconds of the processors that the process took, less those of this thread.
    private static func computed() -> Double {
        func seconds(_ clock: clockid_t) -> Double {
            var time = timespec()
            clock_gettime(clock, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
        }
        return seconds(CLOCK_PROCESS_CPUTIME_ID) - seconds(CLOCK_THREAD_CPUTIME_ID)
    }
}
