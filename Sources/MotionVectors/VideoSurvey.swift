public import Codec
public import SystemPackage

/// What a user needs to know of a video before extracting it, from its header and its first frames.
public struct VideoSurvey: Sendable, Codable {
    /// The path as given.
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
    /// Clockwise, degrees.
    public var rotation: Int
    /// Frames that the container announces, 0 where it does not.
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
    /// Frames with errors, and packets that gave none.
    public var damagedFrames = 0
    /// Whether libavcodec exports vectors of this codec.
    public var vectorsAvailable: Bool
    /// Mean rows of a frame that has vectors.
    public var vectorsPerFrame = 0.0
    /// Mean vector length in pixels over frames that have vectors.
    public var meanLength = 0.0

    /// The GOP structure in words.
    public var gop: String {
        let length = meanGOP.map { "a key frame every \(($0 * 10).rounded() / 10) frames" } ?? "one key frame so far"
        return length + ", starts \(pattern)"
    }

    /// Reads the header and decodes up to `frameLimit` frames.
    ///
    /// - Throws: `CodecError` where the file cannot be read or gives no picture.
    public init(path: FilePath, streamIndex: Int? = nil, frameLimit: Int = 300) throws(CodecError) {
        var decoding = DecoderOptions()
        decoding.loopFilter = false
        let reader = try VideoReader(path: path, streamIndex: streamIndex, options: decoding)
        let described = reader.stream
        video = path.string
        stream = described.index
        otherVideoStreams = reader.videoStreams.map(\.index).filter { $0 != described.index }
        codec = described.codecName
        profile = described.profile
        pixelFormat = described.pixelFormatName
        (width, height) = (described.size.width, described.size.height)
        (codedWidth, codedHeight) = (width, height)
        rotation = described.rotation
        announcedFrames = described.announcedFrames
        duration = described.duration
        framesPerSecond = described.averageFrameRate.value
        vectorsAvailable = described.predictionRule != nil
        referenceFrames = 1

        var keys: [Int] = []
        var times: [Int] = []
        var sums = (vectors: 0, length: 0.0, frames: 0)
        var vectors: [MotionVector] = []
        while framesDecoded < frameLimit, let picture = try reader.next() {
            (codedWidth, codedHeight) = (picture.size.width, picture.size.height)
            if picture.isKey { keys.append(framesDecoded) }
            switch picture.type {
            case .intra: intraFrames += 1
            case .bidirectional: bidirectionalFrames += 1
            case .predicted, .other: predictedFrames += 1
            }
            if keys.count < 2, pattern.count < 24 { pattern += picture.type.rawValue }
            let packet = picture.packetNumber.map { reader.packets[$0] }
            if let pts = packet?.pts { times.append(pts) }
            if picture.isInterlaced || packet?.isMBAFF == true { interlacedFrames += 1 }
            if picture.isDamaged { damagedFrames += 1 }
            picture.readMotionVectors(into: &vectors)
            if !vectors.isEmpty {
                sums.vectors += vectors.count
                sums.length += MotionStatistics.meanLength(vectors.map { MotionRow(frame: 0, vector: $0) })
                sums.frames += 1
            }
            framesDecoded += 1
        }
        guard framesDecoded > 0 else { throw CodecError(path: path, "no picture could be decoded") }
        damagedFrames += reader.damagedPackets.count
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
