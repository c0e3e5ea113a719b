public import Codec
import MotionVectors
public import Storage
public import SystemPackage

/// A clip that was rebuilt from its motion and residual, and the ways to store it.
public struct RebuiltClip: Sendable {
    /// What a path's extension asks for.
    public enum Kind: Sendable {
        /// `.npy`: the frames as they are.
        case array
        /// `.mp4`, `.mkv`: encoded with libx264.
        case encoded

        /// Nil for any other extension.
        public init?(_ path: FilePath) {
            switch path.extension?.lowercased() {
            case "npy": self = .array
            case "mp4", "mkv": self = .encoded
            default: return nil
            }
        }
    }

    /// The frames, the given one first.
    public let frames: [RGBImage]
    /// Of the clip, as is recorded beside it.
    public let framesPerSecond: Double

    /// Rebuilds a clip.
    ///
    /// - Throws: `DatasetError` where it is not there, is damaged, or holds no motion and residual.
    public init(_ stored: StoredClip) throws(DatasetError) {
        frames = try stored.clip().frames
        framesPerSecond = try stored.framesPerSecond()
    }

    /// Stores the frames.
    ///
    /// - Parameters:
    ///   - rate: frames a second of an encoded clip; nil for what is recorded.
    ///   - crf: libx264's constant rate factor of an encoded clip.
    /// - Throws: `CodecError`, a full disk included.
    public func write(to path: FilePath, as kind: Kind, framesPerSecond rate: Double?, crf: Double) throws(CodecError) {
        switch kind {
        case .encoded: try ClipFile.write(frames, to: path, framesPerSecond: rate ?? framesPerSecond, crf: crf)
        case .array:
            try StagedFile.write(path) { path throws(CodecError) in
                let writer = try NPYWriter(
                    path: path, type: .uint8, itemShape: [frames[0].height, frames[0].width, 3])
                for frame in frames { try writer.append(frame.pixels) }
                try writer.close()
            }
        }
    }
}
