public import Codec
public import MotionVectors
public import Storage
public import SystemPackage

/// Cuts one video into clips in a single pass: decodes it, finds its shots, and samples clips from them.
///
/// Memory holds one clip and a few decoded pictures, however long the video is. Pictures from a damaged picture up to the
/// next key frame are skipped; then a new shot begins. A new shot also begins where time steps back.
public final class ClipReader {
    /// What a video came to beside its clips.
    public struct Counts: Sendable, Equatable {
        /// Pictures decoded.
        public var frames = 0
        /// Shots, the first included.
        public var shots = 0
        /// Shots that ended before they gave a clip.
        public var shortShots = 0
        /// Shots whose pictures every bucket of their aspect would enlarge too much.
        public var smallShots = 0
        /// Shots whose last pictures were left over.
        public var tails = 0
        /// Pictures that no clip may hold: those with errors, and those after damage up to the next key frame.
        public var skipped = 0
        /// Clips so far.
        public var clips = 0
    }

    /// A sampled picture of the shot.
    private struct Sampled {
        var image: RGBImage
        var seconds: Double
        var frame: Int
        /// The bits of its macroblocks, where they are measured.
        var grid: MacroblockBits?
        /// Its motion from the sampled picture before, where that is traced.
        var candidates: MotionCandidates?
    }

    /// A decoded picture that waits until it is known whether it begins a shot.
    private struct Waiting {
        var picture: Picture
        var seconds: Double
        var frame: Int
        var measures: Measures
        var grid: MacroblockBits?
        /// Whether something before it was lost, or the picture itself is damaged.
        var followsDamage: Bool
    }

    /// What is known of every picture, those between sampled ones included.
    private struct Measures {
        var content: Double
        /// What the stream spends on it; nil where that is not measured.
        var coding: PictureCoding?
    }

    /// A decoded picture that may still be chosen.
    private struct Candidate {
        var picture: Picture
        var seconds: Double
        var frame: Int
        var grid: MacroblockBits?
        /// Its image, once scaled.
        var image: RGBImage?
    }

    private let reader: VideoReader
    private let tracer: TracedReader?
    private let coding: CodingMeter?
    private let options: ClipOptions
    private let meter: ContentMeter
    private var cuts: CutDetector?
    private var waiting: [Waiting] = []
    private var fitter: ClipFitter?
    /// The size of the shot's clips, where they have buckets.
    private var choice: SizeChoice?
    private var sampler: ClipSampler
    private var newest: Candidate?
    private var previous: Candidate?
    /// The latest sampled pictures of the shot, at most a clip's worth.
    private var sampled: [Sampled] = []
    /// The measures since the frame numbered `measuresStart`, that frame's own included.
    private var measures: [Measures] = []
    private var measuresStart = 0
    private var ready: [SourceClip] = []
    private var clipsOfShot = 0
    private var sampledSinceClip = 0
    private var awaitsKey = false
    private var damageSeen = 0
    private var lastSeconds: Double?
    private var steps = (all: 0, odd: 0)
    private var hasEnded = false
    /// What the video came to so far.
    public private(set) var counts = Counts()
    /// Why the first shot too small for the buckets is so, in words.
    public private(set) var smallness: String?

    /// Opens a video.
    ///
    /// - Parameters:
    ///   - path: the video.
    ///   - options: how to cut it.
    ///   - span: the part of the video to cut, as if it were all of it; nil for the whole video.
    ///   - tracesMotion: find the motion of clips by the video's own vectors (``SourceClip/candidates``).
    ///   - measuresCoding: find what the stream spends on clips (``SourceClip/coding``).
    /// - Throws: `PFrameError` if it cannot be opened or holds no video, or where its motion cannot be traced.
    public init(
        path: FilePath, options: ClipOptions, span: TimeSpan? = nil, tracesMotion: Bool = false,
        measuresCoding: Bool = false
    ) throws(PFrameError) {
        var decoding = DecoderOptions()
        decoding.exportsQuantisers = measuresCoding
        decoding.exportsMotionVectors = tracesMotion
        decoding.cropping = !tracesMotion
        reader = try VideoReader(path: path, options: decoding, span: span)
        tracer = tracesMotion ? try TracedReader(reader) : nil
        coding = measuresCoding ? CodingMeter(reader) : nil
        var options = options
        options.frames = options.buckets?.lengths.last ?? options.frames
        self.options = options
        meter = ContentMeter(rule: options.rule, rotation: reader.stream.orientation.rotation)
        cuts = options.cuts.map { CutDetector($0) }
        sampler = ClipSampler(options, sourceRate: Self.rate(of: reader.stream))
    }

