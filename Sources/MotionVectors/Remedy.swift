public import Codec
import Storage

/// The remedy for a video that PFrame refuses; PFrame accepts the result of the remedy.
public enum Remedy: Sendable {
    /// What PFrame predicts from: 8-bit 4:2:0.
    private static let predicted = ["yuv420p", "yuvj420p"]

    /// Where libavcodec exports no vectors of the codec.
    ///
    /// - Parameters:
    ///   - pixelFormat: libavutil's name of it; nil if it is unknown.
    ///   - size: of the pictures, for display.
    public static func noVectors(pixelFormat: String?, size: Size) -> String {
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
