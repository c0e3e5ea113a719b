import Codec
import Dataset
import Glibc
public import MotionVectors
public import Storage
public import SystemPackage

/// A folder of clips that a model made: `samples.jsonl`, and for each row the files of `SampleFiles`.
///
/// A sample's row appears after its files, and every file at once: whatever has a row is whole, and a killed run
/// resumes where it was. Files without a row are of an earlier call or of one that was killed.
public struct SampleFolder {
    /// The name of the table.
    public static let tableName = "samples.jsonl"

    /// The folder.
    public let path: FilePath
    private let facts: [String: JSONValue]
    private let framesPerSecond: Double
    private let hasMotion: Bool
    private let madeFolder: Bool
    private var names: [String] = []
    private var rows: [String: JSONValue] = [:]

    /// Plans to write what a sampler makes.
    ///
    /// - Parameters:
    ///   - framesPerSecond: of the videos, within `ClipFile.rates`.
    ///   - sampler: makes the samples.
    ///   - path: the folder.
    public init(_ path: FilePath, of sampler: VideoSampler, framesPerSecond: Double) throws(PFrameError) {
        (self.path, self.framesPerSecond) = (path, framesPerSecond)
        hasMotion = sampler.trained.generator.makesMotion
        let trained = sampler.trained
        // Clips that differ in any of these are different clips.
        var facts: [String: JSONValue] = [
            "run": .text(trained.run.path.string), "checkpoint": .text(try trained.checkpoint.digest()),
            "model": .text(trained.run.model), "trained_steps": .integer(trained.checkpoint.step),
            "precision": .text(trained.precision.rawValue), "device": .text(trained.device.kind.rawValue),
            "guidance": .number(sampler.guidance), "sampler": .text(sampler.options.kind.rawValue),
            "steps": .integer(sampler.options.steps), "eta": .number(sampler.options.eta),
            "fps": .number(framesPerSecond),
        ]
        facts["temperature"] = sampler.options.temperature.map { .number($0) }
        facts["residual_steps"] = sampler.options.residualSteps.map { .integer($0) }
        self.facts = facts
        madeFolder = !isFolder(path)
        try createFolder(path)
    }

    /// Removes what this process made of a folder in which no sample is: a failure leaves nothing behind.
    package func removeIfEmpty() {
        guard rows.isEmpty, madeFolder else { return }
        // What cannot be removed stays: the error that led here is the one to tell of.
        _ = path.appending(Self.tableName).withPlatformString { unlink($0) }
        _ = path.withPlatformString { rmdir($0) }
    }

    /// The files of a sample.
    public func files(_ name: String) -> SampleFiles {
        // Keys of foreign sets may name folders.
        SampleFiles(folder: path, name: String(name.map { $0 == "/" ? "_" : $0 }))
    }

    /// Looks which requests are fulfilled: their rows are as this call would write them, and their files are there.
    ///
    /// - Parameters:
    ///   - batchSize: requests that are made together: products of other sizes round otherwise, so that a batch of
    ///     which one is missing is made again as a whole, and gives the bytes that it would have given at once.
    ///   - requests: the clips to make.
    /// - Returns: those that are to be made; `samples.jsonl` then lists the others alone.
    /// - Throws: `PFrameError` if two requests have one name, or the folder cannot be written.
    public mutating func begin(
        _ requests: [SampleRequest], batchSize: Int
    ) throws(PFrameError) -> [SampleRequest] {
        names = requests.map { files($0.name).name }
        guard Set(names).count == names.count else {
            throw PFrameError(
                .conflict, path: path, "two samples would have one name: keys of the data set are not unique")
        }
        let found = try table()
        rows = [:]
        var pending: [SampleRequest] = []
        for start in stride(from: 0, to: requests.count, by: batchSize) {
            let batch = requests[start..<min(start + batchSize, requests.count)]
            var done: [String: JSONValue] = [:]
            for request in batch {
                let (files, row) = (files(request.name), row(of: request))
                if found[files.name] == row, try isThere(files, request.first) { done[files.name] = row }
            }
            if done.count == batch.count {
                rows.merge(done) { $1 }
            } else {
                pending += batch
            }
        }
        try writeTable()
        return pending
    }

    /// Writes the files of a clip, then its row.
    ///
    /// - Throws: `PFrameError`, a full disk included.
    public mutating func write(_ clip: Clip, of request: SampleRequest) throws(PFrameError) {
        let files = files(request.name)
        try request.first.write(to: files.first)
        if hasMotion {
            let cells = clip.motion.first.map { [$0.rows, $0.columns, 2] } ?? [0, 0, 2]
            try Self.write(clip.motion.map(\.vectors), cells, to: files.motion)
            try Self.write(clip.residuals, [request.first.height, request.first.width, 3], to: files.residual)
        }
        try PictureStrip.of([clip.frames]).write(to: files.strip)
        try ClipFile.write(clip.frames, to: files.video, framesPerSecond: framesPerSecond, crf: SampleFiles.crf)
        rows[files.name] = row(of: request)
        try writeTable()
    }

    /// What `samples.jsonl` says of a request.
    private func row(of request: SampleRequest) -> JSONValue {
        var members = facts
        members["name"] = .text(files(request.name).name)
        members["prompt"] = .text(request.caption)
        members["seed"] = Int(exactly: request.seed).map { .integer($0) } ?? .text(String(request.seed))
        members["image"] = request.source.map { .text($0.string) } ?? .null
        return .object(members)
    }

    private func isThere(_ files: SampleFiles, _ first: RGBImage) throws(PFrameError) -> Bool {
        let all = [files.first, files.strip, files.video] + (hasMotion ? [files.motion, files.residual] : [])
        guard all.allSatisfy({ (fileSize($0) ?? 0) > 0 }) else { return false }
        // The picture that the row names may be another by now.
        let bytes = try readFile(files.first)
        return try first.png() == bytes
    }

    /// The rows that are there, by name; a table that makes no sense counts as none.
    private func table() throws(PFrameError) -> [String: JSONValue] {
        let file = path.appending(Self.tableName)
        guard fileSize(file) != nil else { return [:] }
        let bytes = try readFile(file)
        var rows: [String: JSONValue] = [:]
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let row: JSONValue
            do throws(PFrameError) { row = try JSONValue(line, path: file) } catch { return [:] }
            if let name = row["name"]?.string { rows[name] = row }
        }
        return rows
    }

    private func writeTable() throws(PFrameError) {
        let lines = names.compactMap { rows[$0]?.json() }.map { $0 + "\n" }.joined()
        try replaceFile(path.appending(Self.tableName), with: lines)
    }

    private static func write<Element: BitwiseCopyable>(
        _ items: [[Element]], _ shape: [Int], to path: FilePath
    ) throws(PFrameError) {
        try StagedFile.write(path) { path throws(PFrameError) in
            let writer = try NPYWriter(path: path, type: .int16, itemShape: shape)
            for item in items { try writer.append(item) }
            try writer.close()
        }
    }
}

@available(*, unavailable)
extension SampleFolder: Sendable {}
