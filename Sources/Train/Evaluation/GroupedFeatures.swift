package import Storage

/// The Fréchet distance within each of several groups of clips, and its mean: cFVD where a group is a class label, sFVD
/// where it is a subject, that is a first frame (Ni et al., 2023, "Conditional Image-to-Video Generation with Latent Flow
/// Diffusion Models").
///
/// The plain mean over the groups: a group of 10 clips counts as much as a group of 1,000. Groups with fewer than two
/// clips on either side have no covariance; they are skipped and named.
package struct GroupedFrechetDistance: Sendable, Equatable {
    /// The distance within each group that counts.
    package let groups: [String: FrechetDistance]
    /// The groups that have fewer than two clips on one side or both, sorted.
    package let leftOut: [String]
    /// The mean of d² over `groups`.
    package let value: Double

    /// Compares the groups of the same name.
    ///
    /// - Throws: if no group has two clips on both sides, or dimensions differ, naming the group.
    package init(
        _ real: [String: FeatureStatistics], _ generated: [String: FeatureStatistics]
    ) throws(PFrameError) {
        try self.init(Set(real.keys).union(generated.keys)) { (real[$0], generated[$0]) }
    }

    /// Compares groups one after the other, so that there need be memory for the statistics of one alone.
    ///
    /// - Parameters:
    ///   - names: of the groups.
    ///   - statistics: of a group's real and generated clips, nil if there are none.
    /// - Throws: if no group has two clips on both sides, or dimensions differ, naming the group.
    package init(
        _ names: Set<String>,
        statistics: (String) throws(PFrameError) -> (real: FeatureStatistics?, generated: FeatureStatistics?)
    ) throws(PFrameError) {
        var groups: [String: FrechetDistance] = [:]
        var leftOut: [String] = []
        var sum = 0.0
        // Sorted, so that the sum does not depend on the order in which a set lends its names.
        for name in names.sorted() {
            let (real, generated) = try statistics(name)
            guard let real, let generated, real.count >= 2, generated.count >= 2 else {
                leftOut.append(name)
                continue
            }
            do throws(PFrameError) {
                let distance = try FrechetDistance(real, generated)
                groups[name] = distance
                sum += distance.value
            } catch {
                throw PFrameError(error.code, path: error.path, "group \(name): \(error.message)")
            }
        }
        guard !groups.isEmpty else {
            throw PFrameError(
                .usage, "none of \(leftOut.count) groups has 2 real and 2 generated clips: give more clips")
        }
        self.groups = groups
        self.leftOut = leftOut
        value = sum / Double(groups.count)
    }
}

/// Features of clips, a row each, kept so that groups can be compared as well as all of them.
struct ClipFeatures {
    private var rows: [Float] = []
    private(set) var count = 0

    /// Numbers of a row.
    var dimension: Int { count > 0 ? rows.count / count : 0 }

    /// Adds the rows of further clips.
    mutating func add(_ features: [Float], clips: Int) throws(PFrameError) {
        let dimension = features.count / clips
        guard features.count == clips * dimension, (1...FeatureStatistics.largestDimension).contains(dimension),
            count == 0 || dimension == self.dimension
        else {
            throw PFrameError(
                .usage,
                "a network gave \(features.count) features for \(clips) clips: 1 to "
                    + "\(FeatureStatistics.largestDimension) a clip are expected, and of all clips as many")
        }
        rows += features
        count += clips
    }

    /// Statistics of some clips, nil of none.
    func statistics(_ clips: some Sequence<Int>) throws(PFrameError) -> FeatureStatistics? {
        var result: FeatureStatistics?
        for clip in clips {
            if result == nil { result = FeatureStatistics(dimension: dimension) }
            try result?.add(rows.span.extracting((clip * dimension)..<((clip + 1) * dimension)))
        }
        return result
    }

    /// The Fréchet distance of all clips.
    func distance(to generated: ClipFeatures) throws(PFrameError) -> Double {
        guard let one = try statistics(0..<count), let other = try generated.statistics(0..<generated.count) else {
            throw PFrameError(.usage, "there are no clips to compare")
        }
        return try FrechetDistance(one, other).value
    }

    /// The Fréchet distance within groups of clips.
    ///
    /// - Parameter groups: the group of each clip, nil for those that are in none.
    func distance(to generated: ClipFeatures, within groups: [String?]) throws(PFrameError) -> GroupedFrechetDistance {
        var members: [String: [Int]] = [:]
        for (clip, group) in groups.enumerated() {
            if let group { members[group, default: []].append(clip) }
        }
        return try GroupedFrechetDistance(Set(members.keys)) { name throws(PFrameError) in
            let clips = members[name] ?? []
            return (try statistics(clips), try generated.statistics(clips))
        }
    }
}
