public import Codec
public import Storage
public import SystemPackage

/// What to extract from a video, and how.
public struct ExtractionOptions: Sendable {
    /// Container index of the stream; nil for the first video stream.
    public var streamIndex: Int?
    /// Where the vectors come from.
    public var source = MotionSource.stream
    /// Form predictions and residuals (needs true pixels, so the loop filter runs).
    public var residual = false
    /// Infer the reference of every vector (needs true pixels too); implied by `residual` and `accumulate`.
    public var references = false
    /// Trace motion back to the last intra picture.
    public var accumulate = false
    /// Largest offset of `search` and `h264`, in pixels.
    public var radius = 15
    /// Run the loop filter though no pixels are asked for. Concealing a damaged picture guesses vectors from pixels, so
    /// the exact vectors of a damaged stream need it (`Extraction.foundDamage` says when).
    public var loopFilter = false
    /// Stop after this many pictures; nil for all.
    public var frameLimit: Int?

    /// The defaults: the stream's own vectors and nothing else.
    public init() {}

    var needsPixels: Bool { residual || references || accumulate || source != .stream }
}

/// The results for one picture, lent to the caller of `Extraction.next`: valid until the next call.
public struct ExtractedFrame {
    /// Its row of `frames.csv`.
    public let record: FrameRecord
    /// Its rows of `motion.npy`, in export order.
    public let rows: [MotionRow]
    /// The decoded picture at coded size.
    public let picture: Picture
    /// Its residual, where asked for.
    public let residual: Residual?
    /// Whether its prediction is a copy of the last reference picture, as that of interlaced pictures is.
    var copiesReference = false
    /// Its motion back to the last intra picture, where asked for.
    public let accumulated: AccumulatedMotion?
    /// The residual against that intra picture, where accumulation and residual are asked for.
    public let accumulatedResidual: Residual?
}

@available(*, unavailable)
extension ExtractedFrame: Sendable {}

/// Extracts motion vectors, and on demand residuals, of a video, frame by frame in display order.
///
/// ```swift
/// let extraction = try Extraction(path: "clip.mp4")
/// while let frame = try extraction.next() {
///     let field = MotionField(frame.rows, size: frame.picture.size, cellSize: 16)
/// }
/// ```
public final class Extraction {
    private let reader: VideoReader
    private let options: ExtractionOptions
    private var predictor: (any FramePredictor)?
    private var finished = DisplayOrder<ExtractedFrame>()
    private var reachedEnd = false
    private var firstSize: Size?
    private var vectors: [MotionVector] = []

    /// Opens a video.
    ///
    /// - Throws: `PFrameError` for a file that cannot be read, or a codec that has no exported vectors.
    public init(path: FilePath, options: ExtractionOptions = ExtractionOptions()) throws(PFrameError) {
        self.options = options
        var decoding = DecoderOptions()
        decoding.exportsMotionVectors = options.source == .stream
        decoding.loopFilter = options.needsPixels || options.loopFilter
        reader = try VideoReader(path: path, streamIndex: options.streamIndex, options: decoding)
        guard options.source != .stream || reader.stream.predictionRule != nil else {
            throw PFrameError(
                .unsupported, path: path,
                "libavcodec exports no motion vectors of \(reader.stream.codecName); "
                    + Remedy.noVectors(pixelFormat: reader.stream.pixelFormatName, size: reader.stream.size))
        }
    }

    /// The stream that is read.
    public var stream: VideoStream { reader.stream }
    /// Bytes of packets read so far, and of the whole file, for progress.
    public var progress: (read: Int, total: Int) { (reader.bytesRead, reader.fileSize) }
    /// Pictures decoded so far.
    public var delivered: Int { reader.delivered }
    /// The most reference pictures that a picture may predict from; known after the first picture.
    public var referenceFrames: Int {
        guard options.source == .stream else { return 1 }
        return stream.predictionRule == .h264 ? reader.referenceFrames : 2
    }
    /// Whether a damaged packet or picture was met so far.
    public var foundDamage: Bool { damaged > 0 }
    /// Damage so far: pictures with errors, and damaged packets that gave none.
    public var damaged: Int { reader.damaged }
    /// How pictures are turned for display; known after the first picture. Vectors and residuals are of stored pictures.
    public var orientation: Orientation { reader.orientation }
    /// With `h264`, the share of blocks so far whose vector block search had to find (intra, or beyond the radius), 0…1.
    public var searchedShare: Double? { (predictor as? EstimatingPredictor)?.searchedShare }
    /// What cut the file short, in words; nil if nothing did.
    public var truncation: String? { reader.truncation }

