import Foundation
import Testing

/// Data sets written by Python alone, and Python's opinion of what pframe makes of them.
enum ClipSets {
    /// Writes a set into a folder of `scratch`.
    static func make(_ scratch: Scratch, _ name: String, _ options: String...) throws -> String {
        let made = try run("clip_set.py", [scratch.path(name)] + options)
        try #require(made.status == 0, "\(made.errors)")
        return scratch.path(name)
    }

    /// Writes a set and its index.
    static func indexed(_ scratch: Scratch, _ name: String, samples: Int = 12) throws -> String {
        let folder = try make(scratch, name, "--samples", "\(samples)")
        let outcome = try Programs.pframe("index", folder)
        try #require(outcome.status == 0, "\(outcome.errors)")
        return folder
    }

    /// Runs a script of Tests/Peers.
    static func run(_ script: String, _ arguments: [String], python: String? = nil) throws -> Outcome {
        let path = Peers.folder.appending(path: script).path
        return try Programs.run(python ?? "/usr/bin/env", (python == nil ? ["python3"] : []) + [path] + arguments)
    }

    /// Expects a script to find nothing wrong.
    static func expect(_ script: String, _ arguments: String..., python: String? = nil) throws -> String {
        let outcome = try run(script, arguments, python: python)
        #expect(outcome.status == 0, "\(script) \(arguments): \(outcome.errors)")
        return outcome.output
    }
}
