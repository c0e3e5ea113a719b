/// Features of clips, a row each, kept so that groups can be compared as well as all of them.
struct ClipFeatures {
    private var rows: [Float] = []
    private(set) var count = 0

    /// Numbers of a row.
    var dimension: Int { count > 0 ? rows.count / count : 0 }

    /// Adds the rows of further clips.
    mutating func add(_ features: [Float], clips: Int) throws(TrainError) {
        let dimension = features.count / clips
        guard features.count == clips * dimension, (1...FeatureStatistics.largestDimension).contains(dimension),
            count == 0 || dimension == self.dimension
        else {
            throw TrainError(
                "a network gave \(features.count) features for \(clips) clips: 1 to "
                    + "\(FeatureStatistics.largestDimension) a clip are expected, and of all clips as many")
        }
        rows += features
        count += clips
    }

    /// Statistics of some clips, nil of none.
    func statistics(_ clips: some Sequence<Int>) throws(TrainError) -> FeatureStatistics? {
        var result: FeatureStatistics?
        for clip in clips {
            if result == nil { result = FeatureStatistics(dimension: dimension) }
            try result?.add(rows.span.extracting((clip * dimension)..<((clip + 1) * dimension)))
        }
        return result
    }

    /// The Fréchet distance of all clips.
    func distance(to generated: ClipFeatures) throws(TrainError) -> Double {
        guard let one = try statistics(0..<count), let other = try generated.statistics(0..<generated.count) else {
            throw TrainError("there are no clips to compare")
        }
        return try FrechetDistance(one, other).value
    }

    /// The Fréchet distance within groups of clips.
    ///
    /// - Parameter groups: the group of each clip, nil for those that are in none.
    func distance(to generated: ClipFeatures, within groups: [String?]) throws(TrainError) -> GroupedFrechetDistance {
        var members: [String: [Int]] = [:]
        for (clip, group) in groups.enumerated() {
            if let group { members[group, default: []].append(clip) }
        }
        return try GroupedFrechetDistance(Set(members.keys)) { name throws(TrainError) in
            let clips = members[name] ?? []
            return (try statistics(clips), try generated.statistics(clips))
        }
    }
}
