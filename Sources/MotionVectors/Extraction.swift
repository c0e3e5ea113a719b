public import Codec
public import Storage
public import SystemPackage

/// How the references of vectors are found.
public enum ReferenceSource: String, Sendable, CaseIterable, Codable {
    /// As the bitstream says, with the blocks and weights that it tells, where it is in scope; inferred elsewhere.
    case exact
    /// libavcodec's vectors, each with the reference of least difference.
    case inferred
}

/// What to extract from a video, and how.
public struct ExtractionOptions: Sendable {
    /// Container index of the stream; nil for the first video stream.
    public var streamIndex: Int?
    /// Where the vectors come from.
    public var source = MotionSource.stream
    /// Form predictions and residuals (needs true pixels, so the loop filter runs).
    public var residual = false
    /// Find the reference of every vector, and how; nil for vectors alone. `residual` and `accumulate` imply `exact`.
    public var references: ReferenceSource?
    /// Keep the coded residual of the bitstream: what the decoder adds to its prediction.
    public var codedResidual = false
    /// Trace motion back to the last intra picture.
    public var accumulate = false
    /// Largest offset of `search` and `h264`, in pixels.
    public var radius = 15
    /// Run the loop filter though no pixels are asked for. Concealing a damaged picture guesses vectors from pixels, so
    /// the exact vectors of a damaged stream need it (`Extraction.foundDamage` says when).
    public var loopFilter = false
    /// Let libavcodec export no vectors where the bitstream is read: ``Extraction/lacksVectors`` says whether any were
    /// missed.
    var leavesOutVectors = false
    /// Stop after this many pictures; nil for all.
    public var frameLimit: Int?
    /// The part of the video to extract; nil for all. Display indices count from its first picture.
    ///
    /// Pictures outside of the span are not delivered, so nothing predicts from them: a vector that points to one is there
    /// and takes no part in the prediction (`MotionRow.unused`).
    public var span: TimeSpan?

    /// The defaults: the stream's own vectors and nothing else.
    public init() {}

    var needsPixels: Bool { residual || references != nil || accumulate || source.isEstimated }
    /// Whether the bitstream is read, where it can be.
    var readsBitstream: Bool {
        source == .bitstream || codedResidual || source == .stream && needsPixels && references != .inferred
    }
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
    /// What the bitstream says of it, where its rows are from there.
    var syntax: PictureSyntax?
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
    /// Whether nothing can be had without the bitstream.
    private let needsBitstream: Bool
    private var predictor: (any FramePredictor)?
    /// What the packets say; nil where the bitstream is not read, or is out of scope from its start.
    private var bitstream: FollowedBitstream<PictureSyntax>?
    /// The first thing in the stream that the bitstream reader does not read, by name; nil where there is none, or it was
    /// not asked for.
    public private(set) var outOfScope: String?
    /// Whether a picture needed libavcodec's vectors, which were left out.
    private(set) var lacksVectors = false
    private var finished = DisplayOrder<ExtractedFrame>()
    private var reachedEnd = false
    /// Pictures so far: before the span, in it (or in the video), and after it.
    private var counts = (before: 0, inside: 0, after: 0)
    private var emitted = 0
    private var firstSize: Size?
    private var vectors: [MotionVector] = []

    /// Opens a video.
    ///
    /// - Throws: `PFrameError` for a file that cannot be read, or a codec that has no exported vectors.
    public init(path: FilePath, options: ExtractionOptions = ExtractionOptions()) throws(PFrameError) {
        let needsBitstream = options.source == .bitstream || options.codedResidual
        guard !needsBitstream || options.references != .inferred && !options.source.isEstimated else {
            throw PFrameError(
                .usage, path: path, "the bitstream tells the coded residual for its own vectors and references only")
        }
        (self.options, self.needsBitstream) = (options, needsBitstream)
        var decoding = DecoderOptions()
        decoding.exportsMotionVectors = options.source == .stream
        decoding.loopFilter = options.needsPixels || options.loopFilter
        reader = try VideoReader(
            path: path, streamIndex: options.streamIndex, options: decoding, span: options.span)
        guard options.source != .stream || reader.stream.predictionRule != nil else {
            throw PFrameError(
                .unsupported, path: path,
                "libavcodec exports no motion vectors of \(reader.stream.codecName); "
                    + Remedy.noVectors(pixelFormat: reader.stream.pixelFormatName, size: reader.stream.size))
        }
        guard options.readsBitstream else { return }
        bitstream = FollowedBitstream(
            reader, macroblocks: options.source == .bitstream, residual: options.codedResidual)
        if bitstream != nil, options.leavesOutVectors { reader.leaveOutMotionVectors() }
        guard bitstream != nil || !needsBitstream else {
            throw PFrameError(
                .unsupported, path: path,
                "the bitstream of \(reader.stream.codecName) cannot be read, only that of h264; \(scopeRemedy)")
        }
    }

    /// The part of the video that is extracted; nil for all.
    package var span: TimeSpan? { options.span }
    /// The stream that is read.
    public var stream: VideoStream { reader.stream }
    /// Bytes of packets read so far, and of the whole file, for progress.
    public var progress: (read: Int, total: Int) { (reader.bytesRead, reader.fileSize) }
    /// Pictures decoded so far, those outside of the span left out.
    public var delivered: Int { counts.inside }
    /// The most reference pictures that a picture may predict from; known after the first picture.
    public var referenceFrames: Int {
        guard !options.source.isEstimated else { return 1 }
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
        return reader.damagedPackets.filter { !numbers.contains($0) && reader.spans(reader.packets[$0].pts) }.map {
            FrameRecord(lost: $0, packet: reader.packets[$0], timeBase: stream.timeBase)
        }
    }

