public import Codec
public import Storage
public import SystemPackage

/// What to write of an extraction, and where.
public struct ExtractionOutput: Sendable {
    /// The folder of this video; nil does all the work and writes nothing, for timing.
    public var folder: FilePath?
    /// Store residuals; nil for none.
    public var residual: ResidualFormat?
    /// Store the coded residual of H.264: what the decoder adds to its prediction.
    public var codedResidual = false
    /// How `motion.npy` stores vectors. Default: `wide`.
    public var motionFormat = MotionFormat.wide
    /// Cell size of `field.npy` and `mask.npy`: 4, 8 or 16; nil for none.
    public var fieldCellSize: Int?
    /// Threads that parse the bitstream, and threads of the FFV1 encoder; the bytes do not depend on them.
    public var threads = 1
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

/// How much an extraction is about to write, judged by its first pictures.
public struct ExtractionEstimate: Sendable, Equatable {
    /// Pictures that are judged by.
    public static let pictures = 30

    /// Bytes of all arrays. `residual.mkv` is not counted, since its size depends on the pictures.
    public var bytes: Int
    /// Vectors in all.
    public var vectors: Int
}

/// Extracts a video into a folder: `motion.npy`, `frames.csv`, `stream.json`, and on demand `residual.mkv` or
/// `residual_{y,u,v}.npy`, `field.npy` with `mask.npy`, `accumulated.npy` and the accumulated residual.
///
/// Files appear under their names only when all are complete.
public struct ExtractionWriter {
    let path: FilePath
    private(set) var options: ExtractionOptions
    let output: ExtractionOutput

    /// Every file that an extraction may write.
    static let fileNames =
        ["motion.npy", "frames.csv", StreamDescription.fileName, "field.npy", "mask.npy", "accumulated.npy"]
        + SyntaxFiles.names + CodedResidualFiles.names
        + ["residual", "accumulated_residual"].flatMap { name in ResidualFormat.allCases.flatMap { $0.files(name) } }

    /// Prepares the extraction of one video.
    public init(path: FilePath, options: ExtractionOptions, output: ExtractionOutput) {
        self.path = path
        self.options = options
        self.options.residual = output.residual != nil
        self.options.codedResidual = output.codedResidual
        self.output = output
    }

    /// The summary of the folder's extraction if it is up to date: from the same, unchanged file with the same options.
    /// Nil if there is something to do.
    public func finished() -> ExtractionSummary? {
        // A folder or a file that cannot be read is something to do: `run` says what is wrong with it.
        guard let folder = output.folder, let found = try? StreamDescription(folder: folder),
            found.options == describedOptions, found.motionSource == options.source, found.tool == output.tool,
            // What comes through a pipe is new each time.
            !PipedVideo.isPipe(path), let source = try? StreamDescription.Source(path), found.source == source,
            // Of a file on a server that tells neither its size nor its date nobody knows whether it changed.
            source.bytes > 0 || source.modified > 0
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

    /// Does the work.
    ///
    /// - Parameters:
    ///   - announce: called once, after the first pictures, with what is about to be written. Not called for shorter videos
    ///     and without a folder, and where neither the video nor its size says how long it is.
    ///   - progress: called after every frame with the frames so far and the share of the file read, 0…1; what it throws
    ///     ends the work, and nothing half-written stays.
    /// - Throws: `PFrameError` for input that cannot be read at all, and for every failing write. Damage on the way is no
    ///   error: it is counted in the summary and flagged in `frames.csv`.
    public func run(
        announce: (ExtractionEstimate) -> Void = { _ in },
        progress: (Int, Double) throws(PFrameError) -> Void = { _, _ in }
    ) throws(PFrameError) -> ExtractionSummary {
        var isAnnounced = false
        func announceOnce(_ estimate: ExtractionEstimate) {
            if !isAnnounced { announce(estimate) }
            isAnnounced = true
        }
        do throws(PFrameError) {
            let pipe = try PipedVideo(path)
            if needsNoPictures, let summary = try readBitstream(pipe, announceOnce, progress) { return summary }
            var options = options
            options.leavesOutVectors = true
            if let summary = try run(options, pipe, announceOnce, progress) { return summary }
            (options.leavesOutVectors, options.loopFilter) = (false, true)
            guard let summary = try run(options, pipe, announceOnce, progress) else {
                preconditionFailure("the loop filter and the vectors were asked for")
            }
            return summary
        } catch {
            // What was done in memory knows no file.
            throw error.path == nil ? error.about(path) : error
        }
    }

    /// One pass; nil if it found damage without the loop filter, because concealment guesses vectors from pixels, so only a
    /// pass with the filter has the exact ones; nil too if it needed vectors that were left out.
    private func run(
        _ options: ExtractionOptions, _ pipe: PipedVideo?, _ announce: (ExtractionEstimate) -> Void,
        _ progress: (Int, Double) throws(PFrameError) -> Void
    ) throws(PFrameError) -> ExtractionSummary? {
        let extraction = try Extraction(path: path, options: options)
        let files: FolderFiles?
        if let folder = output.folder {
            files = try FolderFiles(folder, extraction.stream, options, output)
        } else {
            files = nil
        }
        var summary = ExtractionSummary()
        var records: [FrameRecord] = []
        var sums = (length: 0.0, frames: 0)
        var prediction = PredictionStatistics()
        var first: Picture?
        let isExactOnlyWhole = options.source == .stream && !options.needsPixels && !options.loopFilter
        while let frame = try extraction.next() {
            if isExactOnlyWhole && extraction.foundDamage || extraction.lacksVectors { return nil }
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
            let read = share.total > 0 ? min(1, Double(share.read) / Double(share.total)) : 0
            if records.count == ExtractionEstimate.pictures, files != nil {
                let perFrame = summary.vectors / records.count
                self.announce(perFrame, first?.size, extraction.stream, read: read, announce)
            }
            try progress(records.count, read)
        }
        if isExactOnlyWhole && extraction.foundDamage || extraction.lacksVectors { return nil }
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
                StreamDescription.Facts(
                    stream: extraction.stream, referenceFrames: extraction.referenceFrames,
                    orientation: extraction.orientation, searchedShare: extraction.searchedShare,
                    bitstreamFrames: records.contains { $0.syntax != nil }
                        ? records.count { $0.syntax?.order != nil } : nil, outOfScope: extraction.outOfScope),
                source: try StreamDescription.Source(path, received: pipe?.received), options: describedOptions,
                motionSource: options.source, tool: output.tool, first: first, summary: summary)
            summary.bytes = try files.finish(records + lost, description)
        }
        return summary
    }

