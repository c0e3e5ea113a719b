import CKernels
import Codec
public import MotionVectors
import Shards
public import Storage

/// Makes samples of clips: arrays as `.npy` files, the first frame, and the scores that need the pixels.
///
/// With `p = P(v̂ⁿ⁻¹, m)` the whole-pixel prediction and `r = vⁿ − p`, frames are rebuilt as `vⁿ = p + r` without loss;
/// hence the frame predicted from is the same in the open and in the closed loop.
struct SampleMaker {
    /// The metadata that it adds to a video's.
    static let metadata = ["shot", "frames", "width", "height"]

    let clips: ClipOptions
    let options: SampleOptions
    /// The motion by the video's own vectors, with its counts; nil where motion has another source.
    private(set) var traced: TracedMotion?

    init(clips: ClipOptions, options: SampleOptions) {
        (self.clips, self.options) = (clips, options)
        if options.tracesMotion { traced = TracedMotion(radius: options.radius) }
    }

    /// The sample of a clip.
    ///
    /// - Parameter columns: what is known of the video: caption, source, metadata.
    mutating func sample(_ clip: SourceClip, columns: SampleColumns) throws(PFrameError) -> Sample {
        let first = clip.frames[0]
        let (width, height, count) = (first.width, first.height, clip.frames.count)
        var columns = columns
        columns.seconds = clip.seconds
        columns.hash = PerceptualHash.of(clip.frames[count / 2])
        columns.scores = Dictionary(uniqueKeysWithValues: SampleColumns.builtScores.map { ($0, Double.nan) })
        columns.scores["motion_content"] = clip.meanContent
        columns.scores["motion_content_max"] = clip.maximumContent
        if let bucket = clip.bucket {
            columns.scores[BucketChoice.scaleScore] = bucket.scale
            columns.scores[BucketChoice.cropScore] = bucket.crop
        }
        columns.metadata["shot"] = .integer(clip.shot)
        columns.metadata["frames"] = .integer(count)
        columns.metadata["width"] = .integer(width)
        columns.metadata["height"] = .integer(height)

        var members: [(name: String, bytes: [UInt8])] = [
            ("first.npy", Self.array(.uint8, [height, width, 3]) { $0.append(contentsOf: first.pixels) }),
            ("jpg", try first.jpeg(quality: 90)), ("txt", Array(columns.caption.utf8)),
        ]
        if options.representations.contains(.frames) {
            members.append(
                (
                    "frames.npy",
                    Self.array(.uint8, [count, height, width, 3]) { bytes in
                        for frame in clip.frames { bytes.append(contentsOf: frame.pixels) }
                    }
                ))
        }
        if options.representations.contains(.bits) { members.append(("bits.npy", try bits(clip))) }
        if let coding = clip.coding {
            columns.scores["bits_motion"] = coding.motionBits
            columns.scores["bits_residual"] = coding.residualBits
            columns.scores["qp_mean"] = coding.qpMean
            columns.scores["qp_spread"] = coding.qpSpread
        }
        let (difference, mean) = differences(clip)
        columns.scores["motion_difference"] = mean
        if options.representations.contains(.difference) { members.append(("difference.npy", difference)) }
        if options.representations.contains(.motionResidual) {
            let before = traced
            let fields = try motion(clip)
            members.append(("mv.npy", vectors(fields)))
            members.append(("residual.npy", residual(clip, fields)))
            let statistics = ClipMotion(fields, seconds: clip.seconds, width: width, height: height)
            columns.scores["motion_vector"] = statistics.speed
            columns.scores["motion_vector_moving"] = statistics.moving
            columns.scores["motion_vector_global"] = statistics.global
            if let traced, let before {
                columns.scores[SampleColumns.searchedShare] =
                    Double(traced.searchedBlocks - before.searchedBlocks) / Double(traced.blocks - before.blocks)
            }
        }
        return Sample(members: members, columns: columns)
    }

