package import Codec
import MotionVectors
package import Storage
package import SystemPackage

/// How much a clip moves by its own motion field.
struct ClipMotion: Equatable {
    /// Mean vector length, in picture diagonals per second; NaN where time stands still.
    var speed = Double.nan
    /// Share of blocks that move by a pixel or more, 0…1.
    var moving = 0.0
    /// Share of blocks that move as the median block does, to a pixel, 0…1: the camera's share.
    var global = 0.0

    /// Measures the fields of a clip: one from each frame after the first.
    init(_ fields: [MotionField], seconds: [Double], width: Int, height: Int) {
        guard !fields.isEmpty else { return }
        let size = Size(width: width, height: height)
        var length = 0.0
        for (index, field) in fields.enumerated() {
            let rows = field.motionRows(frame: Int32(index) + 1, reference: Int32(index))
            let statistics = MotionStatistics(rows, size: size)
            length += statistics.meanLength
            moving += statistics.moving / Double(fields.count)
            global += statistics.global / Double(fields.count)
        }
        let duration = (seconds.last ?? 0) - (seconds.first ?? 0)
        guard duration > 0 else { return }
        speed = length / duration / Double(width * width + height * height).squareRoot()
    }
}

/// How much one picture of a video moves.
package struct FrameMotion: Sendable, Equatable {
    /// Its place in display order, from 0.
    package var frame: Int
    /// How much it differs from the picture before; zero for the first.
    package var content: ContentScore
    /// Mean length of its exported motion vectors in pixels, weighted by block area; 0 without any, as in an intra
    /// picture; nil where libavcodec exports none of the codec.
    package var vectorLength: Double?
    /// What the rule of the cuts says of it.
    package var verdict = CutDetector.Verdict.none
}

/// How much a video moves: a summary of the scores of its pictures.
package struct VideoMotion: Sendable, Equatable {
    /// Pictures decoded.
    package private(set) var frames = 0
    /// Mean content value of pictures 1…N−1, as PySceneDetect's stats file has it; 0 for a single picture.
    package private(set) var meanContent = 0.0
    /// Largest content value.
    package private(set) var maxContent = 0.0
    /// Cuts by the rule: shots, less one.
    package private(set) var cuts = 0
    /// Mean vector length in pixels over pictures that have vectors, 0 without any; nil where libavcodec exports none of
    /// the codec.
    package private(set) var meanLength: Double?
    /// Damaged pictures, and damaged packets that gave none.
    package private(set) var damaged = 0
    /// What cut the file short, in words; nil if nothing did.
    package private(set) var truncation: String?

    /// Decodes a video once and measures every picture; memory holds only the last pictures.
    ///
    /// - Parameters:
    ///   - path: a file, an address or a pipe.
    ///   - rule: to which size pictures shrink before they are compared.
    ///   - cutRule: where shots begin.
    ///   - streamIndex: container index of the stream; nil for the first video stream.
    ///   - span: the part of the video to measure; nil for all.
    ///   - receive: gets each picture's scores in order, up to two pictures late, and the share of the file read, 0…1;
    ///     what it throws ends the work.
    /// - Throws: `PFrameError` for a file that cannot be read or gives no picture. Damage on the way is no error.
    package init(
        path: FilePath, rule: ShrinkRule = .v06, cutRule: CutRule = CutRule(), streamIndex: Int? = nil,
        span: TimeSpan? = nil,
        receive: (FrameMotion, Double) throws(PFrameError) -> Void = { _, _ in }
    ) throws(PFrameError) {
        var decoding = DecoderOptions()
        decoding.cropping = true
        let reader = try VideoReader(path: path, streamIndex: streamIndex, options: decoding, span: span)
        let hasVectors = reader.stream.predictionRule != nil
        let rate = reader.stream.averageFrameRate.value > 0 ? reader.stream.averageFrameRate.value : 25
        let meter = ContentMeter(rule: rule, rotation: reader.stream.orientation.rotation)
        var sums = (content: 0.0, length: 0.0, moving: 0)
        var vectors: [MotionVector] = []
        var detector = CutDetector(cutRule)
        var waiting: [FrameMotion] = []
        func judge(_ verdict: CutDetector.Verdict) throws(PFrameError) {
            var motion = waiting.removeFirst()
            motion.verdict = verdict
            if verdict.isCut { cuts += 1 }
            let share = reader.fileSize > 0 ? min(1, Double(reader.bytesRead) / Double(reader.fileSize)) : 0
            try receive(motion, share)
        }
        while let picture = try reader.next() {
            var motion = FrameMotion(frame: frames, content: try meter.next(picture), vectorLength: nil)
            if hasVectors {
                picture.readMotionVectors(into: &vectors)
                let length = MotionStatistics.meanLength(vectors.map { MotionRow(frame: 0, vector: $0) })
                motion.vectorLength = length
                if !vectors.isEmpty { (sums.length, sums.moving) = (sums.length + length, sums.moving + 1) }
            }
            let value = motion.content.value
            sums.content += value
            maxContent = max(maxContent, value)
            frames += 1
            waiting.append(motion)
            let seconds = picture.time.map { Double($0) * reader.stream.timeBase.value } ?? Double(frames - 1) / rate
            if let verdict = detector.add(value, at: seconds) { try judge(verdict) }
        }
        while !waiting.isEmpty { try judge(.none) }
        guard frames > 0 else { throw reader.nothingDecoded(in: span) }
        meanContent = sums.content / Double(max(1, frames - 1))
        meanLength = hasVectors ? sums.length / Double(max(1, sums.moving)) : nil
        damaged = reader.damaged
        truncation = reader.truncation
    }
}