    /// Says what is about to be written, after the first pictures.
    ///
    /// - Parameters:
    ///   - vectors: of each of those pictures.
    ///   - size: their size.
    ///   - stream: the stream.
    ///   - read: the share of the file that was read.
    ///   - announce: is told, where anything says how long the video is.
    func announce(
        _ vectors: Int, _ size: Size?, _ stream: VideoStream, read: Double, _ announce: (ExtractionEstimate) -> Void
    ) {
        guard let total = frames(of: stream, read: read) else { return }
        announce(estimate(frames: total, vectorsPerFrame: vectors, size))
    }

    /// How many pictures a stream has, as its header says, or else by the share that the first ones are of the file.
    private func frames(of stream: VideoStream, read: Double) -> Int? {
        var total = Double(stream.announcedFrames)
        if total == 0 { total = (stream.duration ?? 0) * stream.averageFrameRate.value }
        if total == 0, read > 0 { total = Double(ExtractionEstimate.pictures) / read }
        if let span = options.span, let end = span.end {
            let most = ((end - span.start) * stream.averageFrameRate.value).rounded(.up)
            if most > 0 { total = total > 0 ? min(total, most) : most }
        }
        guard total > 0 else { return nil }
        return min(max(ExtractionEstimate.pictures, Int(min(1e9, total))), options.frameLimit ?? .max)
    }

    private func estimate(frames: Int, vectorsPerFrame: Int, _ size: Size?) -> ExtractionEstimate {
        let pixels = size.map { $0.width * $0.height } ?? 0
        var bytes = vectorsPerFrame * output.motionFormat.bytesPerVector
        // Slice and reference index of a vector; a row of macroblocks.npy, a uint32 and an int8.
        if options.readsBitstream { bytes += vectorsPerFrame * 4 }
        if options.source == .bitstream { bytes += pixels / 256 * (MacroblockRow.columns.count * 4 + 5) }
        // 1.5 int16 samples per pixel; two int16 per cell, and its mask.
        if output.residual == .npy { bytes += pixels * 3 * (options.accumulate ? 2 : 1) }
        if options.accumulate { bytes += pixels * 4 }
        if let cell = output.fieldCellSize { bytes += pixels / (cell * cell) * 5 }
        return ExtractionEstimate(bytes: frames * bytes, vectors: frames * vectorsPerFrame)
    }

    var describedOptions: StreamDescription.Options {
        StreamDescription.Options(
            residual: output.residual, field: output.fieldCellSize,
            references: options.needsPixels || options.readsBitstream,
            referenceSource: options.source.isEstimated || !(options.needsPixels || options.readsBitstream)
                ? nil : options.references ?? .exact, codedResidual: output.codedResidual ? true : nil,
            accumulate: options.accumulate, radius: options.radius, frameLimit: options.frameLimit,
            stream: options.streamIndex, span: options.span,
            motionFormat: output.motionFormat == .wide ? nil : output.motionFormat)
    }
}

@available(*, unavailable)
extension ExtractionWriter: Sendable {}
