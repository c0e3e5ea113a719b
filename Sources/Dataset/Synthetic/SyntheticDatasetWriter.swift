public import Codec
import Glibc
public import SystemPackage

/// Writes a synthetic data set: `video-00000.mp4` … and `captions.csv`.
public struct SyntheticDatasetWriter: Sendable {
    private let dataset: SyntheticDataset
    private let folder: FilePath

    /// x264's parameters: B-frames in every group of four, one thread, so that the same frames give the same bytes.
    private static let parameters = "threads=1:bframes=3:b-adapt=0:b-pyramid=none:ref=3:keyint=48:min-keyint=8"

    /// Plans to write into `folder`.
    public init(dataset: SyntheticDataset, folder: FilePath) {
        self.dataset = dataset
        self.folder = folder
    }

    /// Creates the folder.
    ///
    /// - Throws: `CodecError`.
    public func prepare() throws(CodecError) { try createFolder(folder) }

    /// Writes one video. Videos may be written in any order and from any thread.
    ///
    /// - Throws: `CodecError`, a full disk included.
    public func writeVideo(_ index: Int) throws(CodecError) {
        let video = dataset.video(index)
        let options = dataset.options
        var staged = StagedFile(path: folder.appending("\(video.name).mp4"))
        let writer = try VideoWriter(
            path: staged.path, settings: .h264(crf: 18, preset: "medium", parameters: Self.parameters),
            size: Size(width: options.size, height: options.size), timeBase: Rational(1, options.framesPerSecond),
            frameRate: Rational(options.framesPerSecond, 1))
        for frame in 0..<video.frameCount {
            try writer.write(try video.frame(frame).yuv420p(), at: frame)
        }
        try writer.finish()
        try staged.commit()
    }

    /// Writes `captions.csv`: the sign that all videos are there.
    ///
    /// - Throws: `CodecError`, a full disk included.
    public func writeCaptions() throws(CodecError) {
        var staged = StagedFile(path: folder.appending("captions.csv"))
        var file = try OutputFile(path: staged.path)
        try file.write(dataset.captions())
        try file.close()
        try staged.commit()
    }
}
