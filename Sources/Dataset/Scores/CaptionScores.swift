import COpenBLAS
import Codec
import MotionVectors
public import Shards
public import Storage
public import SystemPackage

/// Scores every clip by the cosine of the embeddings of its caption and its frames, as column `caption_clip`. The user
/// brings the embeddings.
///
/// With several frames per clip, the score is the cosine with the mean of the normalised frame embeddings. Where an
/// embedding is zero or not finite the score is NaN.
public struct CaptionScores: Sendable {
    /// The column that is written.
    public static let column = "caption_clip"

    /// What scoring came to.
    public struct Report: Sendable {
        /// Clips that have a score now.
        public var scored: Int
        /// Clips whose embeddings give none.
        public var undefined: Int
        /// Clips that are not in the list of keys.
        public var missing: Int
        /// The first few of these.
        public var firstMissing: [String]
    }

    /// The data set.
    public let folder: DatasetFolder
    private let text: EmbeddingFile
    private let images: EmbeddingFile
    private let keys: FilePath

    /// Opens the embeddings.
    ///
    /// - Parameters:
    ///   - text: `.npy`, `(N, D)`.
    ///   - images: `.npy`, `(N, D)`, or `(N, F, D)` for several frames per clip.
    ///   - keys: one key per line, N lines; any order.
    ///   - folder: the data set whose clips are scored.
    /// - Throws: `PFrameError` if a file holds another type of array, or the shapes do not fit.
    public init(
        folder: DatasetFolder, text: FilePath, images: FilePath, keys: FilePath
    ) throws(PFrameError) {
        (self.folder, self.keys) = (folder, keys)
        self.text = try EmbeddingFile(text)
        self.images = try EmbeddingFile(images)
        guard self.text.frames == 1 else {
            throw PFrameError(.unsupported, path: text, "expected shape (N, D): a caption has one")
        }
        guard self.text.dimensions == self.images.dimensions, self.text.rows == self.images.rows else {
            throw PFrameError(
                .conflict, path: images,
                "\(self.images.rows) rows of \(self.images.dimensions) numbers, where \(text) has \(self.text.rows) of "
                    + "\(self.text.dimensions): both must come from one model and one list")
        }
    }

    /// Rows of the arrays.
    public var count: Int { text.rows }

    /// Scores, writes `SHARD.caption_clip.jsonl` beside every shard, and rewrites the index.
    ///
    /// Memory: blocks of the arrays, some 40 bytes per clip, and the list of keys.
    ///
    /// - Throws: `PFrameError` if keys are unknown or occur twice, or a file cannot be read or written.
    public func run(
        jobs: Int = Parallel.processors, progress: @Sendable (Int) throws(PFrameError) -> Void = { _ in }
    ) throws(PFrameError) -> Report {
        let description = try folder.description()
        let index = try DatasetIndex(folder)
        let numbers = try places(index, description)
        var scores = [Double](repeating: .nan, count: description.samples)
        var isGiven = [Bool](repeating: false, count: description.samples)
        for (row, score) in try cosines(jobs, progress).enumerated() {
            scores[numbers[row]] = score
            isGiven[numbers[row]] = true
        }
        try folder.write(column: Self.column, jobs: jobs) { [scores] _, place in scores[place] }
        let missing = isGiven.indices.filter { !isGiven[$0] }
        let first = missing.prefix(5).map { "\($0)" }.joined(separator: ", ")
        let names = missing.isEmpty ? [] : try index.rows(["key"], where: "number IN (\(first))")
        return Report(
            scored: scores.count { $0.isFinite }, undefined: isGiven.indices.count { isGiven[$0] && scores[$0].isNaN },
            missing: missing.count, firstMissing: names.compactMap { $0[0].string })
    }

