import Codec
import Dataset
import MotionVectors
import SystemPackage

/// A clip of `pframe sample` that was rebuilt from its motion and residual, and the ways to store it.
struct RebuiltSample {
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
    private let files: SampleFiles

    init(_ files: SampleFiles) throws(CodecError) {
        self.files = files
        frames = try SampleReconstruction(files).frames
    }

    /// - Parameter framesPerSecond: nil for what the sample's row says.
    func write(to path: FilePath, as kind: Kind, framesPerSecond: Double?, crf: Double) throws(CodecError) {
        if kind == .encoded {
            let rate = framesPerSecond ?? recordedRate ?? 8
            return try ClipFile.write(frames, to: path, framesPerSecond: rate, crf: crf)
        }
        var staged = StagedFile(path: path)
        let writer = try NPYWriter(
            path: staged.path, type: .uint8, itemShape: [frames[0].height, frames[0].width, 3])
        for frame in frames { try writer.append(frame.pixels) }
        try writer.close()
        try staged.commit()
    }

    /// What `samples.jsonl` says; nil where it is not there, or of no use.
    private var recordedRate: Double? {
        let table = files.folder.appending("samples.jsonl")
        do throws(DatasetError) {
            guard fileSize(table) != nil else { return nil }
            for line in try readFile(table).split(separator: UInt8(ascii: "\n")) {
                let row = try JSONValue(line, path: table)
                if row["name"]?.string == files.name, let rate = row["fps"]?.double, ClipFile.rates.contains(rate) {
                    return rate
                }
            }
        } catch { return nil }
        return nil
    }
}
