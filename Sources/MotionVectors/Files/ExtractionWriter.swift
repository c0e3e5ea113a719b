public import Codec
public import Storage
public import SystemPackage

/// What to write of an extraction, and where.
public struct ExtractionOutput: Sendable {
    /// The folder of this video; nil does all the work and writes nothing, for timing.
    public var folder: FilePath?
    /// Store residuals; nil for none.
    public var residual: ResidualFormat?
    /// Cell size of `field.npy` and `mask.npy`: 4, 8 or 16; nil for none.
    public var fieldCellSize: Int?
    /// Threads of the FFV1 encoder; the bytes do not depend on it.
    public var encoderThreads = 1
    /// What `stream.json` names as the writing program.
    public var tool = "PFrame"

    /// Writes motion vectors into a folder, and nothing else.
    public init(folder: FilePath?) { self.folder = folder }
}

/// What an extraction came to.
public struct ExtractionSummary: Sendable {
    /// Pictures delivered.
    public var frames = 0
    /// Rows of `motion.npy`.
    public var vectors = 0
    /// Pictures with errors, and damaged packets that gave none.
    public var damaged = 0
    /// Pictures coded in fields or MBAFF.
    public var interlaced = 0
    /// What cut the file short; nil if nothing did.
    public var truncation: String?
    /// Mean vector length in pixels over pictures that have vectors; nil if it was not measured in this run.
    public var meanLength: Double?
    /// Mean absolute luma residual of predicted pixels, in grey levels; nil without residuals.
    public var meanResidual: Double?
    /// The share of pixels without prediction in pictures that predict, 0…1; nil if it was not measured in this run.
    public var intraShare: Double?
    /// How players turn the pictures; the extraction describes the stored pictures.
    public var orientation = Orientation.upright
    /// Bytes written.
    public var bytes = 0
}

/// Extracts a video into a folder: `motion.npy`, `frames.csv`, `stream.json`, and on demand `residual.mkv` or
/// `residual_{y,u,v}.npy`, `field.npy` with `mask.npy`, `accumulated.npy` and the accumulated residual.
///
/// Files appear under their names only when all are complete.
public struct ExtractionWriter {
    private let path: FilePath
    private var options: ExtractionOptions
    private let output: ExtractionOutput

    /// Every file that an extraction may write.
    static let fileNames =
        ["motion.npy", "frames.csv", StreamDescription.fileName, "field.npy", "mask.npy", "accumulated.npy"]
        + ["residual", "accumulated_residual"].flatMap { name in ResidualFormat.allCases.flatMap { $0.files(name) } }

    /// Prepares the extraction of one video.
    public init(path: FilePath, options: ExtractionOptions, output: ExtractionOutput) {
        self.path = path
        self.options = options
        self.options.residual = output.residual != nil
        self.output = output
    }

    /// The summary of the folder's extraction if it is up to date: from the same, unchanged file with the same options.
    /// Nil if there is something to do.
    public func finished() -> ExtractionSummary? {
        // A folder or a file that cannot be read is something to do: `run` says what is wrong with it.
        guard let folder = output.folder, let source = try? source(),
            let found = try? StreamDescription(folder: folder),
            found.source == source, found.options == describedOptions, found.motionSource == options.source,
            found.tool == output.tool
        else { return nil }
        var summary = ExtractionSummary()
        summary.frames = found.frames
        summary.vectors = found.vectors
        summary.damaged = found.damaged
        summary.interlaced = found.interlaced
        summary.truncation = found.truncation
        summary.orientation = found.orientation
        return summary
    }