    /// What cut the file short, in words, nil if nothing did.
    public var truncation: String? { hasEnded ? reader.truncation : nil }
    /// How far reading has come, 0…1.
    public var share: Double { reader.fileSize > 0 ? min(1, Double(reader.bytesRead) / Double(reader.fileSize)) : 0 }
    /// What to say of a span without a picture.
    var nothingDecoded: String {
        let length = reader.lengthInWords.map { "; \($0)" } ?? ""
        return "the video has no picture there\(length)"
    }
    /// Pictures with errors so far, and damaged packets that gave none (`VideoReader.damaged`).
    public var damaged: Int { tracer?.damaged ?? reader.damaged }
    /// The average frame rate of the video, as its container states it; 25 where it states none.
    public var sourceRate: Double { Self.rate(of: reader.stream) }
    /// Whether more than a twentieth of the steps from picture to picture is further from the average than its half.
    public var hasVariableRate: Bool { 20 * steps.odd > steps.all }

    /// The next clip; nil at the end of the video or after the last clip of the options.
    ///
    /// - Throws: `PFrameError` if a picture cannot be converted, or memory is short.
    public func next() throws(PFrameError) -> SourceClip? {
        while ready.isEmpty, !hasEnded {
            guard let picture = try nextPicture() else {
                hasEnded = true
                while !waiting.isEmpty { try take(waiting.removeFirst(), isCut: false) }
                try endShot()
                break
            }
            try measure(picture)
        }
        guard !ready.isEmpty, counts.clips < options.clipsPerVideo ?? .max else { return nil }
        counts.clips += 1
        return ready.removeFirst()
    }

    private func nextPicture() throws(PFrameError) -> Picture? {
        if let tracer { return try tracer.next() }
        return try reader.next()
    }

    /// Measures a picture; takes the one that the cuts are now known of.
    private func measure(_ picture: Picture) throws(PFrameError) {
        let frame = counts.frames
        counts.frames += 1
        forgetTrails(frame)
        let content = try meter.next(picture).value
        let followsDamage = damaged > damageSeen
        damageSeen = damaged
        let seconds = time(of: picture)
        let spent = coding?.measure(picture)
        waiting.append(
            Waiting(
                picture: picture, seconds: seconds, frame: frame,
                measures: Measures(content: content, coding: spent?.coding), grid: spent?.grid,
                followsDamage: followsDamage))
        guard cuts != nil else { return try take(waiting.removeFirst(), isCut: false) }
        if let verdict = cuts?.add(content, at: seconds) {
            try take(waiting.removeFirst(), isCut: verdict.isCut)
        }
    }

    private func take(_ next: Waiting, isCut: Bool) throws(PFrameError) {
        let (picture, seconds) = (next.picture, next.seconds)
        if next.followsDamage {
            // A key frame that is itself whole, decoded after a lost packet, mends everything.
            awaitsKey = picture.isDamaged || !picture.isKey
            try endShot()
        } else if picture.isKey {
            awaitsKey = false
        }
        guard !awaitsKey else {
            counts.skipped += 1
            return
        }
        let step = newest.map { seconds - $0.seconds } ?? 0
        let isJump = step < 0 || step > sampler.longestStep
        // The pictures of a clip are all brought to its size in the same way.
        let isResized = options.buckets != nil && newest.map { $0.picture.size != picture.size } ?? false
        if isCut || isJump || isResized { try endShot() }
        // Time that stands still gives no instant a nearer picture; a stride counts pictures, whatever their time.
        if let newest, seconds <= newest.seconds, options.stride == nil {
            measures.append(next.measures)
            return
        }
        if newest == nil {
            beginShot(next)
        } else {
            measures.append(next.measures)
            steps.all += 1
            if abs(step * sourceRate - 1) > 0.5 { steps.odd += 1 }
        }
        previous = newest
        newest = Candidate(picture: picture, seconds: seconds, frame: next.frame, grid: next.grid)
        for choice in sampler.add(time: seconds) { try keep(choice) }
    }

