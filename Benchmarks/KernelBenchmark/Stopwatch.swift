import Glibc

/// Times short pieces of work in the thread's own CPU time, so that other programs on the machine count little.
struct Stopwatch {
    /// Repetitions, of which the fastest counts.
    var repetitions = 15
    /// The least time of one repetition, in nanoseconds.
    var duration = 1_000_000

    /// Nanoseconds of one call of `work`: the least mean over the repetitions.
    func measure(_ work: () -> Void) -> Double {
        var calls = 1
        var elapsed = time(calls, work)
        while elapsed < duration {
            calls *= 2
            elapsed = time(calls, work)
        }
        for _ in 1..<repetitions { elapsed = min(elapsed, time(calls, work)) }
        return Double(elapsed) / Double(calls)
    }

    private func time(_ calls: Int, _ work: () -> Void) -> Int {
        let start = now()
        for _ in 0..<calls { work() }
        return now() - start
    }

    private func now() -> Int {
        var value = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &value)
        return value.tv_sec * 1_000_000_000 + value.tv_nsec
    }
}

extension Double {
    /// Fixed decimals, right-aligned in `width` columns.
    func column(_ width: Int, decimals: Int = 1) -> String {
        var scale = 1
        for _ in 0..<decimals { scale *= 10 }
        let value = Int((self * Double(scale)).rounded())
        let digits = String(value % scale)
        let fraction = decimals == 0 ? "" : "." + String(repeating: "0", count: decimals - digits.count) + digits
        let text = String(value / scale) + fraction
        return String(repeating: " ", count: max(0, width - text.count)) + text
    }
}

extension String {
    /// Left-aligned in `width` columns.
    func column(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