    /// The next picture in display order, nil at the end.
    ///
    /// - Throws: `PFrameError` for pictures that PFrame does not read (by name), or short memory.
    public func next() throws(PFrameError) -> ExtractedFrame? {
        while true {
            if let frame = finished.pop() { return frame }
            if reachedEnd {
                guard emitted < counts.inside else { return nil }
                predictor?.finish(packets: reader.packets, emit: finish)
                // What a decoder lost is not waited for.
                emitted = counts.inside
                continue
            }
            let limitReached = options.frameLimit.map { counts.inside >= $0 } ?? false
            if !limitReached, let (picture, place) = try reader.nextDecoded() {
                if place == .inside { try accept(picture) } else { try passBy(picture, place) }
            } else {
                reachedEnd = true
            }
        }
    }

    /// What to say of a video, or of a span of it, without a picture.
    package var nothingDecoded: PFrameError { reader.nothingDecoded(in: options.span) }

    private func finish(_ frame: ExtractedFrame) {
        finished.insert(frame, at: frame.record.display)
        emitted += 1
    }

    /// Shows the predictor a picture outside of the span, from which pictures in the span may predict; after the span
    /// only as long as pictures in it wait for such a picture.
    private func passBy(_ picture: Picture, _ place: VideoReader.Place) throws(PFrameError) {
        let isBefore = place == .before
        let isWanted = isBefore || emitted < counts.inside && firstSize == picture.size
        guard predicts, !options.source.isEstimated, isWanted else {
            reachedEnd = !isBefore
            return
        }
        // Far from the numbers of the span, and rising as time does.
        let display = isBefore ? Int(Int32.min) + counts.before : counts.inside + counts.after
        if isBefore { counts.before += 1 } else { counts.after += 1 }
        // Nothing predicts across a change of size.
        if firstSize != picture.size { (predictor, firstSize) = (nil, picture.size) }
        try checkSupported(picture, max(0, display))
        let syntax = try syntax(of: picture)
        let packet = picture.packetNumber.map { reader.packets[$0] }
        let record = FrameRecord(picture, display: display, packet: packet, timeBase: stream.timeBase, vectors: 0)
        if predictor == nil { predictor = try makePredictor(picture.size) }
        let frame = DecodedFrame(picture: picture, record: record, rows: [], syntax: syntax, isDelivered: false)
        try predictor?.accept(frame, packets: reader.packets, emit: finish)
        reachedEnd = !isBefore && emitted == counts.inside
    }

    private func accept(_ picture: Picture) throws(PFrameError) {
        let display = counts.inside
        counts.inside += 1
        if display == 0, firstSize != picture.size { (predictor, firstSize) = (nil, nil) }
        try checkSupported(picture, display)
        let syntax = try syntax(of: picture)
        let packet = picture.packetNumber.map { reader.packets[$0] }
        let record = FrameRecord(picture, display: display, packet: packet, timeBase: stream.timeBase, vectors: 0)
        var frame = DecodedFrame(picture: picture, record: record, rows: [], syntax: syntax)
        if !frame.isExact(options.source) {
            lacksVectors = lacksVectors || readsNoVectors
            picture.readMotionVectors(into: &vectors)
            frame.record.vectors = vectors.count
            frame.rows = vectors.map { MotionRow(frame: Int32(display), vector: $0) }
        }
        guard predicts else {
            finish(
                ExtractedFrame(
                    record: frame.record, rows: frame.rows, picture: picture, residual: nil, accumulated: nil,
                    accumulatedResidual: nil))
            return
        }
        if predictor == nil { predictor = try makePredictor(picture.size) }
        try predictor?.accept(frame, packets: reader.packets, emit: finish)
    }

    private func makePredictor(_ size: Size) throws(PFrameError) -> any FramePredictor {
        guard !options.source.isEstimated else { return try EstimatingPredictor(size: size, options: options) }
        return try StreamPredictor(
            size: size, rule: stream.predictionRule ?? .h264, referenceFrames: referenceFrames, options: options,
            isFollowing: bitstream != nil)
    }

    private var readsNoVectors: Bool { options.source == .stream && options.leavesOutVectors && bitstream != nil }

    /// Whether pictures go through a predictor.
    private var predicts: Bool { options.needsPixels || bitstream != nil }

    /// What the bitstream says of a picture; nil where it says nothing that can be read. The decoder reads ahead: what is
    /// out of scope behind the picture does not concern it.
    ///
    /// - Throws: `PFrameError` for what is out of scope where nothing can be had without the bitstream. A stream that is out
    ///   of scope before its first picture is not followed.
    private func syntax(of picture: Picture) throws(PFrameError) -> PictureSyntax? {
        guard let bitstream else { return nil }
        if let syntax = bitstream.syntax(of: picture) { return syntax }
        guard let reason = bitstream.outOfScope else { return nil }
        guard !needsBitstream else {
            throw PFrameError(
                .unsupported, path: reader.path,
                "its H.264 has \(reason), which the bitstream reader does not read; \(scopeRemedy)")
        }
        outOfScope = reason
        if predictor == nil {
            lacksVectors = lacksVectors || readsNoVectors
            self.bitstream = nil
        }
        return nil
    }

    /// What to do where the bitstream is not read.
    private var scopeRemedy: String {
        options.source == .bitstream
            ? "use the motion source stream"
            : "the residual against the prediction needs no bitstream"
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
            return "the motion source search takes any codec (block search between decoded frames)"
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
