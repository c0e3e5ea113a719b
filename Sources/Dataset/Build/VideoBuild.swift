import Codec
import Shards
import Storage

/// Turns one video into records, and reports the outcome.
struct VideoBuild {
    let video: InputVideo
    let options: BuildOptions

    /// What a video came to.
    struct Outcome {
        var reject: Reject?
        var totals: [String: Int]
    }

    /// Reads the video to its end.
    ///
    /// - Parameters:
    ///   - progress: called with the clips so far and the share read, 0…1; throws to stop.
    ///   - deliver: takes each sample, and the number of its bucket.
    /// - Returns: the outcome. A video that cannot be read is an outcome, not an error.
    /// - Throws: what `progress` and `deliver` throw.
    func run(
        progress: (Int, Double) throws(PFrameError) -> Void,
        deliver: (sending Sample, Int) throws(PFrameError) -> Void
    ) throws(PFrameError) -> Outcome {
        let reader: ClipReader
        do throws(PFrameError) { reader = try ClipReader(path: video.path, options: options.clips) } catch {
            return Outcome(reject: reject(.unreadable, error.message), totals: ["videos": 1, "rejected_videos": 1])
        }
        let maker = SampleMaker(clips: options.clips, options: options.samples)
        var columns = SampleColumns()
        columns.caption = video.caption ?? ""
        columns.source = video.name
        columns.metadata = video.metadata
        var failure: PFrameError?
        while failure == nil {
            let sample: Sample
            let bucket: Int
            do throws(PFrameError) {
                guard let clip = try reader.next() else { break }
                sample = try maker.sample(clip, columns: columns)
                bucket = clip.bucket?.number ?? 0
            } catch {
                failure = error
                break
            }
            try deliver(sample, bucket)
            try progress(reader.counts.clips, reader.share)
        }
        let counts = reader.counts
        var totals = [
            "videos": 1, "rejected_videos": counts.clips == 0 ? 1 : 0, "clips": counts.clips, "frames": counts.frames,
            "shots": counts.shots, "short_shots": counts.shortShots, "tails": counts.tails,
            "damaged_frames": reader.damaged, "skipped_frames": counts.skipped,
        ]
        if options.clips.buckets != nil { totals["small_shots"] = counts.smallShots }
        return Outcome(reject: reject(reader, failure), totals: totals)
    }

    private func reject(_ kind: Reject.Kind, _ reason: String, clips: Int = 0) -> Reject {
        Reject(video: video.name, kind: kind, reason: reason, clips: clips)
    }

    /// Why a video that was opened gave no clip, or not all.
    private func reject(_ reader: ClipReader, _ failure: PFrameError?) -> Reject? {
        let counts = reader.counts
        if let failure { return reject(.unreadable, failure.message, clips: counts.clips) }
        if counts.frames == 0 { return reject(.unreadable, "no picture could be decoded") }
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
            return reject(.tooSmall, "\(smallness): give a greater --enlarge, or a smaller bucket of its aspect")
        }
        let rate = "at \(options.clips.framesPerSecond) frames per second"
        let wanted = options.clips.stride.map { "with a stride of \($0)" } ?? rate
        let shots = counts.shots == 1 ? "one shot" : "\(counts.shots) shots"
        let what = "\(NumberText.count(counts.frames, "frame")) in \(shots)"
        let length = options.clips.lengths.min() ?? options.clips.frames
        let remedy =
            (options.clips.lengths.count > 1 ? "--lengths, " : "--frames, ")
            + (options.clips.stride == nil ? "--fps" : "--stride")
        return reject(.noClip, "\(what): too short for a clip of \(length) \(wanted) (\(remedy))")
    }
}
