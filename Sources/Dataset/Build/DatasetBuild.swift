import Codec
import MotionVectors
public import Shards
public import Storage
import Synchronization
public import SystemPackage

/// Builds a data set, or a part of one, from a list of videos.
///
/// Shard `k` is made of videos `k·V … (k+1)·V − 1` and depends only on the list and the options. Each finished shard
/// leaves a receipt; a build that was stopped resumes with the shards without a receipt.
///
/// With N buckets, group `k` of videos gives the shards `k·N … (k+1)·N − 1`, one for each bucket; all of them are built
/// together.
public final class DatasetBuild: Sendable {
    /// What happens, for a progress line. Called from several threads.
    public struct Observer: Sendable {
        /// A video's number in the list, its clips so far, and the share of the video that was read.
        public var progress: @Sendable (_ video: Int, _ clips: Int, _ share: Double) -> Void = { _, _, _ in }
        /// A video's number in the list, and what it came to.
        public var finished: @Sendable (_ video: Int, _ outcome: BuiltVideo) -> Void = { _, _ in }
        /// Whether to stop.
        public var isCancelled: @Sendable () -> Bool = { false }

        /// Observes nothing.
        public init() {}
    }

    private let list: InputList
    private let options: BuildOptions
    private let folder: FilePath
    private let observer: Observer
    private let failure = Mutex<PFrameError?>(nil)
    private let unreachable = Mutex(UnreachableVideos())
    private let budget: SpoolBudget

    /// Bytes of samples that may wait in memory for each job, before they wait on disk.
    private static let waitingBytes = 64 << 20

    /// Plans a build.
    ///
    /// - Throws: `PFrameError` for options that make no sense, or a list without a video.
    public init(
        list: InputList, options: BuildOptions, folder: FilePath, observer: Observer = Observer()
    ) throws(PFrameError) {
        try options.validate()
        guard !list.videos.isEmpty else { throw PFrameError(.usage, "there is no video to build from") }
        (self.list, self.options, self.folder, self.observer) = (list, options, folder, observer)
        budget = SpoolBudget(bytes: Self.waitingBytes * max(1, options.jobs))
    }

    /// Shards of the whole set, those without clips included.
    public var shards: Int { groups * buckets.count }

    /// Groups of videos.
    private var groups: Int { (list.videos.count + options.videosPerShard - 1) / options.videosPerShard }
    /// The shape of the clips of each shard of a group.
    private var buckets: [Bucket?] { options.clips.buckets?.all ?? [nil] }
    /// The numbers of the shards of a group.
    private func shards(of group: Int) -> Range<Int> { (group * buckets.count)..<((group + 1) * buckets.count) }

    /// What a run came to.
    public struct Summary: Sendable {
        /// Shards of this part.
        public var shards = 0
        /// Those of them that were there already.
        public var finishedBefore = 0
        /// Counts over the shards of this part, by name, as in `dataset.json`.
        public var totals: [String: Int] = [:]
        /// The whole set, where this run closed it; nil for a part.
        public var description: DatasetDescription?
    }

    /// Builds the missing shards of the part; a build of the whole data set also closes it.
    ///
    /// - Throws: `PFrameError` if the folder belongs to another data set or another process builds into it, if nothing
    ///   can be written, or when cancelled. Finished shards stay.
    public func run() throws(PFrameError) -> Summary {
        let hidden = folder.appending(ShardReceipt.folderName)
        try createFolder(hidden)
        let isWhole = options.part.count == 1
        guard let lock = try KernelLock(hidden.appending("lock"), shared: !isWhole) else {
            throw PFrameError(
                .busy, path: folder, "another process builds into this folder: wait for it, or choose another")
        }
        try checkIdentity()
        var summary = Summary()
        let mine = (0..<groups).filter { options.part.contains($0) }
        let missing = try unfinished(mine)
        summary.shards = mine.count * buckets.count
        summary.finishedBefore = (mine.count - missing.count) * buckets.count
        // Until the set is closed again there is no finished one here.
        if !missing.isEmpty { try removeFile(folder.appending(DatasetDescription.fileName)) }
        try build(missing)
        try unreachable.withLock { $0 }.check(folder, shardsPerGroup: buckets.count)
        for number in mine.flatMap(shards(of:)) {
            let receipt = try ShardReceipt(reading: ShardReceipt.path(in: folder, number: number))
            summary.totals.merge(receipt.totals) { $0 + $1 }
        }
        if isWhole { summary.description = try DatasetClosing.close(folder: folder, jobs: options.jobs) }
        return withExtendedLifetime(lock) { summary }
    }

