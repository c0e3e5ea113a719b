import Codec
import Glibc
public import Storage
public import SystemPackage

/// The files of one generated clip: `DIR/000.mp4` and other files with the same first part.
public struct SampleFiles: Sendable, Equatable {
    /// libx264's constant rate factor of `NAME.mp4`.
    public static let crf = 12.0
    private static let endings = [".motion.npy", ".residual.npy", ".first.png", ".png", ".mp4"]

    /// The folder.
    public let folder: FilePath
    /// What the names begin with: `000`.
    public let name: String

    /// The files with the name in a folder.
    public init(folder: FilePath, name: String) { (self.folder, self.name) = (folder, name) }

    /// The files that a path names: `DIR/000`, or one of the files, such as `DIR/000.motion.npy`. Nil if the path names
    /// no file.
    public init?(_ path: FilePath) {
        guard let last = path.lastComponent?.string else { return nil }
        let ending = Self.endings.first { last.hasSuffix($0) && last.count > $0.count } ?? ""
        self.init(folder: path.removingLastComponent(), name: String(last.dropLast(ending.count)))
    }

    /// The given frame, PNG.
    public var first: FilePath { file(".first.png") }
    /// The motion of frames 1…, int16 `(T−1, ceil(H/16), ceil(W/16), 2)`: whole pixels in quarter-pel units.
    public var motion: FilePath { file(".motion.npy") }
    /// The residual of frames 1…, int16 `(T−1, H, W, 3)`, −255…255.
    public var residual: FilePath { file(".residual.npy") }
    /// The clip, for players.
    public var video: FilePath { file(".mp4") }
    /// All frames side by side, PNG.
    public var strip: FilePath { file(".png") }

    private func file(_ ending: String) -> FilePath { folder.appending(name + ending) }
}

extension Clip {
    /// Reads `NAME.first.png`, `NAME.motion.npy` and `NAME.residual.npy` of a generated clip. The frames equal the
    /// frames of the model.
    ///
    /// - Throws: `PFrameError` if one is missing, damaged, does not fit the others, or holds what cannot be.
    public init(_ files: SampleFiles) throws(PFrameError) {
        let first = try RGBImage(contentsOf: files.first)
        guard Self.exists(files.motion) else {
            throw PFrameError(
                .missing, path: files.motion,
                "is not there: only ed-vdm makes motion and residual; of other models \(files.video) is all there is")
        }
        let motion = try NPYReader(path: files.motion, type: .int16)
        let residual = try NPYReader(path: files.residual, type: .int16)
        let size = Size(width: first.width, height: first.height)
        var field = MotionField(size: size, cellSize: Self.cellSize)
        for cell in field.mask.indices { field.mask[cell] = 1 }
        let count = motion.shape.first ?? 0
        try Self.check(motion.shape, [count, field.rows, field.columns, 2], files.motion, files.first, size)
        try Self.check(residual.shape, [count, size.height, size.width, 3], files.residual, files.first, size)
        var (fields, residuals) = ([MotionField](), [[Int16]]())
        var values = [Int16](repeating: 0, count: size.width * size.height * 3)
        for _ in 0..<count {
            try field.vectors.withUnsafeMutableBufferPointer { vectors throws(PFrameError) in
                try motion.read(into: vectors)
            }
            try values.withUnsafeMutableBufferPointer { values throws(PFrameError) in try residual.read(into: values) }
            fields.append(field)
            residuals.append(values)
        }
        if let mistake = Self.mistake(in: fields) { throw PFrameError(.damaged, path: files.motion, mistake) }
        if let mistake = Self.mistake(in: residuals, width: size.width) {
            throw PFrameError(.damaged, path: files.residual, mistake)
        }
        self.init(first: first, motion: fields, residuals: residuals)
    }

    private static func check(
        _ shape: [Int], _ wanted: [Int], _ path: FilePath, _ first: FilePath, _ size: Size
    ) throws(PFrameError) {
        guard shape == wanted, shape[0] > 0 else {
            throw PFrameError(
                .damaged, path: path,
                "has shape \(shape) where \(first.lastComponent?.string ?? "the first frame") of \(size) wants "
                    + "\([max(1, wanted[0])] + wanted.dropFirst()): these files are not of one sample")
        }
    }

    private static func exists(_ path: FilePath) -> Bool { path.withPlatformString { access($0, F_OK) } == 0 }
}
