/// The Fréchet distance within each of several groups of clips, and its mean: cFVD where a group is a class label, sFVD
/// where it is a subject, that is a first frame (Ni et al., 2023, "Conditional Image-to-Video Generation with Latent Flow
/// Diffusion Models").
///
/// The plain mean over the groups: a group of 10 clips counts as much as one of 1,000. Groups with fewer than two clips
/// on either side have no covariance; they are left out and named.
public struct GroupedFrechetDistance: Sendable, Equatable {
    /// The distance within each group that counts.
    public let groups: [String: FrechetDistance]
    /// The groups that have fewer than two clips on one side or both, sorted.
    public let leftOut: [String]
    /// The mean of d² over `groups`.
    public let value: Double

    /// Compares the groups of the same name.
    ///
    /// - Throws: if no group has two clips on both sides, or dimensions differ, naming the group.
    public init(
        _ real: [String: FeatureStatistics], _ generated: [String: FeatureStatistics]
    ) throws(TrainError) {
        try self.init(Set(real.keys).union(generated.keys)) { (real[$0], generated[$0]) }
    }

    /// Compares groups one after the other, so that there need be memory for the statistics of one alone.
    ///
    /// - Parameters:
    ///   - names: of the groups.
    ///   - statistics: of a group's real and generated clips, nil if there are none.
    /// - Throws: if no group has two clips on both sides, or dimensions differ, naming the group.
    public init(
        _ names: Set<String>,
        statistics: (String) throws(TrainError) -> (real: FeatureStatistics?, generated: FeatureStatistics?)
    ) throws(TrainError) {
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
            do throws(TrainError) {
                let distance = try FrechetDistance(real, generated)
                groups[name] = distance
                sum += distance.value
            } catch {
                throw TrainError(path: error.path, "group \(name): \(error.message)")
            }
        }
        guard !groups.isEmpty else {
            throw TrainError("none of \(leftOut.count) groups has 2 real and 2 generated clips: give more clips")
        }
        self.groups = groups
        self.leftOut = leftOut
        value = sum / Double(groups.count)
    }
}
