public import Codec
import FoundationEssentials
public import Storage
public import SystemPackage

/// `stream.json`: the contents and options of an extraction. Written last: a folder without `stream.json` is not
/// complete.
public struct StreamDescription: Sendable, Codable, Equatable {
    /// Which file it was.
    public struct Source: Sendable, Codable, Equatable {
        /// The path as given: an address without passwords and signatures, `stdin` for standard input.
        public var path: String
        /// Its size.
        public var bytes: Int
        /// Its modification time, nanoseconds since 1970; 0 for a pipe, and where a server does not say.
        public var modified: Int
    }

    /// What was asked for.
    public struct Options: Sendable, Codable, Equatable {
        /// `mkv`, `npy`, or nil for none.
        public var residual: ResidualFormat?
        /// Cell size of `field.npy`, or nil for none.
        public var field: Int?
        /// Whether references were found.
        public var references: Bool
        /// How they were found, or nil where none were; nil in files of older versions, which inferred them.
        public var referenceSource: ReferenceSource?
        /// Whether the coded residual was kept, or nil if not.
        public var codedResidual: Bool?
        /// Whether motion was accumulated.
        public var accumulate: Bool
        /// Largest offset of estimated motion, in pixels.
        public var radius: Int
        /// The most frames to extract, or nil for all.
        public var frameLimit: Int?
        /// The stream asked for, or nil for the first.
        public var stream: Int?
        /// The span asked for, or nil for the whole video.
        public var span: TimeSpan?
        /// How `motion.npy` stores vectors, or nil for ``MotionFormat/wide``.
        public var motionFormat: MotionFormat?
    }

    /// Layout of the folder; readers refuse a newer one.
    public var formatVersion = 1
    /// The program that wrote it.
    public var tool: String
    /// Which file it was.
    public var source: Source
    /// What was asked for.
    public var options: Options
    /// Where the vectors come from.
    public var motionSource: MotionSource
    /// Container index of the stream.
    public var stream: Int
    /// libavcodec's name of the codec.
    public var codec: String
    /// The codec's profile, if known.
    public var profile: String?
    /// How vectors predict, if pictures were predicted.
    public var predictionRule: PredictionRule
    /// Reference pictures kept for prediction.
    public var referenceFrames: Int
    /// Width of the planes.
    public var codedWidth: Int
    /// Height of the planes.
    public var codedHeight: Int
    /// What to leave out for display.
    public var crop: Crop
    /// Whether samples span 0…255 (`yuvj420p`).
    public var fullRange: Bool
    /// Unit of pts, in seconds.
    public var timeBase: Rational
    /// As the container states it; 0/0 if it does not.
    public var averageFrameRate: Rational
    /// How pictures are turned for display: clockwise, degrees.
    public var rotation: Int
    /// Whether they are flipped top to bottom before they are turned; nil in files of older versions: they are not.
    public var flipped: Bool?
    /// Sample aspect ratio and colour; nil in files of older versions.
    public var display: DisplayTags?
    /// Rows of `frames.csv` that are pictures.
    public var frames: Int
    /// Rows of `motion.npy`.
    public var vectors: Int
    /// Pictures with errors, and packets that gave none.
    public var damaged: Int
    /// Pictures coded in fields or MBAFF.
    public var interlaced: Int
    /// Pictures whose blocks, references and weights the bitstream told; nil where it was not read.
    public var bitstreamFrames: Int?
    /// What of the stream the bitstream reader does not read, so that references are inferred from there on; nil for
    /// nothing.
    public var outOfScope: String?
    /// With `h264` motion, the share of blocks that block search had to fill, 0…1.
    public var searchedShare: Double?
    /// What cut the file short, or nil.
    public var truncation: String?

    /// How pictures are turned for display.
    public var orientation: Orientation { Orientation(rotation: rotation, isFlipped: flipped ?? false) }
    /// The size of the planes.
    public var codedSize: Size { Size(width: codedWidth, height: codedHeight) }

    /// The file's name in the folder of an extraction.
    public static let fileName = "stream.json"

    /// Reads a folder's description.
    ///
    /// - Throws: `PFrameError` if the folder is not a complete extraction.
    public init(folder: FilePath) throws(PFrameError) {
        let path = folder.appending(Self.fileName)
        let text: [UInt8]
        do { text = try readWholeFile(path) } catch {
            throw PFrameError(
                PFrameError.Code(error), path: folder,
                "is not a complete extraction (cannot read \(Self.fileName): \(error))")
        }
        do {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            self = try decoder.decode(Self.self, from: Data(text))
        } catch {
            throw PFrameError(.damaged, path: path, "is not what PFrame writes; extract the video again")
        }
        guard formatVersion <= 1 else {
            throw PFrameError(
                .unsupported, path: path, "format version \(formatVersion) is newer than this PFrame knows: update it")
        }
        let limit = 1...65_536
        guard limit.contains(codedWidth), limit.contains(codedHeight), referenceFrames >= 0, frames >= 0,
            [crop.left, crop.top, crop.right, crop.bottom].allSatisfy({ (0..<65_536).contains($0) }),
            crop.left + crop.right < codedWidth, crop.top + crop.bottom < codedHeight, rotation.isMultiple(of: 90)
        else { throw PFrameError(.damaged, path: path, "its sizes make no picture") }
    }

    /// What tells the stream of a video, whoever read it.
    struct Facts {
        let stream: VideoStream
        let referenceFrames: Int
        let orientation: Orientation
        var searchedShare: Double?
        var bitstreamFrames: Int?
        var outOfScope: String?
    }

    init(
        _ facts: Facts, source: Source, options: Options, motionSource: MotionSource, tool: String, first: Picture,
        summary: ExtractionSummary
    ) {
        let stream = facts.stream
        self.tool = tool
        self.source = source
        self.options = options
        self.motionSource = motionSource
        self.stream = stream.index
        codec = stream.codecName
        profile = stream.profile
        predictionRule = motionSource.isEstimated ? .h264 : stream.predictionRule ?? .h264
        referenceFrames = facts.referenceFrames
        codedWidth = first.size.width
        codedHeight = first.size.height
        crop = first.crop
        fullRange = first.format == .yuv420pFullRange
        timeBase = stream.timeBase
        averageFrameRate = stream.averageFrameRate
        rotation = facts.orientation.rotation
        flipped = facts.orientation.isFlipped
        display = DisplayTags(of: first, in: stream)
        frames = summary.frames
        vectors = summary.vectors
        damaged = summary.damaged
        interlaced = summary.interlaced
        (bitstreamFrames, outOfScope) = (facts.bitstreamFrames, facts.outOfScope)
        searchedShare = facts.searchedShare
        truncation = summary.truncation
    }

    /// The file's text.
    func json(_ path: FilePath) throws(PFrameError) -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do { return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n" } catch {
            throw PFrameError(error, path: path, "cannot describe the stream")
        }
    }
}

/// The whole of a small file.
func readWholeFile(_ path: FilePath) throws -> [UInt8] {
    let descriptor = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
    return try descriptor.closeAfter {
        var result: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = try chunk.withUnsafeMutableBytes { try descriptor.read(into: $0) }
            if count == 0 { return result }
            result.append(contentsOf: chunk[..<count])
        }
    }
}