    /// The place in the set of the clip of every row.
    private func places(
        _ index: DatasetIndex, _ description: DatasetDescription
    ) throws(PFrameError) -> [Int] {
        var lines = String(decoding: try readFile(keys), as: UTF8.self).split(
            omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        while lines.last?.isEmpty == true { lines.removeLast() }
        guard lines.count == text.rows else {
            throw PFrameError(.conflict, path: keys, "\(lines.count) keys for \(text.rows) rows of \(text.path)")
        }
        let (numbers, unknown) = try index.places(of: lines)
        guard unknown.isEmpty else {
            let names = unknown.prefix(5).joined(separator: ", ") + (unknown.count > 5 ? ", …" : "")
            throw PFrameError(
                .conflict, path: keys,
                "\(unknown.count) of \(lines.count) keys are not in the data set: \(names); nothing was written")
        }
        var seen = [Bool](repeating: false, count: description.samples)
        for (line, number) in zip(lines, numbers) {
            guard number < seen.count else {
                throw PFrameError(
                    .damaged, path: index.path, "has more clips than dataset.json says: run `pframe index`")
            }
            guard !seen[number] else { throw PFrameError(.conflict, path: keys, "the key \(line) occurs twice") }
            seen[number] = true
        }
        return numbers
    }

    /// The cosine of every row, by blocks of some megabytes.
    private func cosines(
        _ jobs: Int, _ progress: @Sendable (Int) throws(PFrameError) -> Void
    ) throws(PFrameError) -> [Double] {
        // Blocks run side by side already.
        openblas_set_num_threads(1)
        let block = max(1, (1 << 19) / (images.frames * images.dimensions))
        let blocks = try Parallel.map((text.rows + block - 1) / block, jobs: jobs) { number throws(PFrameError) in
            let range = number * block..<min(text.rows, (number + 1) * block)
            let scores = cosines(try text.read(range), try images.read(range), count: range.count)
            try progress(range.count)
            return scores
        }
        return blocks.flatMap { $0 }
    }

    private func cosines(_ captions: [Double], _ frames: [Double], count: Int) -> [Double] {
        let dimensions = images.dimensions
        let length = Int32(dimensions)
        var mean = [Double](repeating: 0, count: dimensions)
        return captions.withUnsafeBufferPointer { captions in
            frames.withUnsafeBufferPointer { frames in
                (0..<count).map { row in
                    let caption = captions[(row * dimensions)...].prefix(dimensions)
                    for index in mean.indices { mean[index] = 0 }
                    for frame in 0..<images.frames {
                        let start = (row * images.frames + frame) * dimensions
                        let vector = UnsafeBufferPointer(rebasing: frames[start..<(start + dimensions)])
                        // A frame without direction makes the mean NaN, and so the score.
                        cblas_daxpy(length, 1 / Self.norm(vector), vector.baseAddress, 1, &mean, 1)
                    }
                    let text = UnsafeBufferPointer(rebasing: caption)
                    let dot = cblas_ddot(length, text.baseAddress, 1, mean, 1)
                    let cosine = dot / Self.norm(text) / mean.withUnsafeBufferPointer { Self.norm($0) }
                    return cosine.isFinite ? min(1, max(-1, cosine)) : .nan
                }
            }
        }
    }

    /// The length of a vector, NaN if it has no direction.
    private static func norm(_ vector: UnsafeBufferPointer<Double>) -> Double {
        let norm = cblas_dnrm2(Int32(vector.count), vector.baseAddress, 1)
        return norm > 0 && norm.isFinite ? norm : .nan
    }
}

extension DatasetFolder {
    /// Writes a score of every clip as `SHARD.COLUMN.jsonl` beside its shard, and rewrites the index.
    ///
    /// - Parameters:
    ///   - column: the score's name.
    ///   - score: of a clip by its row and its place in the set; NaN if there is none.
    ///   - jobs: threads that work at once.
    /// - Throws: `PFrameError` if rows cannot be read, or a file cannot be written.
    public func write(
        column: String, jobs: Int = Parallel.processors, score: @Sendable (ShardRow, Int) -> Double
    ) throws(PFrameError) {
        let description = try description()
        var start = 0
        let starts = description.shards.map { shard in
            defer { start += shard.samples }
            return start
        }
        _ = try Parallel.map(description.shards.count, jobs: jobs) { index throws(PFrameError) in
            let shard = description.shards[index]
            let lines = try rows(shard).enumerated().map { place, row in
                ScoreFile.line(key: row.key, scores: [column: score(row, starts[index] + place)]) + "\n"
            }
            try replaceFile(path.appending(ScoreFile.name(shard: shard.name, score: column)), with: lines.joined())
        }
        try DatasetIndex.write(self, description: description, jobs: jobs)
    }
}

/// A `.npy` file of embeddings, `(N, D)` or `(N, F, D)`, float16, float32 or float64, of which blocks of rows are read.
final class EmbeddingFile: Sendable {
    let path: FilePath
    /// N.
    let rows: Int
    /// F, 1 for two dimensions.
    let frames: Int
    /// D.
    let dimensions: Int
    private let type: NPYType
    private let start: Int
    private let descriptor: FileDescriptor

