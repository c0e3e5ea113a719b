import FoundationEssentials
import Glibc
package import SystemPackage
package import Testing

/// The repository's root.
package let repository = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()

/// What a test needs that is no part of the repository: real clips, a launcher, other implementations.
package struct Requirement: Sendable {
    /// What is needed; skipped tests are counted by it.
    let name: String
    /// Where it is looked for, or what brings it.
    let source: String
    /// Whether continuous integration has it: its absence is then a failure.
    let isOwedByCI: Bool
    let isThere: @Sendable () -> Bool

    package init(_ name: String, source: String, isOwedByCI: Bool = true, isThere: @escaping @Sendable () -> Bool) {
        (self.name, self.source, self.isOwedByCI, self.isThere) = (name, source, isOwedByCI, isThere)
    }

    /// Whether a test may run.
    ///
    /// - Throws: where the requirement is absent, `CI=true` is among the variables, and CI owes it.
    package func isMet(variables: [String: String] = ProcessInfo.processInfo.environment) throws -> Bool {
        if isThere() { return true }
        if isOwedByCI, variables["CI"] == "true" { throw Missing(description: "CI=true, but \(reason)") }
        return false
    }

    fileprivate var reason: String { "\(name) missing: \(source)" }

    private struct Missing: Error, CustomStringConvertible {
        let description: String
    }
}

extension Requirement {
    /// Files of `../shared/clips`, which are no part of the repository.
    package static func realClips(_ names: String...) -> Requirement { realClips(names) }

    /// Files of `../shared/clips`, which are no part of the repository.
    package static func realClips(_ names: [String]) -> Requirement {
        let names = names.sorted()
        return Requirement("real clips", source: "../shared/clips with \(names.joined(separator: ", "))") {
            names.allSatisfy { FileManager.default.fileExists(atPath: realClip($0)) }
        }
    }

    /// The H.264 streams of `../shared/streams`, which are no part of the repository.
    package static let sharedStreams = Requirement("H.264 streams", source: "../shared/streams") {
        FileManager.default.fileExists(atPath: sharedStream("README.md").string)
    }

    /// The launcher of several ranks.
    package static let mpirun = Requirement("mpirun", source: "`make deps` installs it") { program("mpirun") != nil }

    /// The right to mount a small file system, which containers of CI may lack too.
    package static let mounting = {
        let mayMount = try? withTemporaryFolder { folder in
            guard mount("tmpfs", folder.string, "tmpfs", 0, "size=64k") == 0 else { return false }
            return umount(folder.string) == 0
        }
        return Requirement("the right to mount", source: "root has it", isOwedByCI: false) { mayMount == true }
    }()
}

/// Where a real clip is, or would be.
package func realClip(_ name: String) -> String {
    repository.removingLastComponent().appending("shared/clips").appending(name).string
}

/// Where a stream of `../shared/streams` is, or would be.
package func sharedStream(_ name: String) -> FilePath {
    repository.removingLastComponent().appending("shared/streams").appending(name)
}

/// The path of a program in the folders of `PATH`.
package func program(_ name: String) -> String? {
    let folders = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return folders.split(separator: ":").map { "\($0)/\(name)" }
        .first { FileManager.default.isExecutableFile(atPath: $0) }
}

extension Trait where Self == ConditionTrait {
    /// Skips a test where something that it needs is missing, and says what; where CI owes it, the test fails.
    package static func requires(
        _ requirement: Requirement, fileID: String = #fileID, filePath: String = #filePath, line: Int = #line,
        column: Int = #column
    ) -> Self {
        let place = SourceLocation(fileID: fileID, filePath: filePath, line: line, column: column)
        return .enabled(Comment(rawValue: requirement.reason), sourceLocation: place) { try requirement.isMet() }
    }
}
