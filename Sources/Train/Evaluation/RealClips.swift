public import Codec
import Dataset
public import MotionVectors
public import Shards
public import Storage

/// A clip of a data set, whole.
public struct RealClip: Sendable {
    /// Key, caption and metadata.
    public let row: ShardRow
    /// All frames, uint8 RGB.
    public let frames: [RGBImage]
    /// The set's own motion of frames 1…; empty if it has none.
    public let motion: [MotionField]

    /// A clip that is known.
    public init(row: ShardRow, frames: [RGBImage], motion: [MotionField]) {
        (self.row, self.frames, self.motion) = (row, frames, motion)
    }
}

/// Streams the clips of a data set as frames, whichever arrays represent them, and rebuilt exactly.
///
/// Takes `frames.npy`; else `first.npy`, `mv.npy` and `residual.npy`; else `first.npy` and `difference.npy`.
///
/// Of a set with buckets the clips of all of them, or of the one that a model takes.
public final class RealClips {
    private enum Source { case frames, motionAndResidual, difference }

    /// What arrays are clips of.
    private struct Layout {
        let source: Source
        let members: [String]
        let frames: Int
        let size: Size
        let hasMotion: Bool
    }

    /// Pixels of a frame, of the first clip.
    public let size: Size
    /// Frames of the first clip.
    public let frames: Int
    /// Clips of the set.
    public let count: Int
    /// The largest motion, in pixels.
    public let radius: Int
    /// Whether the set has motion of its own.
    public let hasMotion: Bool
    private let loader: Loader

    /// Opens a data set.
    ///
    /// - Parameters:
    ///   - batch: clips of a batch.
    ///   - seed: of the order; nil for the order in which they are stored.
    ///   - shape: the size, and the frames if they matter, of the clips to take of a set with several buckets; nil for all.
    ///   - source: the data set to read.
    /// - Throws: `PFrameError` if there is no data set, it is empty or has no such bucket, or its samples do not give
    ///   frames.
    public init(
        _ source: ShardSource, batch: Int, seed: UInt64? = nil, of shape: (size: Size, frames: Int?)? = nil
    ) throws(PFrameError) {
        var (description, arrays) = try Self.arrays(source)
        var options = LoaderOptions()
        if let shape, description.buckets.count > 1 {
            options.bucket = try Self.bucket(shape, of: description)
            (description, arrays) = try Self.arrays(source, bucket: options.bucket)
        }
        let layout = try Self.layout(arrays)
        (options.batchSize, options.shuffle, options.seed) = (batch, seed != nil, seed ?? 0)
        options.members = layout.members
        (frames, size, hasMotion) = (layout.frames, layout.size, layout.hasMotion)
        count = description.samples
        radius = description.radius
        loader = try Loader(source, options: options)
    }

    private static func bucket(
        _ shape: (size: Size, frames: Int?), of set: DatasetDescription
    ) throws(PFrameError) -> Bucket {
        let found = set.buckets.first {
            $0.width == shape.size.width && $0.height == shape.size.height && shape.frames ?? $0.frames == $0.frames
        }
        guard let found else {
            throw PFrameError(
                .conflict,
                "the data set has the buckets \(set.buckets.map(\.description).joined(separator: ", ")), but the model "
                    + "takes clips of \(shape.size)" + (shape.frames.map { " with \($0) frames" } ?? "")
                    + ": build the set with this bucket")
        }
        return found
    }

    /// What the arrays of samples are clips of.
    private static func layout(_ arrays: [ArrayMember]) throws(PFrameError) -> Layout {
        let shapes = Dictionary(uniqueKeysWithValues: arrays.map { ($0.name, $0) })
        let (source, members, frames, size): (Source, [String], Int, Size)
        if let array = shapes["frames.npy"] {
            source = .frames
            members = ["frames.npy"] + (shapes["mv.npy"] == nil ? [] : ["mv.npy"])
            (frames, size) = try Self.shape(array, .uint8, more: 0)
        } else if shapes["first.npy"] != nil, shapes["mv.npy"] != nil, let array = shapes["residual.npy"] {
            source = .motionAndResidual
            members = ["first.npy", "mv.npy", "residual.npy"]
            (frames, size) = try Self.shape(array, .int16, more: 1)
        } else if shapes["first.npy"] != nil, let array = shapes["difference.npy"] {
            source = .difference
            members = ["first.npy", "difference.npy"]
            (frames, size) = try Self.shape(array, .int16, more: 1)
        } else {
            let found = arrays.map(\.name).joined(separator: ", ")
            throw PFrameError(
                .conflict,
                "the data set's samples hold \(found.isEmpty ? "no arrays" : found), which give no frames: take the set "
                    + "that `pframe build` made (of latents: the one that `pframe encode` read)")
        }
        let hasMotion = members.contains("mv.npy")
        if let first = shapes["first.npy"], source != .frames {
            guard first.type == .uint8, first.shape == [size.height, size.width, 3] else { throw Self.unfit(first) }
        }
        if hasMotion, let motion = shapes["mv.npy"] {
            let cells = MotionField(size: size, cellSize: 16)
            guard motion.type == .int16, motion.shape == [frames - 1, cells.rows, cells.columns, 2] else {
                throw Self.unfit(motion)
            }
        }
        return Layout(source: source, members: members, frames: frames, size: size, hasMotion: hasMotion)
    }