    /// How many bytes the arrays will have, from the video's header: 0 if it announces no length. `residual.mkv` is not
    /// counted, since its size depends on the pictures.
    ///
    /// - Throws: `PFrameError` for a file that cannot be read.
    public func estimatedSize() throws(PFrameError) -> Int {
        let stream = try VideoReader(path: path, streamIndex: options.streamIndex).stream
        let announced =
            stream.announcedFrames > 0
            ? stream.announcedFrames : Int(min(1e9, (stream.duration ?? 0) * stream.averageFrameRate.value))
        let seconds = options.span.flatMap { span in span.end.map { $0 - span.start } } ?? 1e9
        let most = Int(min(1e9, (seconds * stream.averageFrameRate.value).rounded(.up)))
        let frames = min(announced, options.frameLimit ?? .max, most > 0 ? most : .max)
        let pixels = stream.size.width * stream.size.height
        // A row of 48 bytes per macroblock; 1.5 int16 samples per pixel; two int16 per cell, and its mask.
        var bytes = pixels / 256 * 48
        if output.residual == .npy { bytes += pixels * 3 * (options.accumulate ? 2 : 1) }
        if options.accumulate { bytes += pixels * 4 }
        if let cell = output.fieldCellSize { bytes += pixels / (cell * cell) * 5 }
        return frames * bytes
    }

    /// Does the work.
    ///
    /// - Parameter progress: called after every frame with the frames so far and the share of the file read, 0…1; what
    ///   it throws ends the work, and nothing half-written stays.
    /// - Throws: `PFrameError` for input that cannot be read at all, and for every failing write. Damage on the way is no
    ///   error: it is counted in the summary and flagged in `frames.csv`.
    public func run(
        progress: (Int, Double) throws(PFrameError) -> Void = { _, _ in }
    ) throws(PFrameError) -> ExtractionSummary {
        do throws(PFrameError) {
            if let summary = try run(options, progress) { return summary }
            var filtered = options
            filtered.loopFilter = true
            guard let summary = try run(filtered, progress) else {
                preconditionFailure("the loop filter was asked for")
            }
            return summary
        } catch {
            // What was done in memory knows no file.
            throw error.path == nil ? error.about(path) : error
        }
    }

    /// One pass; nil if it found damage without the loop filter: concealment guesses vectors from pixels, so only a
    /// pass with the filter has the exact ones.
    private func run(
        _ options: ExtractionOptions, _ progress: (Int, Double) throws(PFrameError) -> Void
    ) throws(PFrameError) -> ExtractionSummary? {
        let extraction = try Extraction(path: path, options: options)
        let files: FolderFiles?
        if let folder = output.folder {
            files = try FolderFiles(folder, extraction, options, output)
        } else {
            files = nil
        }
        var summary = ExtractionSummary()
        var records: [FrameRecord] = []
        var sums = (length: 0.0, frames: 0)
        var prediction = PredictionStatistics()
        var first: Picture?
        let isExactOnlyWhole = !options.needsPixels && !options.loopFilter
        while let frame = try extraction.next() {
            if isExactOnlyWhole, extraction.foundDamage { return nil }
            if first == nil { first = frame.picture }
            records.append(frame.record)
            summary.vectors += frame.rows.count
            if !frame.rows.isEmpty {
                sums.length += MotionStatistics.meanLength(frame.rows)
                sums.frames += 1
            }
            prediction.add(frame)
            try files?.write(frame)
            let share = extraction.progress
            try progress(records.count, share.total > 0 ? min(1, Double(share.read) / Double(share.total)) : 0)
        }
        if isExactOnlyWhole, extraction.foundDamage { return nil }
        guard let first else { throw extraction.nothingDecoded }
        let lost = extraction.lostPackets(delivered: records)
        summary.frames = records.count
        summary.damaged = extraction.damaged
        summary.interlaced = records.count { $0.isInterlaced }
        summary.truncation = extraction.truncation
        summary.meanLength = sums.length / Double(max(1, sums.frames))
        summary.meanResidual = prediction.meanResidual
        summary.intraShare = prediction.intraShare
        summary.orientation = extraction.orientation
        if let files {
            let description = StreamDescription(
                extraction: extraction, source: try source(), options: describedOptions, motionSource: options.source,
                tool: output.tool, first: first, summary: summary)
            summary.bytes = try files.finish(records + lost, description)
        }
        return summary
    }

    private func source() throws(PFrameError) -> StreamDescription.Source { try StreamDescription.Source(path) }

    private var describedOptions: StreamDescription.Options {
        StreamDescription.Options(
            residual: output.residual, field: output.fieldCellSize, references: options.needsPixels,
            accumulate: options.accumulate, radius: options.radius, frameLimit: options.frameLimit,
            stream: options.streamIndex, span: options.span)
    }
}

@available(*, unavailable)
extension ExtractionWriter: Sendable {}