    /// Rows of `frames.csv` for damaged packets that gave no picture.
    public func lostPackets(delivered: [FrameRecord]) -> [FrameRecord] {
        let numbers = Set(delivered.map(\.decode))
        return reader.damagedPackets.filter { !numbers.contains($0) }.map {
            FrameRecord(lost: $0, packet: reader.packets[$0], timeBase: stream.timeBase)
        }
    }

    /// The next picture in display order, nil at the end.
    ///
    /// - Throws: `PFrameError` for pictures that PFrame does not read (by name), or short memory.
    public func next() throws(PFrameError) -> ExtractedFrame? {
        while true {
            if let frame = finished.pop() { return frame }
            if reachedEnd { return nil }
            let limitReached = options.frameLimit.map { reader.delivered >= $0 } ?? false
            if !limitReached, let picture = try reader.next() {
                try accept(picture)
            } else {
                reachedEnd = true
                predictor?.finish(packets: reader.packets) { finished.insert($0, at: $0.record.display) }
            }
        }
    }

    private func accept(_ picture: Picture) throws(PFrameError) {
        let display = reader.delivered - 1
        try checkSupported(picture, display)
        picture.readMotionVectors(into: &vectors)
        let packet = picture.packetNumber.map { reader.packets[$0] }
        let record = FrameRecord(
            picture, display: display, packet: packet, timeBase: stream.timeBase, vectors: vectors.count)
        let rows = vectors.map { MotionRow(frame: Int32(display), vector: $0) }
        guard options.needsPixels else {
            finished.insert(
                ExtractedFrame(
                    record: record, rows: rows, picture: picture, residual: nil, accumulated: nil,
                    accumulatedResidual: nil), at: display)
            return
        }
        if predictor == nil { predictor = try makePredictor(picture.size) }
        let frame = DecodedFrame(picture: picture, record: record, rows: rows)
        try predictor?.accept(frame, packets: reader.packets) { finished.insert($0, at: $0.record.display) }
    }

    private func makePredictor(_ size: Size) throws(PFrameError) -> any FramePredictor {
        guard options.source == .stream else { return try EstimatingPredictor(size: size, options: options) }
        return try StreamPredictor(
            size: size, rule: stream.predictionRule ?? .h264, referenceFrames: referenceFrames, options: options)
    }

    private func checkSupported(_ picture: Picture, _ display: Int) throws(PFrameError) {
        if let firstSize, firstSize != picture.size {
            throw PFrameError(
                .unsupported, path: reader.path,
                "frame \(display): the picture size changes from \(firstSize) to \(picture.size), which is not "
                    + "supported; convert the video to one size first: \(Remedy.conversion(stream.size, scales: true))")
        }
        firstSize = picture.size
        guard options.needsPixels else { return }
        guard picture.format == .yuv420p || picture.format == .yuv420pFullRange else {
            throw PFrameError(
                .unsupported, path: reader.path,
                "pixel format \(picture.formatName) is not supported with residuals, references or block search (8-bit "
                    + "4:2:0 is); " + (stream.predictionRule == nil ? "" : "extract the stream's vectors alone, or ")
                    + "convert the video first: \(Remedy.conversion(stream.size))")
        }
    }
}

@available(*, unavailable)
extension Extraction: Sendable {}

/// The remedy for a video that PFrame refuses; PFrame accepts the result of the remedy.
package enum Remedy: Sendable {
    /// What PFrame predicts from: 8-bit 4:2:0.
    private static let predicted = ["yuv420p", "yuvj420p"]

    /// Where libavcodec exports no vectors of the codec.
    ///
    /// - Parameters:
    ///   - pixelFormat: libavutil's name of it; nil if it is unknown.
    ///   - size: of the pictures, for display.
    package static func noVectors(pixelFormat: String?, size: Size) -> String {
        guard let pixelFormat, !predicted.contains(pixelFormat) else {
            return "use --motion-source search (block search between decoded frames, any codec)"
        }
        return "block search takes 8-bit 4:2:0, and this is \(pixelFormat): convert it first: \(conversion(size))"
    }

    /// The command that makes H.264 of one size and 8-bit 4:2:0, which every command takes.
    static func conversion(_ size: Size, scales: Bool = false) -> String {
        // libx264 takes no odd sizes of 4:2:0.
        let even = Size(width: max(2, size.width & ~1), height: max(2, size.height & ~1))
        let filter =
            scales
            ? "-vf scale=\(even.width):\(even.height) "
            : even == size ? "" : "-vf crop=\(even.width):\(even.height) "
        return "ffmpeg -i IN \(filter)-c:v libx264 -pix_fmt yuv420p OUT.mp4"
    }
}