    /// The next few clips; nil at the end of the set.
    ///
    /// - Throws: `PFrameError` if a sample is damaged or differs from the first.
    public func next() throws(PFrameError) -> [RealClip]? {
        guard let batch = try loader.next() else { return nil }
        let layout = try Self.layout(batch.arrays)
        return try (0..<batch.count).map { index throws(PFrameError) in try Self.clip(index, of: batch, layout) }
    }

    private static func clip(_ index: Int, of batch: Batch, _ layout: Layout) throws(PFrameError) -> RealClip {
        let (frames, size) = (layout.frames, layout.size)
        let fields = frames - 1
        let motion =
            layout.hasMotion ? Self.withSample(batch, "mv.npy", index) { Clip.fields($0, fields, size) } : []
        if let mistake = Clip.mistake(in: motion) {
            throw PFrameError(.damaged, "sample \(batch.rows[index].key): mv.npy: \(mistake)")
        }
        let images: [RGBImage]
        func image(_ bytes: Slice<UnsafeRawBufferPointer>) -> RGBImage {
            RGBImage(width: size.width, height: size.height, pixels: Array(bytes))
        }
        switch layout.source {
        case .frames:
            images = Self.withSample(batch, "frames.npy", index) { bytes in
                let area = size.width * size.height * 3
                return (0..<frames).map { image(bytes[($0 * area)..<(($0 + 1) * area)]) }
            }
        case .motionAndResidual:
            let first = Self.withSample(batch, "first.npy", index) { image($0[...]) }
            let residuals = Self.withSample(batch, "residual.npy", index) { Clip.residuals($0, fields) }
            images = Clip(first: first, motion: motion, residuals: residuals).frames
        case .difference:
            let first = Self.withSample(batch, "first.npy", index) { image($0[...]) }
            let changes = Self.withSample(batch, "difference.npy", index) { Clip.residuals($0, fields) }
            images = changes.reduce(into: [first]) { frames, change in
                frames.append(WholePixelCompensation.rebuild(frames[frames.count - 1], change))
            }
        }
        return RealClip(row: batch.rows[index], frames: images, motion: motion)
    }

    private static func withSample<Result>(
        _ batch: Batch, _ member: String, _ index: Int, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        batch.withArray(member) { bytes, _, _ in
            let count = bytes.count / batch.count
            return body(UnsafeRawBufferPointer(rebasing: bytes[(index * count)..<((index + 1) * count)]))
        }
    }

    /// What `dataset.json` says, and the arrays of a first sample.
    private static func arrays(
        _ source: ShardSource, bucket: Bucket? = nil
    ) throws(PFrameError) -> (DatasetDescription, [ArrayMember]) {
        let (set, first) = try Loader.glance(source, bucket: bucket)
        guard let first else { throw PFrameError(.missing, "the data set holds no records") }
        return (set, first.arrays)
    }

    private static func shape(
        _ array: ArrayMember, _ type: NPYType, more: Int
    ) throws(PFrameError) -> (frames: Int, size: Size) {
        guard array.type == type, array.shape.count == 4, array.shape[3] == 3, array.shape[0] + more >= 2,
            array.shape[1] > 0, array.shape[2] > 0
        else { throw unfit(array) }
        return (array.shape[0] + more, Size(width: array.shape[2], height: array.shape[1]))
    }

    private static func unfit(_ array: ArrayMember) -> PFrameError {
        PFrameError(
            .unsupported,
            "\(array.name) of the data set is \(array.type.rawValue) \(array.shape): build the set with `pframe build`")
    }
}

@available(*, unavailable)
extension RealClips: Sendable {}
