import Glibc

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

    /// Starts this program anew, with the same arguments, where it was started without the variable; to be called before
    /// anything else.
    package static func restartShortened() {
        guard shorten(), let path = realpath("/proc/self/exe", nil) else { return }
        defer { free(path) }
        // Where the dynamic linker was called with the program as its argument, that would be the linker.
        guard strstr(path, "/ld-") == nil else { return }
        execv(path, CommandLine.unsafeArgv)
        // It cannot be started anew: it goes on, and is slower beside busy programs.
    }
}
