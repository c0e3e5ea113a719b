import Codec
import Dataset
import MotionVectors
import Shards
import Storage

/// Measures clips that were made of given first frames against the real ones, batch after batch.
///
/// Frame 0 is given and counts in nothing but FVD and the statistics of motion, which look at whole clips.
final class VideoMeter {
    /// A way to make clips.
    struct Method: Hashable {
        let name: String
        var loop: CodingLoop?
    }

    private let networks: EvaluationNetworks
    private let motion: MotionBetweenFrames?
    private let labelColumn: String?
    private let subjectColumn: String?
    private var labels: [String?] = []
    private var subjects: [String?] = []
    private var real = Features()
    private var methods: [Method] = []
    private var features: [Method: Features] = [:]
    private var means: [Method: [EvaluationMetric: Mean]] = [:]

    /// What is kept of all clips.
    private struct Features {
        var motion = ClipFeatures()
        var i3d = ClipFeatures()
        var inception: FeatureStatistics?
        var classes: [Float] = []
        var frames = 0
    }

    private struct Mean {
        var sum = 0.0
        var count = 0

        mutating func add(_ value: Double) {
            sum += value
            count += 1
        }
    }

    /// A clip that has no error at all has no finite PSNR, and counts as this many dB.
    static let highestPSNR = 100.0

    /// A meter.
    ///
    /// - Parameters:
    ///   - motion: nil to measure none.
    ///   - labelColumn: of the metadata, for the distances within class labels.
    ///   - subjectColumn: of the metadata, for the distances within subjects.
    init(
        _ networks: EvaluationNetworks, motion: MotionBetweenFrames?, labelColumn: String? = nil,
        subjectColumn: String? = nil
    ) {
        (self.networks, self.motion) = (networks, motion)
        (self.labelColumn, self.subjectColumn) = (labelColumn, subjectColumn)
    }

    /// Clips so far.
    var count: Int { labels.count }

    /// Measures further clips; every call has the same methods.
    ///
    /// - Parameter made: what each method made of the real clips, in their order.
    func add(_ clips: [RealClip], _ made: [(method: Method, clips: [Clip])]) throws(PFrameError) {
        guard !clips.isEmpty else { return }
        try group(clips)
        var captions: [[Float]?] = []
        if let clip = networks.clip {
            for row in clips.map(\.row) {
                captions.append(row.columns.caption.isEmpty ? nil : try clip.features(of: row.columns.caption))
            }
        }
        let realMethod = Method(name: Self.realName)
        let found = try describe(clips.map(\.frames), captions, realMethod, &real)
        for (method, results) in made {
            precondition(results.count == clips.count, "\(results.count) clips made of \(clips.count)")
            if features[method] == nil { methods.append(method) }
            var kept = features.removeValue(forKey: method) ?? Features()
            let fields = try describe(results.map(\.frames), captions, method, &kept)
            features[method] = kept
            for (index, (clip, result)) in zip(clips, results).enumerated() {
                try compare(result, clip, method)
                if let ours = fields?[index], let theirs = found?[index] {
                    try note(.endpoint, method, Self.error(ours, theirs))
                }
                if !result.motion.isEmpty, !clip.motion.isEmpty {
                    try note(.ownEndpoint, method, Self.error(result.motion, clip.motion))
                }
            }
        }
    }

    /// The name of what the data set itself gets.
    static let realName = "real"

    private func note(_ metric: EvaluationMetric, _ method: Method, _ value: Double) {
        means[method, default: [:]][metric, default: Mean()].add(value)
    }

    private static func error(_ one: [MotionField], _ other: [MotionField]) throws(PFrameError) -> Double {
        let (ours, theirs) = (MotionBetweenFrames.values(one), MotionBetweenFrames.values(other))
        return try EndpointError(ours.span, reference: theirs.span, fields: one.count).clip
    }

    private func group(_ clips: [RealClip]) throws(PFrameError) {
        func values(_ column: String?) throws(PFrameError) -> [String?] {
            guard let column else { return clips.map { _ in nil } }
            let values = clips.map { clip in clip.row.columns.metadata[column].map { $0.string ?? $0.json() } }
            // Said at once, and not when everything is sampled.
            guard labels.isEmpty == false || values.contains(where: { $0 != nil }) else {
                let known = clips[0].row.columns.metadata.keys.sorted().joined(separator: ", ")
                throw PFrameError(.missing, "the data set has no column \"\(column)\"; it has \(known)")
            }
            return values
        }
        let (newLabels, newSubjects) = (try values(labelColumn), try values(subjectColumn))
        labels += newLabels
        subjects += newSubjects
    }