    /// The bytes of a `.npy` file.
    private static func array(_ type: NPYType, _ shape: [Int], _ fill: (inout [UInt8]) -> Void) -> [UInt8] {
        let header = NPYHeader(type: type, shape: shape)
        var bytes = header.bytes
        bytes.reserveCapacity(header.size + header.payload)
        fill(&bytes)
        precondition(bytes.count == header.size + header.payload, "an array of \(shape) with \(bytes.count) bytes")
        return bytes
    }

    /// The bytes of a `.npy` file of int16 pictures, each filled by `fill`.
    private static func pictures(
        _ count: Int, width: Int, height: Int, _ fill: (Int, UnsafeMutablePointer<Int16>) -> Void
    ) -> [UInt8] {
        let header = NPYHeader(type: .int16, shape: [count, height, width, 3])
        let values = width * height * 3
        return [UInt8](unsafeUninitializedCapacity: header.size + header.payload) { buffer, initialized in
            let raw = UnsafeMutableRawBufferPointer(buffer)
            raw.copyBytes(from: header.bytes)
            let base = UnsafeMutableRawBufferPointer(rebasing: raw[header.size...]).bindMemory(to: Int16.self)
            if let start = base.baseAddress {
                for index in 0..<count { fill(index, start + index * values) }
            }
            initialized = header.size + header.payload
        }
    }

    /// `difference.npy`, and the mean absolute difference.
    private func differences(_ clip: SourceClip) -> (bytes: [UInt8], mean: Double) {
        let values = clip.frames[0].pixels.count
        var sum: UInt64 = 0
        let bytes = Self.pictures(
            clip.frames.count - 1, width: clip.frames[0].width, height: clip.frames[0].height
        ) { index, out in
            clip.frames[index + 1].pixels.withUnsafeBufferPointer { frame in
                clip.frames[index].pixels.withUnsafeBufferPointer { before in
                    guard let frame = frame.baseAddress, let before = before.baseAddress else { return }
                    pframe_subtract(out, frame, before, values)
                }
            }
            sum += pframe_sum_magnitude(out, values)
        }
        return (bytes, Double(sum) / Double(values * (clip.frames.count - 1)))
    }

    /// `bits.npy`.
    ///
    /// - Throws: `PFrameError` for a clip whose frames are not the video's own pictures one by one, and for a video whose
    ///   bits are not known.
    private func bits(_ clip: SourceClip) throws(PFrameError) -> [UInt8] {
        let first = clip.frames[0]
        let (columns, rows) = ((first.width + 15) / 16, (first.height + 15) / 16)
        guard let coding = clip.coding else { preconditionFailure("the coding of a clip with bits is measured") }
        if let reason = coding.reason {
            throw PFrameError(
                .unsupported,
                "no bits of macroblocks are known, as \(reason); bits are read from H.264 of frame pictures, 8-bit "
                    + "4:2:0: encode the video anew, or build it without bits")
        }
        guard !coding.isScaled else {
            throw PFrameError(
                .unsupported,
                "bits belong to the macroblocks of the video's own pictures, and its clips are resized, cropped or turned "
                    + "to \(first.width)x\(first.height): build clips of the video's own size, or without bits")
        }
        guard coding.isConsecutive else {
            throw PFrameError(
                .unsupported,
                "bits belong to consecutive pictures of the video, and its clips leave pictures out: build clips with a "
                    + "stride of 1, or without bits")
        }
        let grids = coding.grids.compactMap { $0 }
        guard grids.count == clip.frames.count, grids.allSatisfy({ ($0.columns, $0.rows) == (columns, rows) }) else {
            throw PFrameError(
                .damaged, "the stream does not hold all macroblocks of its pictures: build it without bits")
        }
        return Self.array(.uint16, [grids.count, rows, columns]) { bytes in
            for grid in grids { grid.values.withUnsafeBytes { bytes.append(contentsOf: $0) } }
        }
    }

