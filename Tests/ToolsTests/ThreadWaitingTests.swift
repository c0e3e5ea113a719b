import Foundation
import TestSupport
import Testing

/// The programs that compute run with threads that sleep soon, however they were started; what the user says stands.
@Suite(.requires(.libtorch)) struct ThreadWaitingTests {
    /// What the program's own child sees of it: its variables, its arguments and its executable.
    private func seen(
        _ start: [String], _ variables: [String: String], _ scratch: Scratch
    ) throws -> (variables: [String], arguments: [String], executable: String) {
        let place = scratch.path("seen")
        // A data set that a command prints: the program runs the command.
        let command = """
            pipe:cd \(scratch.url.path) && tr '\\0' '\\n' < /proc/$PPID/environ > seen && \
            tr '\\0' '\\n' < /proc/$PPID/cmdline > words && readlink /proc/$PPID/exe > exe; false {}
            """
        let clean = ["-u", "GOMP_SPINCOUNT", "-u", "OMP_WAIT_POLICY"] + variables.map { "\($0.key)=\($0.value)" }
        let outcome = try Programs.run(
            "/usr/bin/env", clean + start + ["train", "vae", command, "--output", scratch.path("caf\u{e9}")])
        #expect(outcome.status == 1, "\(outcome.errors)")
        func lines(_ name: String) throws -> [String] {
            try scratch.text(name).split(separator: "\n").map(String.init)
        }
        #expect(scratch.exists("seen"), "\(place): \(outcome.errors)")
        return (try lines("seen"), try lines("words"), try lines("exe").joined())
    }

    @Test(arguments: ["pframe", "pframe-train"]) func threadsSleepSoon(program: String) throws {
        let scratch = try Scratch()
        let folder = Programs.pframe.deletingLastPathComponent()
        let found = try seen([folder.appending(path: program).path], ["PFRAME_TEST": "a b"], scratch)
        #expect(found.variables.filter { $0.hasPrefix("GOMP_SPINCOUNT=") } == ["GOMP_SPINCOUNT=500"])
        #expect(found.variables.contains("PFRAME_TEST=a b"))
        #expect(!found.variables.contains { $0.hasPrefix("OMP_WAIT_POLICY=") })
        #expect(found.arguments.dropFirst().prefix(2) == ["train", "vae"])
        #expect(found.arguments.last == scratch.path("caf\u{e9}"))
        #expect(found.executable == folder.appending(path: "pframe-train").path)
    }

    @Test(arguments: ["pframe", "pframe-train"]) func theUsersVariablesStand(program: String) throws {
        let path = Programs.pframe.deletingLastPathComponent().appending(path: program).path
        let own = try seen([path], ["GOMP_SPINCOUNT": "7"], try Scratch()).variables
        #expect(own.filter { $0.hasPrefix("GOMP_SPINCOUNT=") } == ["GOMP_SPINCOUNT=7"])
        let policy = try seen([path], ["OMP_WAIT_POLICY": "ACTIVE"], try Scratch()).variables
        #expect(policy.contains("OMP_WAIT_POLICY=ACTIVE") && !policy.contains { $0.hasPrefix("GOMP_SPINCOUNT=") })
    }
}