    /// Refuses a folder whose shards were made with other options or of other videos.
    private func checkIdentity() throws(PFrameError) {
        for number in 0..<shards {
            let path = ShardReceipt.path(in: folder, number: number)
            guard fileSize(path) != nil else { continue }
            let receipt = try ShardReceipt(reading: path)
            let remedy = "choose another folder, or remove this one"
            if receipt.options != options.json {
                let changed = Self.differences(receipt.options, options.json)
                throw PFrameError(.conflict, path: folder, "was built with other options (\(changed)): \(remedy)")
            }
            guard receipt.sourceHash == list.sourceHash else {
                throw PFrameError(
                    .conflict, path: folder, "was built from another list of videos or captions: \(remedy)")
            }
            return
        }
        guard fileSize(folder.appending(DatasetDescription.fileName)) == nil else {
            throw PFrameError(
                .conflict, path: folder, "holds a data set that this build did not make: choose another folder")
        }
    }

    /// The members that differ, in words.
    static func differences(_ old: JSONValue, _ new: JSONValue) -> String {
        let (old, new) = (old.members ?? [:], new.members ?? [:])
        return Set(old.keys).union(new.keys).sorted().filter { old[$0] != new[$0] }.map {
            "\($0) \(old[$0]?.json() ?? "not set"), now \(new[$0]?.json() ?? "not set")"
        }.joined(separator: "; ")
    }

    /// Those of the groups whose shards are not all there as their receipts say.
    private func unfinished(_ numbers: [Int]) throws(PFrameError) -> [Int] {
        let isFinished = Mutex([Bool](repeating: false, count: numbers.count))
        Parallel.forEach(numbers.count, jobs: options.jobs) { index in
            guard !observer.isCancelled() else { return }
            let result = shards(of: numbers[index]).allSatisfy(isIntact)
            isFinished.withLock { $0[index] = result }
        }
        let flags = isFinished.withLock { $0 }
        return zip(numbers, flags).filter { !$0.1 }.map(\.0)
    }

    /// Whether a shard is complete; one that is damaged, or cannot be read, is built again.
    private func isIntact(_ number: Int) -> Bool {
        do throws(PFrameError) {
            let path = ShardReceipt.path(in: folder, number: number)
            guard fileSize(path) != nil else { return false }
            let receipt = try ShardReceipt(reading: path)
            let isOurs = receipt.options == options.json && receipt.sourceHash == list.sourceHash
            guard isOurs, receipt.shards == shards else { return false }
            guard let shard = receipt.shard else { return true }
            return try DatasetFolder(folder).isIntact(shard)
        } catch {
            return false
        }
    }

