import Foundation
import Synchronization
import Testing

/// Mutated and truncated files: never a crash, never a hang, always a one-line error or a flagged result.
///
/// A few in every test run; `make fuzz` runs 2,000 of them with a build under AddressSanitizer.
@Suite struct FuzzTests {
    private static let seeds = [
        "bframes-4refs.mp4", "cropped.mp4", "variable-rate.mkv", "two-streams.mkv", "open-gop.h264", "interlaced.ts",
        "mpeg4-bframes.avi", "mpeg4-odd.mp4", "mpeg2.mpg", "size-change.h264", "ten-bit.mp4", "av1.mkv",
    ]
    private static let options = [
        ["--residual", "npy"], [], ["--residual"], ["--accumulate", "--field", "8"],
        ["--motion-source", "search", "--residual"],
        ["--motion-source", "h264"],
    ]

    @Test func mutatedFilesAreHandled() throws {
        let count = ProcessInfo.processInfo.environment["PFRAME_FUZZ_FILES"].flatMap { Int($0) } ?? 60
        let scratch = try Scratch()
        let problems = Mutex<[String]>([])
        let outcomes = Mutex<(done: Int, flagged: Int, refused: Int)>((0, 0, 0))
        DispatchQueue.concurrentPerform(iterations: count) { index in
            do {
                let outcome = try Self.attempt(index, scratch)
                let verdict = Self.judge(outcome)
                if let verdict { problems.withLock { $0.append("file \(index): \(verdict)") } }
                outcomes.withLock {
                    switch (outcome.status, outcome.output.contains("\"frames\"")) {
                    case (0, _): $0.done += 1
                    case (_, true): $0.flagged += 1
                    default: $0.refused += 1
                    }
                }
            } catch {
                problems.withLock { $0.append("file \(index): \(error)") }
            }
        }
        let found = problems.withLock { $0 }
        #expect(found.isEmpty, "\(found.prefix(10).joined(separator: "\n"))")
        let (done, flagged, refused) = outcomes.withLock { $0 }
        print("fuzz: \(count) files: \(done) as if whole, \(flagged) flagged, \(refused) refused")
        #expect(done + flagged > count / 4 && flagged + refused > count / 8, "the mutations must be worth something")
    }

    private static func attempt(_ index: Int, _ scratch: Scratch) throws -> Outcome {
        let name = seeds[index % seeds.count]
        var random = Mutation(seed: UInt64(index))
        let bytes = random.mutate(try Data(contentsOf: URL(filePath: Programs.fixture(name))))
        let stem = "\(index)"
        let file = scratch.path("\(stem).\((name as NSString).pathExtension)")
        try bytes.write(to: URL(filePath: file))
        defer {
            try? FileManager.default.removeItem(atPath: file)
            try? FileManager.default.removeItem(atPath: scratch.path("out\(stem)"))
        }
        var arguments = ["extract", file, "--json", "--frames", "200", "--output", scratch.path("out\(stem)")]
        arguments += options[index / seeds.count % options.count]
        let extracted = try Programs.run(Programs.pframe.path, arguments, limit: 60)
        guard !extracted.timedOut, arguments.contains("--residual"), extracted.output.contains("\"frames\"") else {
            return extracted
        }
        let rebuilt = try Programs.run(
            Programs.pframe.path,
            ["reconstruct", scratch.path("out\(stem)/\(stem)"), "--output", scratch.path("\(stem).yuv")],
            limit: 60)
        try? FileManager.default.removeItem(atPath: scratch.path("\(stem).yuv"))
        return rebuilt.status == 0 ? extracted : rebuilt
    }

    /// What is wrong with an outcome, nil where nothing is.
    private static func judge(_ outcome: Outcome) -> String? {
        if outcome.timedOut { return "still running after 60 s" }
        if outcome.errors.contains("AddressSanitizer") { return String(outcome.errors.prefix(1500)) }
        guard (0...1).contains(outcome.status) else { return "status \(outcome.status): \(outcome.errors.prefix(500))" }
        let isSilent = outcome.status == 1 && outcome.errorLines.isEmpty
        if isSilent || outcome.errorLines.count > 1 { return "not one line: \(outcome.errors.prefix(500))" }
        return nil
    }
}

/// A seeded way to spoil a file.
private struct Mutation {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

    private mutating func next(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % max(1, bound)
    }

    mutating func mutate(_ whole: Data) -> Data {
        var bytes = [UInt8](whole)
        switch next(6) {
        case 0: bytes = Array(bytes.prefix(next(bytes.count)))
        case 1: for _ in 0...next(8) { bytes[next(bytes.count)] = UInt8(next(256)) }
        case 2: for _ in 0...next(3) { bytes[next(bytes.count)] ^= UInt8(1 << next(8)) }
        case 3:
            let start = next(bytes.count)
            bytes.removeSubrange(start..<min(bytes.count, start + 1 + next(200)))
        case 4:
            let start = next(bytes.count)
            bytes.insert(contentsOf: bytes[start..<min(bytes.count, start + 1 + next(200))], at: next(bytes.count))
        default:
            let start = next(bytes.count)
            for index in start..<min(bytes.count, start + 1 + next(64)) { bytes[index] = UInt8(next(256)) }
        }
        return Data(bytes)
    }
}