    /// Frees the vectors from before every picture that can be sampled, or that motion can be traced to.
    private func forgetTrails(_ frame: Int) {
        let candidates = [previous?.frame, newest?.frame].compactMap { $0 } + waiting.map(\.frame) + [frame]
        let last = sampler.nextIsJoined ? sampled.last?.frame : nil
        tracer?.keep(from: last ?? candidates[0], candidates)
    }

    private func beginShot(_ first: Waiting) {
        counts.shots += 1
        chooseSize(first.picture)
        (measuresStart, measures) = (first.frame, [Measures(content: 0, coding: first.measures.coding)])
        (clipsOfShot, sampledSinceClip) = (0, 0)
        sampler.reset()
    }

    private func endShot() throws(PFrameError) {
        guard newest != nil else { return }
        if let choice = sampler.end() { try keep(choice) }
        cutRest()
        if isTooSmall {
            counts.smallShots += 1
        } else if clipsOfShot == 0 {
            counts.shortShots += 1
        } else if sampledSinceClip > 0 {
            counts.tails += 1
        }
        sampled.removeAll(keepingCapacity: true)
        (newest, previous) = (nil, nil)
    }

    /// Chooses the size of the clips of a shot that begins with a picture.
    private func chooseSize(_ picture: Picture) {
        guard let buckets = options.buckets else { return }
        let shown = reader.orientation.shown(
            picture.size, aspect: ClipFitter.aspect(of: picture, in: reader.stream))
        let choice = buckets.choice(width: shown.width, height: shown.height, fit: options.fit)
        if choice.size != self.choice?.size { fitter = nil }
        self.choice = choice
        if isTooSmall, smallness == nil {
            let times = NumberText.short(choice.scale)
            let size = Size(width: Int(shown.width.rounded()), height: Int(shown.height.rounded()))
            smallness = "pictures of \(size): \(buckets.sizes[choice.size]) would enlarge them \(times) times"
        }
    }

    private var isTooSmall: Bool {
        guard let buckets = options.buckets, let choice else { return false }
        return !buckets.allows(choice)
    }

    /// Cuts the last frames of a shot, too few for the greatest length, into shorter clips.
    private func cutRest() {
        guard let buckets = options.buckets, buckets.lengths.count > 1 else { return }
        var rest = sampled.suffix(sampledSinceClip)
        for length in buckets.lengths(of: rest.count) {
            ready.append(clip(of: rest.prefix(length)))
            rest = rest.dropFirst(length)
            clipsOfShot += 1
        }
        sampledSinceClip = rest.count
    }

    private func keep(_ choice: ClipSampler.Choice) throws(PFrameError) {
        guard !isTooSmall else { return }
        guard var chosen = try choice.isPrevious ? scaled(&previous) : scaled(&newest) else { return }
        if let tracer, let geometry = fitter?.geometry, let last = sampled.last, sampler.isJoined(choice.instant) {
            chosen.candidates = geometry.candidates { tracer.source(of: $0, in: chosen.frame, from: last.frame) }
        }
        sampled.append(chosen)
        sampledSinceClip += 1
        if sampled.count > options.frames { sampled.removeFirst() }
        guard sampler.firstInstant(completedBy: choice.instant) != nil, sampled.count == options.frames else { return }
        clipsOfShot += 1
        sampledSinceClip = 0
        ready.append(clip(of: sampled[...]))
        forgetMeasures()
    }

    /// The candidate as a sampled picture; scaled once, however often it is chosen.
    private func scaled(_ candidate: inout Candidate?) throws(PFrameError) -> Sampled? {
        guard let chosen = candidate else { return nil }
        let image: RGBImage
        if let ready = chosen.image { image = ready } else { image = try fit(chosen.picture) }
        candidate?.image = image
        return Sampled(image: image, seconds: chosen.seconds, frame: chosen.frame, grid: chosen.grid)
    }