    /// Builds the shards of groups, videos in the order of the list, as many at a time as there are jobs.
    private func build(_ numbers: [Int]) throws(PFrameError) {
        let assemblies = Mutex<[Int: ShardAssembly]>([:])
        let work = numbers.flatMap { number in videos(of: number).map { (group: number, video: $0) } }
        Parallel.forEach(work.count, jobs: options.jobs) { index in
            let (group, video) = work[index]
            guard failure.withLock({ $0 == nil }) else { return }
            do throws(PFrameError) {
                try checkCancelled()
                guard let target = try open(group, among: assemblies) else { return }
                if try build(video, slot: video - videos(of: group).lowerBound, into: target) {
                    assemblies.withLock { $0[group] = nil }
                }
            } catch {
                guard error.code == .unreachable else { return failure.withLock { $0 = $0 ?? error } }
                // Without receipts the next run builds the shards again.
                assemblies.withLock { open in
                    unreachable.withLock { $0.note(group) }
                    open[group] = nil
                }
                let reject = Reject(video: list.videos[video].name, kind: .missing, reason: error.message)
                observer.finished(video, BuiltVideo(reject: reject, totals: [:]))
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
        try checkCancelled()
    }

    private func build(_ index: Int, slot: Int, into assembly: ShardAssembly) throws(PFrameError) -> Bool {
        let video = VideoBuild(video: list.videos[index], options: options)
        let outcome = try video.run { clips, share throws(PFrameError) in
            observer.progress(index, clips, share)
            try checkCancelled()
            // Another job has failed, as on a full disk: what this one makes would be lost.
            if let error = failure.withLock({ $0 }) { throw error }
        } deliver: { sample, bucket throws(PFrameError) in
            try assembly.add(sample, bucket: bucket, slot: slot)
        }
        unreachable.withLock { $0.inARow = 0 }
        let isComplete = try assembly.finish(slot: slot, reject: outcome.reject, totals: outcome.totals)
        observer.finished(index, outcome)
        return isComplete
    }

    /// The assembly of the shards of a group, made for its first video; nil for a group that is left unfinished.
    private func open(
        _ group: Int, among assemblies: borrowing Mutex<[Int: ShardAssembly]>
    ) throws(PFrameError) -> ShardAssembly? {
        try assemblies.withLock { open throws(PFrameError) in
            guard unreachable.withLock({ $0.wants(group) }) else { return nil }
            if let there = open[group] { return there }
            let made = try assembly(of: group)
            open[group] = made
            return made
        }
    }

    private func videos(of group: Int) -> Range<Int> {
        let first = group * options.videosPerShard
        return first..<min(first + options.videosPerShard, list.videos.count)
    }

    private func assembly(of group: Int) throws(PFrameError) -> ShardAssembly {
        let numbers = shards(of: group)
        let path = ShardReceipt.path(in: folder, number: numbers.lowerBound)
        guard let lock = try KernelLock(path.removingLastComponent().appending("\(path.stem ?? "").lock")) else {
            throw PFrameError(
                .busy, path: path, "another process builds this shard: give each process a part of its own")
        }
        // The shards are about to change: what stood here counts no more.
        for number in numbers { try removeFile(ShardReceipt.path(in: folder, number: number)) }
        var receipts = numbers.map { _ in
            ShardReceipt(
                tool: options.tool, options: options.json, sourceHash: list.sourceHash, shards: shards, shard: nil,
                rejects: [], totals: [:])
        }
        if group == 0 {
            // What the list itself left out belongs to no shard; the first one carries it.
            receipts[0].rejects = list.rejects
            receipts[0].totals = ["listed_rejects": list.rejects.count]
        }
        return ShardAssembly(
            folder: folder, number: numbers.lowerBound, buckets: buckets, videos: videos(of: group).count,
            receipts: receipts, lock: lock, budget: budget)
    }

    private func checkCancelled() throws(PFrameError) {
        if observer.isCancelled() {
            throw PFrameError(.interrupted, path: folder, "interrupted: run the same command again to resume")
        }
    }
}

/// The videos of a run that servers did not give, and the groups that are left unfinished for it.
private struct UnreachableVideos: Sendable {
    /// So many, with none between them that could be read: the network is down, and the rest is left for the next run.
    private static let most = 20
    private var groups: Set<Int> = []
    private var count = 0
    /// Those since the last video that was read.
    var inARow = 0

    /// Whether videos of a group are still to be read.
    func wants(_ group: Int) -> Bool { inARow < Self.most && !groups.contains(group) }

    mutating func note(_ group: Int) {
        groups.insert(group)
        count += 1
        inARow += 1
    }

    /// Throws where there is any.
    func check(_ folder: FilePath, shardsPerGroup: Int) throws(PFrameError) {
        guard count > 0 else { return }
        let stop = inARow < Self.most ? "" : "; the build stopped after \(Self.most) in a row"
        throw PFrameError(
            .unreachable, path: folder,
            "\(NumberText.count(count, "video")) could not be read from servers; shards left unfinished: "
                + "\(NumberText.count(groups.count * shardsPerGroup))\(stop): run the same command again")
    }
}

/// How a data set is built.
public struct BuildOptions: Sendable, Equatable {
    /// How videos are cut into clips.
    public var clips = ClipOptions()
    /// What samples are made of.
    public var samples = SampleOptions()
    /// Input videos per shard. Default: 32.
    public var videosPerShard = 32
    /// The share of the shards to build. Default: all.
    public var part = BuildPart.whole
    /// Videos at the same time.
    public var jobs = 1
    /// Whether a video that a server does not give is rejected. Default: false, which leaves its shard to the next run.
    public var rejectsUnreachable = false
    /// What builds: `pframe 0.1.0`.
    public var tool = "pframe"

    /// The defaults.
    public init() {}

    /// What the bytes of the set depend on, as `dataset.json` records it.
    public var json: JSONValue {
        var members = clips.json.members ?? [:]
        members.merge(samples.json.members ?? [:]) { first, _ in first }
        members["videos_per_shard"] = .integer(videosPerShard)
        return .object(members)
    }

    /// Checks the options.
    ///
    /// - Throws: `PFrameError` that says what is wrong.
    public func validate() throws(PFrameError) {
        func require(_ condition: Bool, _ message: String) throws(PFrameError) {
            if !condition { throw PFrameError(.usage, message) }
        }
        for frames in clips.lengths {
            try require((2...4096).contains(frames), "a clip has 2 to 4096 frames, not \(frames)")
        }
        try require(
            clips.framesPerSecond > 0 && clips.framesPerSecond <= 1000,
            "frames per second are above 0 and at most 1000, not \(clips.framesPerSecond)")
        try clips.cuts?.validate()
        try require(
            clips.stride == nil || clips.sourceDivisor == nil,
            "a stride and a share of the source's rate exclude each other")
        for (name, value) in [
            ("the divisor of the source's rate", clips.sourceDivisor),
            ("the stride", clips.stride), ("the hop", clips.hop), ("the most clips of a video", clips.clipsPerVideo),
            ("the videos of a shard", videosPerShard),
        ] {
            try require(value ?? 1 >= 1, "\(name): 1 or more, not \(value ?? 0)")
        }
        let isMotion = samples.representations.contains(.motionResidual)
        for size in clips.sizes {
            try require(
                (16...4096).contains(size.width) && (16...4096).contains(size.height),
                "clips are 16 to 4096 pixels wide and high, not \(size)")
            try require(
                !isMotion || size.width % 16 == 0 && size.height % 16 == 0,
                "motion-residual needs sizes that 16 divides, not \(size)")
        }
        if let buckets = clips.buckets {
            try require(Set(buckets.all).count == buckets.all.count, "a size or a length of the buckets is named twice")
            try require(buckets.all.count <= 1000, "there are at most 1000 buckets, not \(buckets.all.count)")
            try require(
                buckets.largestEnlargement.map { $0 > 0 && $0.isFinite } ?? true,
                "pictures are enlarged by a number above 0, not \(buckets.largestEnlargement ?? 0)")
            try require(
                clips.hop == nil || buckets.lengths.count == 1,
                "the hop is for clips of one length: a shot is cut into clips of several lengths without gaps")
        }
        try require(samples.motionSource != .bitstream, "clips take their motion from h264, search or stream")
        try require((1...255).contains(samples.radius), "the radius is 1 to 255 pixels, not \(samples.radius)")
    }
}
