public import Codec
public import Storage
public import SystemPackage

/// What a user needs to know of a video before extracting it, from its header and its first frames.
public struct VideoSurvey: Sendable, Codable {
    /// The path as given; an address without passwords and signatures.
    public var video: String
    /// Container index of the stream.
    public var stream: Int
    /// Container indices of the other video streams.
    public var otherVideoStreams: [Int]
    /// libavcodec's name of the codec.
    public var codec: String
    /// The codec's profile, if known.
    public var profile: String?
    /// libavutil's name of the pixel format, if known.
    public var pixelFormat: String?
    /// Display width before rotation.
    public var width: Int
    /// Display height before rotation.
    public var height: Int
    /// Width of the coded planes.
    public var codedWidth: Int
    /// Height of the coded planes.
    public var codedHeight: Int
    /// How pictures are turned for display: clockwise, degrees.
    public var rotation: Int
    /// Whether they are flipped top to bottom before they are turned.
    public var isFlipped: Bool
    /// Sample aspect ratio and colour.
    public var display: DisplayTags
    /// Frames that the container announces, 0 if it does not.
    public var announcedFrames: Int
    /// Seconds, if known.
    public var duration: Double?
    /// The average rate that the container states.
    public var framesPerSecond: Double
    /// Whether the times between frames differ by more than a millisecond and one tick.
    public var isVariableRate = false
    /// Frames that the counts below are of.
    public var framesDecoded = 0
    /// I-frames.
    public var intraFrames = 0
    /// P-frames.
    public var predictedFrames = 0
    /// B-frames.
    public var bidirectionalFrames = 0
    /// Mean distance between key frames, in frames; nil with fewer than two.
    public var meanGOP: Double?
    /// Frame types of the first GOP in display order, at most 24.
    public var pattern = ""
    /// The most reference pictures that the stream keeps.
    public var referenceFrames: Int
    /// Frames coded in fields or MBAFF.
    public var interlacedFrames = 0
    /// Frames with errors, and damaged packets that gave none.
    public var damagedFrames = 0
    /// What cut the file short, where its end was reached; nil if nothing did.
    public var truncation: String?
    /// The first frame whose size differs from those before, nil if none does: `Extraction` ends there.
    public var sizeChange: SizeChange?
    /// Whether libavcodec exports vectors of this codec.
    public var vectorsAvailable: Bool
    /// `in scope`, or `out of scope` and what of an H.264 stream the bitstream reader does not read; nil for other codecs.
    public var bitstream: String?
    /// Mean rows of a frame that has vectors.
    public var vectorsPerFrame = 0.0
    /// Mean vector length in pixels over frames that have vectors.
    public var meanLength = 0.0
    /// Mean absolute luma residual of predicted pixels, in grey levels; nil if no residual can be had.
    public var meanResidual: Double?
    /// The share of pixels without prediction in P- and B-frames, 0…1; nil if no residual can be had.
    public var intraShare: Double?

    /// Where the size of the pictures changes.
    public struct SizeChange: Sendable, Codable {
        /// The frame's number in display order, from 0.
        public var frame: Int
        /// Its coded width.
        public var width: Int
        /// Its coded height.
        public var height: Int
    }

    /// How pictures are turned for display.
    public var orientation: Orientation { Orientation(rotation: rotation, isFlipped: isFlipped) }

    /// The GOP structure in words.
    public var gop: String {
        let length = meanGOP.map { "a key frame every \(($0 * 10).rounded() / 10) frames" } ?? "one key frame so far"
        return length + ", starts \(pattern)"
    }

