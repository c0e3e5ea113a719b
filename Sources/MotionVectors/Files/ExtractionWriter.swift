public import Codec
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
    /// What cut the file short; nil where nothing did.
    public var truncation: String?
    /// Mean vector length in pixels over pictures that have vectors.
    public var meanLength = 0.0
    /// Mean absolute luma residual over pictures with vectors, in grey levels; nil without residuals.
    public var meanResidual: Double?
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

    /// Whether the folder holds what this extraction would write: the same file, unchanged, with the same options.
    public func isUpToDate() -> Bool {
        guard let folder = output.folder, let source = try? source(),
            let found = try? StreamDescription(folder: folder)
        else { return false }
        return found.source == source && found.options == describedOptions && found.motionSource == options.source
            && found.tool == output.tool
    }

    /// Does the work.
    ///
    /// - Parameter progress: called after every frame with the frames so far and the share of the file read, 0…1; what
    ///   it throws ends the work, and nothing half-written stays.
    /// - Throws: `CodecError` for input that cannot be read at all, and for every failing write. Damage on the way is no
    ///   error: it is counted in the summary and flagged in `frames.csv`.
    public func run(progress: (Int, Double) throws(CodecError) -> Void = { _, _ in }) throws(CodecError)
        -> ExtractionSummary
    {
        do {
            return try run(options, progress)
        } catch .damagedWithoutLoopFilter {
            var options = options
            options.loopFilter = true
            do { return try run(options, progress) } catch { throw error.codecError(path) }
        } catch {
            throw error.codecError(path)
        }
    }

    /// Why a pass ended.
    private enum Failure: Error {
        case codec(CodecError)
        /// Concealment guesses vectors from pixels: with damage, only a pass with the loop filter has the exact ones.
        case damagedWithoutLoopFilter

        func codecError(_ path: FilePath) -> CodecError {
            switch self {
            case .codec(let error): error
            case .damagedWithoutLoopFilter: CodecError(path: path, "damaged")
            }
        }
    }

    private func run(
        _ options: ExtractionOptions, _ progress: (Int, Double) throws(CodecError) -> Void
    ) throws(Failure) -> ExtractionSummary {
        do {
            let extraction = try Extraction(path: path, options: options)
            var files = try output.folder.map { folder throws(CodecError) in
                try FolderFiles(folder, extraction, options, output)
            }
            var summary = ExtractionSummary()
            var records: [FrameRecord] = []
            var sums = (length: 0.0, residual: 0.0, frames: 0)
            var first: Picture?
            while let frame = try extraction.next() {
                if extraction.foundDamage, !options.needsPixels, !options.loopFilter {
                    throw Failure.damagedWithoutLoopFilter
                }
                if first == nil { first = frame.picture }
                records.append(frame.record)
                summary.vectors += frame.rows.count
                if !frame.rows.isEmpty {
                    sums.length += MotionStatistics.meanLength(frame.rows)
                    sums.residual += frame.residual?.meanLumaMagnitude ?? 0
                    sums.frames += 1
                }
                try files?.write(frame)
                let share = extraction.progress
                try progress(records.count, share.total > 0 ? min(1, Double(share.read) / Double(share.total)) : 0)
            }
            if extraction.foundDamage, !options.needsPixels, !options.loopFilter {
                throw Failure.damagedWithoutLoopFilter
            }
            guard let first else { throw CodecError(path: path, "no picture could be decoded") }
            let lost = extraction.lostPackets(delivered: records)
            summary.frames = records.count
            summary.damaged = records.count { $0.isDamaged } + lost.count
            summary.interlaced = records.count { $0.isInterlaced }
            summary.truncation = extraction.truncation
            summary.meanLength = sums.frames > 0 ? sums.length / Double(sums.frames) : 0
            summary.meanResidual = options.residual && sums.frames > 0 ? sums.residual / Double(sums.frames) : nil
            if let files {
                var description = StreamDescription(
                    extraction: extraction, source: try source(), options: describedOptions,
                    motionSource: options.source, tool: output.tool, first: first, frames: summary.frames,
                    vectors: summary.vectors)
                description.damaged = summary.damaged
                description.interlaced = summary.interlaced
                summary.bytes = try files.finish(records + lost, description)
            }
            return summary
        } catch let error as CodecError {
            throw .codec(error)
        } catch let error as Failure {
            throw error
        } catch {
            throw .codec(CodecError(path: path, "\(error)"))
        }
    }

    private func source() throws(CodecError) -> StreamDescription.Source { try StreamDescription.Source(path) }

    private var describedOptions: StreamDescription.Options {
        StreamDescription.Options(
            residual: output.residual, field: output.fieldCellSize, references: options.needsPixels,
            accumulate: options.accumulate, radius: options.radius, frameLimit: options.frameLimit,
            stream: options.streamIndex)
    }
}

@available(*, unavailable)
extension ExtractionWriter: Sendable {}
