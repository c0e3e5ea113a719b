import Foundation
import TestSupport
import Testing

/// What becomes of a test whose requirement is absent.
@Suite struct RequirementTests {
    private static func absent(_ isOwedByCI: Bool) -> Requirement {
        Requirement("a thing", source: "nobody has it", isOwedByCI: isOwedByCI) { false }
    }
    private static let present = Requirement("a thing", source: "all have it") { true }

    @Test func absenceIsASkip() async throws {
        for variables in [[:], ["CI": "false"]] { #expect(try Self.absent(true).isMet(variables: variables) == false) }
        #expect(try Self.present.isMet(variables: [:]))
        let trait = ConditionTrait.requires(Self.present)
        #expect(try await trait.evaluate() && trait.comments.map(\.rawValue) == ["a thing missing: all have it"])
    }

    @Test func absenceIsAFailureInCI() throws {
        let error = try #require(throws: (any Error).self) { try Self.absent(true).isMet(variables: ["CI": "true"]) }
        #expect("\(error)" == "CI=true, but a thing missing: nobody has it")
        #expect(try Self.present.isMet(variables: ["CI": "true"]))
        #expect(try Self.absent(false).isMet(variables: ["CI": "true"]) == false)
    }

    /// The end of `make test`, of lines as Swift Testing prints them.
    @Test func skipsAreCountedByReason() throws {
        let scratch = try Scratch()
        try FileManager.default.createDirectory(atPath: scratch.path(".build"), withIntermediateDirectories: false)
        let log = """
            ➜ Suite S skipped: "libtorch missing: a suite is no test"
            ➜ Test one() skipped: "real clips missing: ../shared/clips with a.mp4, b.mp4"
            ✔ Test "skipped: in a name" passed after 0.001 seconds.
            ➜ Test two(name:) skipped: "real clips missing: ../shared/clips with a.mp4"
            ➜ Test three() skipped: "only `make soak`"

            """
        try Data(log.utf8).write(to: URL(filePath: scratch.path(".build/test.log")))
        let makefile = Programs.root.appending(path: "Makefile").path
        let counted = try Programs.run(
            "/usr/bin/env", ["make", "--silent", "--file", makefile, "skipped"], folder: scratch.url)
        #expect(
            counted.output.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
                == ["tests skipped: 3", "2 real clips missing", "1 only `make soak`"], "\(counted.errors)")
    }
}