    /// Reads the header and decodes up to `frameLimit` frames.
    ///
    /// - Throws: `PFrameError` if the file cannot be read or gives no picture.
    public init(path: FilePath, streamIndex: Int? = nil, frameLimit: Int = 300) throws(PFrameError) {
        let reader = try VideoReader(path: path, streamIndex: streamIndex)
        let described = reader.stream
        video = path.shown
        stream = described.index
        otherVideoStreams = reader.videoStreams.map(\.index).filter { $0 != described.index }
        codec = described.codecName
        profile = described.profile
        pixelFormat = described.pixelFormatName
        (width, height) = (described.size.width, described.size.height)
        (codedWidth, codedHeight) = (width, height)
        (rotation, isFlipped) = (described.orientation.rotation, described.orientation.isFlipped)
        display = DisplayTags()
        announcedFrames = described.announcedFrames
        duration = described.duration
        framesPerSecond = described.averageFrameRate.value
        vectorsAvailable = described.predictionRule != nil
        referenceFrames = 1
        let followed = FollowedBitstream(reader, macroblocks: false, residual: false)

        var keys: [Int] = []
        var times: [Int] = []
        var sums = (vectors: 0, length: 0.0, frames: 0)
        var vectors: [MotionVector] = []
        var prediction = SurveyedPrediction(described.predictionRule, followed)
        while framesDecoded < frameLimit, let picture = try reader.next() {
            if framesDecoded == 0 {
                (codedWidth, codedHeight) = (picture.size.width, picture.size.height)
                (rotation, isFlipped) = (reader.orientation.rotation, reader.orientation.isFlipped)
                display = DisplayTags(of: picture, in: described)
            } else if sizeChange == nil, picture.size != Size(width: codedWidth, height: codedHeight) {
                sizeChange = SizeChange(
                    frame: framesDecoded, width: picture.size.width, height: picture.size.height)
            }
            if picture.isKey { keys.append(framesDecoded) }
            switch picture.type {
            case .intra: intraFrames += 1
            case .bidirectional: bidirectionalFrames += 1
            case .predicted, .other: predictedFrames += 1
            }
            if keys.count < 2, pattern.count < 24 { pattern += picture.type.rawValue }
            let packet = picture.packetNumber.map { reader.packets[$0] }
            if let time = picture.time { times.append(time) }
            if picture.isInterlaced || packet?.isMBAFF == true { interlacedFrames += 1 }
            picture.readMotionVectors(into: &vectors)
            let rows = vectors.map { MotionRow(frame: Int32(framesDecoded), vector: $0) }
            if sizeChange == nil { try prediction.add(picture, rows, reader) }
            if !vectors.isEmpty {
                sums.vectors += vectors.count
                sums.length += MotionStatistics.meanLength(rows)
                sums.frames += 1
            }
            framesDecoded += 1
        }
        guard framesDecoded > 0 else { throw PFrameError(.damaged, path: path, "no picture could be decoded") }
        (damagedFrames, truncation) = (reader.damaged, reader.truncation)
        bitstream = followed.map { $0.outOfScope.map { "out of scope: \($0)" } ?? "in scope" }
        let predicted = prediction.finish(reader)
        (meanResidual, intraShare) = (predicted.meanResidual, predicted.intraShare)
        referenceFrames = vectorsAvailable && described.predictionRule != .h264 ? 2 : reader.referenceFrames
        if let first = keys.first, let last = keys.last, keys.count > 1 {
            meanGOP = Double(last - first) / Double(keys.count - 1)
        }
        if sums.frames > 0 {
            vectorsPerFrame = Double(sums.vectors) / Double(sums.frames)
            meanLength = sums.length / Double(sums.frames)
        }
        let steps = zip(times.dropFirst(), times).map { Double($0 - $1) * described.timeBase.value }
        if let least = steps.min(), let most = steps.max() {
            isVariableRate = most - least > 0.001 + described.timeBase.value
        }
    }
}

/// Predicts the pictures of a survey by their vectors, as an extraction does, to see what residual they leave.
private struct SurveyedPrediction {
    private let rule: PredictionRule?
    private let bitstream: FollowedBitstream<PictureSyntax>?
    private var predictor: StreamPredictor?
    private var statistics = PredictionStatistics()

    init(_ rule: PredictionRule?, _ bitstream: FollowedBitstream<PictureSyntax>?) {
        (self.rule, self.bitstream) = (rule, bitstream)
    }

    /// Takes the next picture in display order; all are of one size. Pictures that give no residuals are left out.
    mutating func add(_ picture: Picture, _ rows: [MotionRow], _ reader: VideoReader) throws(PFrameError) {
        guard let rule, picture.format == .yuv420p || picture.format == .yuv420pFullRange else { return }
        let predictor: StreamPredictor
        if let ready = self.predictor {
            predictor = ready
        } else {
            var options = ExtractionOptions()
            options.residual = true
            predictor = try StreamPredictor(
                size: picture.size, rule: rule, referenceFrames: rule == .h264 ? reader.referenceFrames : 2,
                options: options, isFollowing: bitstream != nil)
            self.predictor = predictor
        }
        let record = FrameRecord(
            picture, display: reader.delivered - 1, packet: picture.packetNumber.map { reader.packets[$0] },
            timeBase: reader.stream.timeBase, vectors: rows.count)
        var statistics = statistics
        let frame = DecodedFrame(
            picture: picture, record: record, rows: rows, syntax: bitstream?.syntax(of: picture))
        predictor.accept(frame, packets: reader.packets) { statistics.add($0) }
        self.statistics = statistics
    }

    mutating func finish(_ reader: VideoReader) -> PredictionStatistics {
        var statistics = statistics
        predictor?.finish(packets: reader.packets) { statistics.add($0) }
        return statistics
    }
}