    private mutating func motion(_ clip: SourceClip) throws(PFrameError) -> [MotionField] {
        let size = Size(width: clip.frames[0].width, height: clip.frames[0].height)
        let reencoded = options.motionSource == .h264 ? try ReencodedMotion(size: size, radius: options.radius) : nil
        var search = BlockSearch()
        search.radius = options.radius
        let converter = try Scaler(from: size, .rgb24, to: size, .yuv420p)
        var fields: [MotionField] = []
        var previous: Picture?
        for frame in clip.frames {
            let picture = try frame.converted(by: converter, to: .yuv420p)
            if let reencoded {
                if let field = try reencoded.next(picture) { fields.append(field) }
            } else if let previous {
                let field = traced?.field(of: picture, against: previous, candidates: clip.candidates[fields.count])
                fields.append(field ?? search.field(of: picture, against: previous, previous: fields.last))
            }
            previous = picture
        }
        return fields
    }

    private func vectors(_ fields: [MotionField]) -> [UInt8] {
        Self.array(.int16, [fields.count, fields[0].rows, fields[0].columns, 2]) { bytes in
            for field in fields { field.vectors.withUnsafeBytes { bytes.append(contentsOf: $0) } }
        }
    }

    private func residual(_ clip: SourceClip, _ fields: [MotionField]) -> [UInt8] {
        let values = clip.frames[0].pixels.count
        return Self.pictures(
            fields.count, width: clip.frames[0].width, height: clip.frames[0].height
        ) { index, out in
            let prediction = WholePixelCompensation.predict(from: clip.frames[index], fields[index])
            clip.frames[index + 1].pixels.withUnsafeBufferPointer { frame in
                prediction.pixels.withUnsafeBufferPointer { prediction in
                    guard let frame = frame.baseAddress, let prediction = prediction.baseAddress else { return }
                    pframe_subtract(out, frame, prediction, values)
                }
            }
        }
    }
}

/// What a sample holds of its clip, beside the first frame, the caption and the metadata.
public enum Representation: String, Sendable, CaseIterable {
    /// `frames.npy`, uint8 `(T, H, W, 3)`.
    case frames
    /// `difference.npy`, int16 `(T−1, H, W, 3)`: `vⁿ − vⁿ⁻¹` (D-VDM).
    case difference
    /// `mv.npy`, int16 `(T−1, H/16, W/16, 2)` in quarter pixels, and `residual.npy`, int16 `(T−1, H, W, 3)` (ED-VDM).
    case motionResidual = "motion-residual"
    /// `bits.npy`, uint16 `(T, ⌈H/16⌉, ⌈W/16⌉)`: the bits that an H.264 stream spends on each macroblock.
    case bits
}

/// What samples are made of.
public struct SampleOptions: Sendable, Equatable {
    /// The arrays that samples hold, beside the first frame.
    public var representations: Set<Representation> = [.frames, .motionResidual]
    /// How `mv.npy` is found: `h264` as the paper does, `search`, or `stream` by the video's own vectors.
    public var motionSource = MotionSource.h264
    /// The largest motion, in pixels.
    public var radius = 15
    /// Add the scores of what the stream spends (``SampleColumns/codingScores``), as the representation `bits` does too.
    public var scoresCoding = false

    /// The defaults.
    public init() {}

    /// Whether samples hold the motion of the video's own vectors.
    var tracesMotion: Bool { motionSource == .stream && representations.contains(.motionResidual) }

    /// Whether what the stream spends on clips is measured.
    var measuresCoding: Bool { scoresCoding || representations.contains(.bits) }

    /// As `dataset.json` records them.
    public var json: JSONValue {
        var members: [String: JSONValue] = [
            "represent": .list(representations.map(\.rawValue).sorted().map { .text($0) }),
            "motion_source": .text(motionSource.rawValue), "radius": .integer(radius),
        ]
        if scoresCoding { members["bits"] = .bool(true) }
        return .object(members)
    }
}