    private func fit(_ picture: Picture) throws(PFrameError) -> RGBImage {
        let fitter = fitter ?? makeFitter(picture)
        self.fitter = fitter
        return try fitter.fit(picture)
    }

    private func makeFitter(_ picture: Picture) -> ClipFitter {
        var options = options
        if let choice {
            let size = options.sizes[choice.size]
            (options.width, options.height) = (size.width, size.height)
        }
        return ClipFitter(
            options, orientation: reader.orientation, aspect: ClipFitter.aspect(of: picture, in: reader.stream))
    }

    private func clip(of sampled: ArraySlice<Sampled>) -> SourceClip {
        let (first, last) = (sampled[sampled.startIndex].frame, sampled[sampled.endIndex - 1].frame)
        let span = measures[(first - measuresStart)...(last - measuresStart)]
        let contents = span.dropFirst().map(\.content)
        var spent: ClipCoding?
        if let coding {
            spent = ClipCoding(
                span.compactMap(\.coding), grids: sampled.map(\.grid), isScaled: fitter?.geometry?.isIdentity != true,
                isConsecutive: zip(sampled, sampled.dropFirst()).allSatisfy { $1.frame == $0.frame + 1 },
                reason: coding.reason)
        }
        return SourceClip(
            frames: sampled.map(\.image), seconds: sampled.map(\.seconds),
            meanContent: contents.isEmpty ? .nan : contents.reduce(0, +) / Double(contents.count),
            maximumContent: contents.max() ?? .nan, shot: counts.shots - 1, sourceFrames: first...last,
            bucket: choice.flatMap { options.buckets?.bucket($0, frames: sampled.count) },
            candidates: sampled.dropFirst().compactMap(\.candidates), coding: spent)
    }

    /// Drops the measures of pictures before every picture that a later clip can begin with.
    private func forgetMeasures() {
        let first = sampled[0].frame
        measures.removeFirst(first - measuresStart)
        measuresStart = first
    }

    /// Presentation time in seconds; where the file knows none, one average interval after the picture before.
    private func time(of picture: Picture) -> Double {
        let seconds =
            picture.time.map { (Double($0) * reader.stream.timeBase.value * 1e6).rounded() / 1e6 }
            ?? (lastSeconds.map { $0 + 1 / sourceRate } ?? 0)
        lastSeconds = seconds
        return seconds
    }

    private static func rate(of stream: VideoStream) -> Double {
        let rate = stream.averageFrameRate.value
        return rate > 0 ? rate : 25
    }
}

@available(*, unavailable)
extension ClipReader: Sendable {}

/// A clip cut from a video: frames of one shot, brought to one size.
public struct SourceClip: Sendable {
    /// The frames, all of one size.
    public var frames: [RGBImage]
    /// The time of each frame in the video, seconds.
    public var seconds: [Double]
    /// Mean content value over the source's frames after the first one sampled, up to the last; NaN if there is none.
    public var meanContent: Double
    /// The largest of those.
    public var maximumContent: Double
    /// The number of its shot in the video or its span, from 0.
    public var shot: Int
    /// The number of the first and the last source frame of the video or its span, in display order.
    public var sourceFrames: ClosedRange<Int>
    /// Its bucket; nil where clips have one shape.
    public var bucket: BucketChoice?
    /// The motion that the video's own vectors give each frame after the first; empty if motion is not traced.
    public var candidates: [MotionCandidates]
    /// What the stream spends on its pictures; nil where that is not measured.
    public var coding: ClipCoding?

    /// Creates a clip.
    public init(
        frames: [RGBImage], seconds: [Double], meanContent: Double, maximumContent: Double, shot: Int,
        sourceFrames: ClosedRange<Int>, bucket: BucketChoice? = nil, candidates: [MotionCandidates] = [],
        coding: ClipCoding? = nil
    ) {
        (self.frames, self.seconds, self.shot, self.sourceFrames) = (frames, seconds, shot, sourceFrames)
        (self.meanContent, self.maximumContent, self.bucket) = (meanContent, maximumContent, bucket)
        (self.candidates, self.coding) = (candidates, coding)
    }
}
