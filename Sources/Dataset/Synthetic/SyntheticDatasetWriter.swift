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

    /// Writes everything; `captions.csv` last, as the sign of a complete data set.
    ///
    /// - Parameters:
    ///   - jobs: videos written at the same time.
    ///   - embeddings: whether to write `embeddings/`.
    ///   - truth: whether to write `truth.csv`.
    ///   - shouldStop: called before each video, from any thread.
    ///   - finished: called with the number of each written video, from any thread.
    /// - Returns: whether everything was written; false if it was stopped.
    /// - Throws: `PFrameError`, a full disk included.
    public func write(
        jobs: Int = Parallel.processors, embeddings: Bool = false, truth: Bool = false,
        shouldStop: @Sendable () -> Bool = { false }, finished: @Sendable (Int) -> Void = { _ in }
    ) throws(PFrameError) -> Bool {
        let output = try OutputFolder(folder)
        let failure = Mutex<PFrameError?>(nil)
        Parallel.forEach(dataset.options.videos, jobs: jobs) { index in
            guard !shouldStop(), failure.withLock({ $0 == nil }) else { return }
            do throws(PFrameError) {
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
    /// - Throws: `PFrameError`, a full disk included.
    private func writeVideo(_ index: Int) throws(PFrameError) {
        let video = dataset.video(index)
        let options = dataset.options
        try StagedFile.write(folder.appending("\(video.name).mp4")) { path throws(PFrameError) in
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
    /// - Throws: `PFrameError`, a full disk included.
    private func writeTruth() throws(PFrameError) { try write(dataset.truth(), to: folder.appending("truth.csv")) }

    /// Writes `embeddings/`: `text.npy` and `image.npy`, float32 `(videos, 64)`, rows of length 1, and `videos.txt` with
    /// the name of the video of each row.
    ///
    /// As from CLIP, the cosine of a row of both tells whether caption and video agree: about 0.8 where they do, about
    /// 0 if the caption is wrong.
    ///
    /// - Throws: `PFrameError`, a full disk included.
    public func writeEmbeddings() throws(PFrameError) {
        let folder = folder.appending("embeddings")
        try createFolder(folder)
        let shape = [SyntheticEmbedding.dimensions]
        try StagedFile.write(folder.appending("text.npy")) { text throws(PFrameError) in
            try StagedFile.write(folder.appending("image.npy")) { image throws(PFrameError) in
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

    private func write(_ text: String, to path: FilePath) throws(PFrameError) {
        try StagedFile.write(path) { path throws(PFrameError) in
            var file = try OutputFile(path: path)
            try file.write(text)
            try file.close()
        }
    }
}

/// An embedding as a model of the CLIP kind gives it, of a sentence about shapes: known words as directions, and noise.
///
/// Sentences that share no known word have a cosine of about 0; the same sentence drawn twice has one of about 0.8.
enum SyntheticEmbedding {
    /// Values of an embedding.
    static let dimensions = 64

    /// The length of the noise, where what the sentence says has length 1.
    private static let noise = 0.5

    /// The words that have a direction, in its order.
    private static let words =
        SyntheticColour.allCases.map(\.rawValue) + SyntheticShape.allCases.map(\.rawValue)
        + SyntheticMotion.moving.map(\.rawValue) + ["still"]

    /// The embedding of a sentence, of length 1; `random` gives the noise.
    static func values(of sentence: String, using random: inout SplitMix64) -> [Float] {
        var sum = [Double](repeating: 0, count: dimensions)
        for word in sentence.split(whereSeparator: { !$0.isLetter }) {
            guard let number = words.firstIndex(of: String(word)) else { continue }
            for place in sum.indices { sum[place] += direction(number + 1, place) }
        }
        // The sum of four uniform draws is near enough to a normal one.
        let noise = sum.map { _ in
            (0..<4).reduce(0.0) { sum, _ in sum + Double(random.in(-32768...32767)) }
        }
        let (signal, disturbance) = (normalised(sum), normalised(noise))
        return normalised(zip(signal, disturbance).map { $0 + Self.noise * $1 }).map { Float($0) }
    }

    /// A row of the Hadamard matrix of Sylvester's kind: all rows are orthogonal.
    private static func direction(_ row: Int, _ place: Int) -> Double {
        (row & place).nonzeroBitCount % 2 == 0 ? 1 : -1
    }

    private static func normalised(_ values: [Double]) -> [Double] {
        let length = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return length > 0 ? values.map { $0 / length } : values
    }
}
