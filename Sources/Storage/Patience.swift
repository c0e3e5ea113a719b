import Glibc
import Synchronization

/// How often a file is tried that cannot be opened or read, and how long each try may take.
public struct Patience: Sendable {
    /// Tries in all, at least 1.
    public var tries = 5
    /// Seconds before the second try; every further wait is twice as long.
    public var delay = 0.2
    /// Seconds without a byte after which a server or a command counts as dead.
    public var timeout = 30.0

    /// Five tries in three seconds.
    public init() {}

    /// Seconds to wait after try `number`, from 1.
    package func wait(after number: Int) -> Double { delay * Double(1 << min(number - 1, 20)) }
}

/// Tells threads that wait or read that nobody needs their result any more.
package final class Cancellation: Sendable {
    private let flag = Atomic<Bool>(false)

    /// Not asked yet.
    package init() {}

    /// Whether to stop.
    package var isRequested: Bool { flag.load(ordering: .relaxed) }

    /// Asks to stop.
    package func request() { flag.store(true, ordering: .relaxed) }

    /// Sleeps; less when it is asked to stop.
    package func sleep(seconds: Double) {
        let end = monotonicSeconds() + seconds
        while !isRequested {
            let left = end - monotonicSeconds()
            guard left > 0 else { return }
            usleep(UInt32(min(left, 0.02) * 1e6) + 1)
        }
    }
}

extension Patience {
    /// Runs `body` until it works, no try is left, or the work is cancelled.
    ///
    /// - Throws: the last error, with the number of tries.
    package func retrying<Result>(
        _ cancellation: Cancellation, _ body: () throws(PFrameError) -> Result
    ) throws(PFrameError) -> Result {
        var number = 1
        while true {
            do throws(PFrameError) { return try body() } catch {
                guard number < tries, !cancellation.isRequested else { throw error.afterTries(number) }
            }
            cancellation.sleep(seconds: wait(after: number))
            number += 1
        }
    }
}

extension Patience {
    /// As ``retrying(_:_:)``, for requests: an error that no wait mends ends at once, and the wait that a server asks for
    /// is kept, up to the time after which a silent server counts as dead.
    package func retrying<Result>(
        _ cancellation: Cancellation, _ body: () throws(RemoteError) -> Result
    ) throws(PFrameError) -> Result {
        var number = 1
        while true {
            do throws(RemoteError) { return try body() } catch {
                guard error.mayPass, number < tries, !cancellation.isRequested else {
                    throw PFrameError(error.mayPass ? .unreachable : error.code, error.message).afterTries(number)
                }
                cancellation.sleep(seconds: max(wait(after: number), min(error.wait, timeout)))
            }
            number += 1
        }
    }
}

extension PFrameError {
    /// The error, with how often was tried.
    package func afterTries(_ count: Int) -> PFrameError {
        saying(message + (count > 1 ? " (tried \(count) times)" : ""))
    }
}
