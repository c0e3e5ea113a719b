import Codec
import MotionVectors
public import Shards
import Storage

/// Turns one video, or a span of one, into records, and reports the outcome.
struct VideoBuild {
    let video: InputVideo
    let options: BuildOptions

    /// Reads the video to its end.
    ///
    /// - Parameters:
    ///   - progress: called with the clips so far and the share read, 0…1; throws to stop.
    ///   - deliver: takes each sample, and the number of its bucket.
    /// - Returns: the outcome. A video that cannot be read is an outcome, not an error.
    /// - Throws: what `progress` and `deliver` throw; `unreachable` where a server does not give the video now and may
    ///   give it later.
    func run(
        progress: (Int, Double) throws(PFrameError) -> Void,
        deliver: (sending Sample, Int) throws(PFrameError) -> Void
    ) throws(PFrameError) -> BuiltVideo {
        let reader: ClipReader
        do throws(PFrameError) {
            reader = try ClipReader(
                path: video.path, options: options.clips, span: video.span,
                tracesMotion: options.samples.tracesMotion, measuresCoding: options.samples.measuresCoding)
        } catch {
            return BuiltVideo(reject: try refusal(error), totals: ["videos": 1, "rejected_videos": 1])
        }
        var maker = SampleMaker(clips: options.clips, options: options.samples)
        var columns = SampleColumns()
        columns.caption = video.caption ?? ""
        columns.captions = video.captions
        columns.source = video.name
        columns.metadata = video.metadata
        var failure: PFrameError?
        var leastEven = StepRange()
        var delivered = 0
        while failure == nil {
            let sample: Sample
            let bucket: Int
            do throws(PFrameError) {
                guard let clip = try reader.next() else { break }
                let steps = StepRange(clip.seconds)
                if steps.ratio > leastEven.ratio { leastEven = steps }
                sample = try maker.sample(clip, columns: columns)
                bucket = clip.bucket?.number ?? 0
            } catch {
                failure = error
                break
            }
            try deliver(sample, bucket)
            delivered += 1
            try progress(reader.counts.clips, reader.share)
        }
        var counts = reader.counts
        counts.clips = delivered
        if let error = failure { try checkPassing(error) }
        var totals = [
            "videos": 1, "rejected_videos": counts.clips == 0 ? 1 : 0, "clips": counts.clips, "frames": counts.frames,
            "shots": counts.shots, "short_shots": counts.shortShots, "tails": counts.tails,
            "damaged_frames": reader.damaged, "skipped_frames": counts.skipped,
        ]
        if video.span != nil { totals["spans"] = 1 }
        if options.clips.buckets != nil { totals["small_shots"] = counts.smallShots }
        if let traced = maker.traced {
            (totals["blocks"], totals["searched_blocks"]) = (traced.blocks, traced.searchedBlocks)
        }
        var outcome = BuiltVideo(reject: reject(reader, counts, failure), totals: totals)
        outcome.sourceRate = reader.sourceRate
        outcome.hasVariableRate = reader.hasVariableRate
        outcome.unevenSteps = leastEven.isEven ? nil : leastEven.range
        return outcome
    }

    private func reject(_ kind: Reject.Kind, _ reason: String, clips: Int = 0) -> Reject {
        let place = video.span.map { "\($0.words): " } ?? ""
        return Reject(video: video.name, kind: kind, reason: place + reason, clips: clips)
    }

    /// Why a video was not opened.
    ///
    /// - Throws: as ``run(progress:deliver:)``.
    private func refusal(_ error: PFrameError) throws(PFrameError) -> Reject {
        try checkPassing(error)
        let isRefused = error.isAnswerOfServer && error.code != .unreachable
        return reject(isRefused ? .missing : .unreadable, error.message)
    }

    /// Throws where the same build may read the video later: the disk or the memory is full, the server did not answer,
    /// the file was being replaced, the server's certificate is not known here, or what an address grants access by (keys
    /// of `s3://`, a signature, a token) opens nothing.
    private func checkPassing(_ error: PFrameError) throws(PFrameError) {
        if error.code == .full { throw error }
        guard let address = video.path.address, !options.rejectsUnreachable else { return }
        let hasKeys = address.hasPrefix("s3://") || RemoteAddress.withoutSecrets(address) != address
        let isRefused = error.code == .refused && (hasKeys || !error.isAnswerOfServer)
        guard [.unreachable, .conflict].contains(error.code) || isRefused else { return }
        throw PFrameError(.unreachable, path: video.path, error.message)
    }

    /// Why a video that was opened gave no clip, or not all.
    private func reject(_ reader: ClipReader, _ counts: ClipReader.Counts, _ failure: PFrameError?) -> Reject? {
        if let failure { return reject(.unreadable, failure.message, clips: counts.clips) }
        if counts.frames == 0 {
            guard video.span != nil, reader.damaged == 0 else {
                return reject(.unreadable, "no picture could be decoded")
            }
            return reject(.badRow, reader.nothingDecoded)
        }
        if reader.damaged > 0 {
            let damaged = NumberText.count(reader.damaged, "damaged frame")
            let skipped = NumberText.count(counts.skipped, "frame")
            let cut = reader.truncation.map { "; cut off: \($0)" } ?? ""
            return reject(
                .damaged, "\(damaged); \(skipped) in no clip, from damage to the next key frame\(cut)",
                clips: counts.clips)
        }
        if let truncation = reader.truncation { return reject(.truncated, truncation, clips: counts.clips) }
        guard counts.clips == 0 else { return nil }
        if let smallness = reader.smallness {
            return reject(.tooSmall, "\(smallness): allow more enlarging, or give a smaller bucket of its aspect")
        }
        let rate =
            options.clips.sourceDivisor.map { "at the source's frames per second over \($0)" }
            ?? "at \(options.clips.framesPerSecond) frames per second"
        let wanted = options.clips.stride.map { "with a stride of \($0)" } ?? rate
        let shots = counts.shots == 1 ? "one shot" : "\(counts.shots) shots"
        let what = "\(NumberText.count(counts.frames, "frame")) in \(shots)"
        let length = options.clips.lengths.min() ?? options.clips.frames
        return reject(.noClip, "\(what): too short for a clip of \(length) \(wanted)")
    }
}

/// What a video came to.
public struct BuiltVideo: Sendable {
    /// The row that it leaves in `rejects.jsonl`; nil for none.
    public var reject: Reject?
    /// Counts by name, as in `dataset.json`.
    public var totals: [String: Int]
    /// Its average frame rate, as the container states it; 25 where it states none, 0 for a video that does not open.
    public var sourceRate = 0.0
    /// Whether its pictures lie unevenly in time.
    public var hasVariableRate = false
    /// How far apart the frames of its least even clip lie, in seconds; nil where the frames of all lie evenly.
    public var unevenSteps: ClosedRange<Double>?

    init(reject: Reject?, totals: [String: Int]) { (self.reject, self.totals) = (reject, totals) }
}