    /// Opens a file and reads its header.
    ///
    /// - Throws: `PFrameError` if it is missing, cut off, or holds something else.
    init(_ path: FilePath) throws(PFrameError) {
        self.path = path
        guard let size = fileSize(path) else { throw PFrameError(.missing, path: path, "is missing") }
        let descriptor: FileDescriptor
        do { descriptor = try FileDescriptor.open(path, .readOnly, options: .closeOnExec) } catch {
            throw PFrameError(error, path: path, "cannot open")
        }
        self.descriptor = descriptor
        var head = [UInt8](repeating: 0, count: min(size, 1 << 16))
        let header: NPYHeader
        do {
            let count = try head.withUnsafeMutableBytes { try descriptor.read(fromAbsoluteOffset: 0, into: $0) }
            header = try head[..<count].withUnsafeBytes { try NPYHeader($0) }
        } catch {
            throw PFrameError(.damaged, path: path, "\(error)")
        }
        guard [.float16, .float32, .float64].contains(header.type), [2, 3].contains(header.shape.count),
            header.shape.dropFirst().allSatisfy({ $0 > 0 })
        else {
            throw PFrameError(
                .unsupported, path: path,
                "\(header.type) of shape \(header.shape): expected float16, float32 or float64 of shape (N, D) or (N, F, D)"
            )
        }
        guard size == header.size + header.payload else {
            throw PFrameError(
                .damaged, path: path, "\(size) bytes, but its header says \(header.size + header.payload): cut off?")
        }
        (type, start, rows) = (header.type, header.size, header.shape[0])
        frames = header.shape.count == 3 ? header.shape[1] : 1
        dimensions = header.shape[header.shape.count - 1]
    }

    deinit {
        // Nothing was written: a failing close loses nothing.
        _ = try? descriptor.close()
    }

    /// The numbers of a range of rows, F × D a row.
    ///
    /// - Throws: `PFrameError` if the disk fails.
    func read(_ range: Range<Int>) throws(PFrameError) -> [Double] {
        let width = frames * dimensions
        var bytes = [UInt8](repeating: 0, count: range.count * width * type.size)
        let place = start + range.lowerBound * width * type.size
        let count: Int
        do { count = try bytes.withUnsafeMutableBytes { try descriptor.fill($0, at: place) } } catch {
            throw PFrameError(error, path: path, offset: place, "cannot read")
        }
        guard count == bytes.count else {
            throw PFrameError(.damaged, path: path, offset: place + count, "ends too early")
        }
        return bytes.withUnsafeBytes { bytes in
            switch type {
            case .float16:
                bytes.bindMemory(to: UInt16.self).map { Double(Float16(bitPattern: UInt16(littleEndian: $0))) }
            case .float32: bytes.bindMemory(to: UInt32.self).map { Double(Float(bitPattern: UInt32(littleEndian: $0))) }
            default: bytes.bindMemory(to: UInt64.self).map { Double(bitPattern: UInt64(littleEndian: $0)) }
            }
        }
    }
}
