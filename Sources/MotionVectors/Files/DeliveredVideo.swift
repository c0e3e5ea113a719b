import Codec
import Storage
package import SystemPackage

/// Writes rebuilt pictures, cropped for display, as raw or encoded video.
package final class DeliveredVideo {
    /// What a path's extension asks for.
    package enum Kind: Sendable {
        /// `.yuv`, `.y4m`: the pictures as they are.
        case raw
        /// `.mp4`, `.mkv`: encoded with libx264.
        case encoded

        /// Nil for any other extension.
        package init?(_ path: FilePath) {
            switch path.extension?.lowercased() {
            case "yuv", "y4m": self = .raw
            case "mp4", "mkv": self = .encoded
            default: return nil
            }
        }
    }

    /// The size of the delivered pictures.
    let size: Size
    private let description: StreamDescription
    private var raw: RawVideoWriter?
    private var encoded: VideoWriter?
    private var lastTimestamp: Int?
    /// Where the time of the file begins: at 0, and for a span at its first picture.
    private var origin: Int?

    /// Creates the file.
    ///
    /// - Parameter crf: libx264's constant rate factor for encoded output.
    /// - Throws: `PFrameError` if the file cannot be created, or pictures of odd size are to be encoded.
    init(path: FilePath, description: StreamDescription, crf: Double) throws(PFrameError) {
        self.description = description
        size = description.crop.applied(to: description.codedSize)
        let format: PixelFormat = description.fullRange ? .yuv420pFullRange : .yuv420p
        let rate = description.averageFrameRate.value > 0 ? description.averageFrameRate : Rational(25, 1)
        let tags = description.display ?? DisplayTags()
        if Kind(path) == .encoded {
            guard size.width % 2 == 0, size.height % 2 == 0 else {
                throw PFrameError(
                    .unsupported, path: path,
                    "libx264 takes no pictures of odd size \(size); write .y4m or .yuv instead")
            }
            if let words = description.orientation.words, path.extension?.lowercased() != "mp4" {
                throw PFrameError(
                    .unsupported, path: path, "Matroska keeps no orientation (\(words)); write .mp4 instead")
            }
            encoded = try VideoWriter(
                path: path, settings: .h264(crf: crf), size: size, format: format,
                timeBase: description.timeBase, frameRate: rate, orientation: description.orientation,
                tags: tags, threads: 0)
        } else {
            raw = try RawVideoWriter(path: path, size: size, frameRate: rate, format: format, tags: tags)
        }
    }

    /// Appends a picture of coded size, at the time of its row in `frames.csv`.
    ///
    /// - Throws: `PFrameError`, a full disk included.
    func write(_ picture: Picture, _ record: FrameRecord) throws(PFrameError) {
        try raw?.write(picture, crop: description.crop)
        guard let encoded else { return }
        let rate = description.averageFrameRate.value > 0 ? description.averageFrameRate.value : 25
        let step = max(1, Int(min(1e9, 1 / (rate * max(description.timeBase.value, 1e-9))).rounded()))
        // Streams without times, and repeated times, still need rising ones.
        let shown = record.pts.map { min(max($0, -1 << 60), 1 << 60) }
        if origin == nil { origin = description.options.span == nil ? 0 : shown }
        let time = shown.map { $0 - (origin ?? 0) }
        let next = lastTimestamp.map { max(time ?? ($0 + step), $0 + 1) } ?? time ?? 0
        lastTimestamp = next
        try encoded.write(try picture.cropped(description.crop), at: next)
    }

    /// Completes the file.
    ///
    /// - Throws: `PFrameError`, a full disk included.
    func finish() throws(PFrameError) {
        try raw?.close()
        try encoded?.finish()
    }
}

@available(*, unavailable)
extension DeliveredVideo: Sendable {}
