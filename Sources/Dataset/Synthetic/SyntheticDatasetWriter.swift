public import Codec
import MotionVectors
public import SystemPackage

/// Writes a synthetic data set: `video-00000.mp4` … and `captions.csv`; by request `truth.csv` and `embeddings/`.
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
            path: staged.path,
            settings: .h264(crf: video.original == nil ? 18 : 23, preset: "medium", parameters: Self.parameters),
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
        try write(dataset.captions(), to: folder.appending("captions.csv"))
    }

    /// Writes `truth.csv`: what is planted in each video.
    ///
    /// - Throws: `CodecError`, a full disk included.
    public func writeTruth() throws(CodecError) { try write(dataset.truth(), to: folder.appending("truth.csv")) }

    /// Writes `embeddings/`: `text.npy` and `image.npy`, float32 `(videos, 64)`, rows of length 1, and `videos.txt` with
    /// the name of the video of each row.
    ///
    /// As from CLIP, the cosine of a row of both tells whether caption and video agree: about 0.8 where they do, about 0
    /// where the caption is wrong.
    ///
    /// - Throws: `CodecError`, a full disk included.
    public func writeEmbeddings() throws(CodecError) {
        let folder = folder.appending("embeddings")
        try createFolder(folder)
        var names = ""
        var textFile = StagedFile(path: folder.appending("text.npy"))
        var imageFile = StagedFile(path: folder.appending("image.npy"))
        let shape = [SyntheticEmbedding.dimensions]
        let texts = try NPYWriter(path: textFile.path, type: .float32, itemShape: shape)
        let images = try NPYWriter(path: imageFile.path, type: .float32, itemShape: shape)
        for index in 0..<dataset.options.videos {
            let (text, image) = dataset.embeddings(index)
            try texts.append(text)
            try images.append(image)
            names += dataset.name(index) + ".mp4\n"
        }
        try texts.close()
        try images.close()
        try textFile.commit()
        try imageFile.commit()
        try write(names, to: folder.appending("videos.txt"))
    }

    private func write(_ text: String, to path: FilePath) throws(CodecError) {
        var staged = StagedFile(path: path)
        var file = try OutputFile(path: staged.path)
        try file.write(text)
        try file.close()
        try staged.commit()
    }
}
