import Codec
import MotionVectors
public import Storage
import Synchronization
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

    /// Writes everything; `captions.csv` last, the sign that all is there.
    ///
    /// - Parameters:
    ///   - jobs: videos written at the same time.
    ///   - embeddings: whether to write `embeddings/`.
    ///   - truth: whether to write `truth.csv`.
    ///   - shouldStop: asked before each video, from any thread.
    ///   - finished: told the number of a video that was written, from any thread.
    /// - Returns: whether all is there; false where it was to stop.
    /// - Throws: `CodecError`, a full disk included.
    public func write(
        jobs: Int = Parallel.processors, embeddings: Bool = false, truth: Bool = false,
        shouldStop: @Sendable () -> Bool = { false }, finished: @Sendable (Int) -> Void = { _ in }
    ) throws(CodecError) -> Bool {
        let output = try OutputFolder(folder)
        let failure = Mutex<CodecError?>(nil)
        Parallel.forEach(dataset.options.videos, jobs: jobs) { index in
            guard !shouldStop(), failure.withLock({ $0 == nil }) else { return }
            do throws(CodecError) {
                try writeVideo(index)
                finished(index)
            } catch {
                failure.withLock { $0 = error }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
        guard !shouldStop() else { return false }
        if embeddings { try writeEmbeddings() }
        if truth { try writeTruth() }
        try write(dataset.captions(), to: output.path.appending("captions.csv"))
        return true
    }

    /// Writes one video. Videos may be written in any order and from any thread.
    ///
    /// - Throws: `CodecError`, a full disk included.
    private func writeVideo(_ index: Int) throws(CodecError) {
        let video = dataset.video(index)
        let options = dataset.options
        try StagedFile.write(folder.appending("\(video.name).mp4")) { path throws(CodecError) in
            let writer = try VideoWriter(
                path: path,
                settings: .h264(crf: video.original == nil ? 18 : 23, preset: "medium", parameters: Self.parameters),
                size: Size(width: options.size, height: options.size), timeBase: Rational(1, options.framesPerSecond),
                frameRate: Rational(options.framesPerSecond, 1))
            for frame in 0..<video.frameCount {
                try writer.write(try video.frame(frame).yuv420p(), at: frame)
            }
            try writer.finish()
        }
    }

    /// Writes `truth.csv`: what is planted in each video.
    ///
    /// - Throws: `CodecError`, a full disk included.
    private func writeTruth() throws(CodecError) { try write(dataset.truth(), to: folder.appending("truth.csv")) }

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
        let shape = [SyntheticEmbedding.dimensions]
        try StagedFile.write(folder.appending("text.npy")) { text throws(CodecError) in
            try StagedFile.write(folder.appending("image.npy")) { image throws(CodecError) in
                let texts = try NPYWriter(path: text, type: .float32, itemShape: shape)
                let images = try NPYWriter(path: image, type: .float32, itemShape: shape)
                for index in 0..<dataset.options.videos {
                    let (text, image) = dataset.embeddings(index)
                    try texts.append(text)
                    try images.append(image)
                }
                try texts.close()
                try images.close()
            }
        }
        let names = (0..<dataset.options.videos).map { dataset.name($0) + ".mp4\n" }
        try write(names.joined(), to: folder.appending("videos.txt"))
    }

    private func write(_ text: String, to path: FilePath) throws(CodecError) {
        try StagedFile.write(path) { path throws(CodecError) in
            var file = try OutputFile(path: path)
            try file.write(text)
            try file.close()
        }
    }
}
