import Codec
import Dataset
import MotionVectors
import SystemPackage

/// A clip that was rebuilt from its motion and residual, and the ways to store it.
struct RebuiltClip {
    /// What a path's extension asks for.
    enum Kind {
        /// `.npy`: the frames as they are.
        case array
        /// `.mp4`, `.mkv`: encoded with libx264.
        case encoded

        /// Nil for any other extension.
        init?(_ path: FilePath) {
            switch path.extension?.lowercased() {
            case "npy": self = .array
            case "mp4", "mkv": self = .encoded
            default: return nil
            }
        }
    }

    let frames: [RGBImage]
    /// Of the clip, as is recorded beside it.
    let framesPerSecond: Double

    init(_ stored: StoredClip) throws(DatasetError) {
        frames = try stored.clip().frames
        framesPerSecond = try stored.framesPerSecond()
    }

    /// - Parameter rate: frames a second; nil for what is recorded.
    func write(to path: FilePath, as kind: Kind, framesPerSecond rate: Double?, crf: Double) throws(CodecError) {
        if kind == .encoded {
            return try ClipFile.write(frames, to: path, framesPerSecond: rate ?? framesPerSecond, crf: crf)
        }
        var staged = StagedFile(path: path)
        let writer = try NPYWriter(
            path: staged.path, type: .uint8, itemShape: [frames[0].height, frames[0].width, 3])
        for frame in frames { try writer.append(frame.pixels) }
        try writer.close()
        try staged.commit()
    }
}