    /// What is seen in clips alone; gives the motion found in them.
    private func describe(
        _ clips: [[RGBImage]], _ captions: [[Float]?], _ method: Method, _ features: inout Features
    ) throws(PFrameError) -> [[MotionField]]? {
        let (length, first) = (clips[0].count, clips[0][0])
        let size = Size(width: first.width, height: first.height)
        var fields: [[MotionField]]?
        if let motion {
            var all: [[MotionField]] = []
            for clip in clips {
                let found = try motion(clip)
                let values = MotionBetweenFrames.values(found)
                let row = try MotionStatisticsFeatures(
                    values.span, fields: found.count, rows: found[0].rows, columns: found[0].columns,
                    cellSize: found[0].cellSize)
                try features.motion.add(row.values, clips: 1)
                all.append(found)
            }
            fields = all
        }
        if let i3d = networks.i3d {
            let pixels = clips.flatMap { $0.flatMap(\.pixels) }
            let rows = try i3d.features(ofClips: pixels.span, frames: length, size: size)
            try features.i3d.add(rows, clips: clips.count)
        }
        if networks.inception != nil || networks.inceptionClasses != nil {
            let pixels = clips.flatMap { $0.dropFirst().flatMap(\.pixels) }
            let frames = clips.count * (length - 1)
            if let rows = try networks.inception?.features(ofClip: pixels.span, size: size) {
                if features.inception == nil { features.inception = FeatureStatistics(dimension: rows.count / frames) }
                try features.inception?.add(rows.span)
            }
            if let rows = try networks.inceptionClasses?.features(ofClip: pixels.span, size: size) {
                features.classes += rows
            }
            features.frames += frames
        }
        if let clip = networks.clip {
            for (frames, caption) in zip(clips, captions) {
                guard let caption else { continue }
                let rows = try clip.features(of: Array(frames.dropFirst()))
                note(.clipScore, method, try CLIPScore(frames: rows.span, text: caption.span).value)
            }
        }
        return fields
    }

    /// What is seen beside the real clip.
    private func compare(_ made: Clip, _ clip: RealClip, _ method: Method) throws(PFrameError) {
        let size = Size(width: clip.frames[0].width, height: clip.frames[0].height)
        let (pixels, reference) = (made.frames.flatMap(\.pixels), clip.frames.flatMap(\.pixels))
        let psnr = try PSNR(pixels.span, reference: reference.span, size: size)
        let ssim = try SSIM(pixels.span, reference: reference.span, size: size)
        note(.psnr, method, min(psnr.clip, Self.highestPSNR))
        note(.lastPSNR, method, min(psnr.last, Self.highestPSNR))
        note(.ssim, method, ssim.clip)
        note(.lastSSIM, method, ssim.last)
        if let lpips = networks.lpips {
            let distances = try lpips.distances(pixels.span, reference: reference.span, size: size).dropFirst()
            note(.lpips, method, distances.reduce(0) { $0 + Double($1) } / Double(distances.count))
        }
    }

    /// The table, and what could not be had.
    func results() -> (rows: [EvaluationReport.Row], notes: [String]) {
        var (rows, notes): ([EvaluationReport.Row], [String]) = ([], [])
        for method in methods {
            guard let kept = features[method] else { continue }
            var values = means[method, default: [:]].mapValues { $0.sum / Double($0.count) }
            if motion != nil {
                let metrics: [EvaluationMetric] = [.motion, .motionByLabel, .motionBySubject]
                distances(real.motion, kept.motion, metrics, &values, &notes)
            }
            if networks.i3d != nil {
                distances(real.i3d, kept.i3d, [.fvd, .fvdByLabel, .fvdBySubject], &values, &notes)
            }
            if let one = real.inception, let other = kept.inception {
                attempt(.fid, &values, &notes) { () throws(PFrameError) in try FrechetDistance(one, other).value }
            }
            inceptionScore(kept, &values, &notes)
            rows.append(EvaluationReport.Row(name: method.name, loop: method.loop, values: values))
        }
        var values = means[Method(name: Self.realName), default: [:]].mapValues { $0.sum / Double($0.count) }
        inceptionScore(real, &values, &notes)
        if !values.isEmpty { rows.append(EvaluationReport.Row(name: Self.realName, loop: nil, values: values)) }
        return (rows, notes)
    }

    private func distances(
        _ real: ClipFeatures, _ made: ClipFeatures, _ metrics: [EvaluationMetric],
        _ values: inout [EvaluationMetric: Double], _ notes: inout [String]
    ) {
        attempt(metrics[0], &values, &notes) { () throws(PFrameError) in try real.distance(to: made) }
        for (metric, column, groups) in [(metrics[1], labelColumn, labels), (metrics[2], subjectColumn, subjects)] {
            guard let column else { continue }
            var leftOut: [String] = []
            attempt(metric, &values, &notes) { () throws(PFrameError) in
                let grouped = try real.distance(to: made, within: groups)
                leftOut = grouped.leftOut
                return grouped.value
            }
            guard !leftOut.isEmpty else { continue }
            let names = leftOut.prefix(5).joined(separator: ", ") + (leftOut.count > 5 ? ", …" : "")
            let note = "\(leftOut.count) values of \(column) have one clip and are skipped: \(names)"
            if !notes.contains(note) { notes.append(note) }
        }
    }

    private func inceptionScore(
        _ features: Features, _ values: inout [EvaluationMetric: Double], _ notes: inout [String]
    ) {
        guard features.frames > 0, !features.classes.isEmpty else { return }
        attempt(.inceptionScore, &values, &notes) { () throws(PFrameError) in
            try InceptionScore(
                probabilities: features.classes.span, classes: features.classes.count / features.frames,
                splits: min(10, features.frames)
            ).mean
        }
    }

    // What one metric lacks must not lose the others, after hours of sampling.
    private func attempt(
        _ metric: EvaluationMetric, _ values: inout [EvaluationMetric: Double], _ notes: inout [String],
        _ body: () throws(PFrameError) -> Double
    ) {
        do throws(PFrameError) { values[metric] = try body() } catch {
            let note = "no \(metric.title): \(error)"
            if !notes.contains(note) { notes.append(note) }
        }
    }
}
