import Storage
public import SystemPackage

/// The files of one generated clip: `DIR/000.mp4` and other files with the same first part.
public struct SampleFiles: Sendable, Equatable {
    /// libx264's constant rate factor of `NAME.mp4`.
    public static let crf = 12.0
    /// Pixels of a cell of `NAME.motion.npy`.
    public static let cellSize = 16
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
