import Foundation
import Testing

/// What a program printed and how it ended.
struct Outcome {
    let status: Int32
    let output: String
    let errors: String
    let timedOut: Bool

    var errorLines: [Substring] { errors.split(separator: "\n") }
}

/// The programs that these tests run: pframe as built beside them, ffmpeg and python3 as installed.
enum Programs {
    /// The repository's root.
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    static let fixtures = root.appending(path: "fixtures")
    static let pframe = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        .appending(path: "pframe")

    static func fixture(_ name: String) -> String { fixtures.appending(path: name).path }

    /// Runs pframe; other arguments than strings do not occur.
    @discardableResult
    static func pframe(_ arguments: String..., limit: Double = 120) throws -> Outcome {
        try run(pframe.path, arguments, limit: limit)
    }

    @discardableResult
    static func ffmpeg(_ arguments: [String]) throws -> Outcome {
        let outcome = try run("/usr/bin/env", ["ffmpeg", "-nostdin", "-y"] + arguments)
        return outcome
    }

    /// Runs a program to its end, or kills it after `limit` seconds.
    static func run(
        _ program: String, _ arguments: [String], limit: Double = 600, folder: URL? = nil,
        environment: [String: String] = [:]
    ) throws -> Outcome {
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.currentDirectoryURL = folder
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        let scratch = try Scratch()
        let (output, errors) = (scratch.url.appending(path: "out"), scratch.url.appending(path: "err"))
        for file in [output, errors] { _ = FileManager.default.createFile(atPath: file.path, contents: nil) }
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
        let end = process.end(limit: limit)
        return Outcome(
            status: end.status, output: String(decoding: try Data(contentsOf: output), as: UTF8.self),
            errors: String(decoding: try Data(contentsOf: errors), as: UTF8.self), timedOut: end.timedOut)
    }

    /// Starts pframe and kills it without warning after some seconds; false where it ended before.
    static func kill(_ arguments: [String], after seconds: Double) throws -> Bool {
        let process = Process()
        process.executableURL = pframe
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        usleep(useconds_t(seconds * 1_000_000))
        process.end(limit: 0)
        return process.terminationReason == .uncaughtSignal
    }

    /// What ffprobe says of a video's first stream, as comma-separated values unless the options say otherwise.
    static func ffprobe(_ video: String, _ entries: String, _ options: String...) throws -> String {
        let show = ["-v", "error", "-select_streams", "v:0", "-show_entries", entries, "-of", "csv=p=0"]
        return try run("/usr/bin/env", ["ffprobe"] + show + options + [video]).output
    }

    /// What FFmpeg itself decodes of a video's first stream: raw planes, uncropped by nothing but the stream.
    static func decodedByFFmpeg(_ video: String, stream: String = "0:v:0", _ scratch: Scratch) throws -> Data {
        let raw = scratch.path("ffmpeg.yuv")
        try ffmpeg(
            ["-v", "error", "-threads", "1", "-flags", "unaligned", "-noautorotate", "-i", video, "-map", stream]
                + ["-f", "rawvideo", "-vsync", "passthrough", raw])
        // Of a file without a single picture FFmpeg makes no file at all.
        return FileManager.default.fileExists(atPath: raw) ? try Data(contentsOf: URL(filePath: raw)) : Data()
    }
}

extension Process {
    /// Waits for the end, or kills the program after `limit` seconds.
    @discardableResult
    func end(limit: Double) -> (status: Int32, timedOut: Bool) {
        let deadline = Date().addingTimeInterval(limit)
        while isRunning, Date() < deadline { usleep(500) }
        let timedOut = isRunning
        if timedOut { kill(processIdentifier, SIGKILL) }
        waitUntilExit()
        return (terminationReason == .exit ? terminationStatus : 128 + terminationStatus, timedOut)
    }
}

/// A folder that goes away with its owner.
final class Scratch: Sendable {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: "pframe-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    func path(_ name: String) -> String { url.appending(path: name).path }

    func data(_ name: String) throws -> Data { try Data(contentsOf: url.appending(path: name)) }

    func text(_ name: String) throws -> String { String(decoding: try data(name), as: UTF8.self) }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

    func names(in folder: String = "") throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: url.appending(path: folder).path).sorted()
    }
}

/// The int32 values and shape of a `.npy` file, by a reader that shares nothing with the library.
func int32Array(_ data: Data) throws -> (shape: [Int], values: [Int32]) { try array(data, "'<i4'") }

/// The int16 values and shape of a `.npy` file, by a reader that shares nothing with the library.
func int16Array(_ data: Data) throws -> (shape: [Int], values: [Int16]) { try array(data, "'<i2'") }

private func array<Element>(_ data: Data, _ type: String) throws -> (shape: [Int], values: [Element]) {
    let header = String(decoding: data[10..<128], as: UTF8.self)
    try #require(data.prefix(6) == Data([0x93] + Array("NUMPY".utf8)) && header.contains(type))
    let shape = header.drop { $0 != "(" }.dropFirst().prefix { $0 != ")" }.split(separator: ",")
        .compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
    let values = data.dropFirst(128).withUnsafeBytes { Array($0.bindMemory(to: Element.self)) }
    try #require(values.count == shape.reduce(1, *))
    return (shape, values)
}
