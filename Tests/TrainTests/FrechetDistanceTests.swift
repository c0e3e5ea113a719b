import Storage
import Testing
import Train

/// Statistics of features against numpy's, and Fréchet distances against scipy's and an eigenvalue-free reference.
@Suite struct FrechetDistanceTests {
    @Test func statisticsEqualNumpy() throws {
        let wanted = try MetricInputs.expected().statistics
        let found = try MetricInputs.statistics(64, 8, seed: 11)
        #expect(found.count == 64 && found.mean.count == 8 && wanted.mean.count == 8)
        for (found, wanted) in zip(found.mean, wanted.mean) { #expect(isClose(found, wanted, 1e-12)) }
        #expect(found.covariance.count == wanted.covariance.count)
        for (found, wanted) in zip(found.covariance, wanted.covariance) { #expect(isClose(found, wanted, 1e-12)) }
    }

    /// Batches of every length, on three workers, far from the origin, where a sum of squares would lose digits.
    @Test(arguments: [1, 2, 7, 64, 1000]) func batchesAndMergedPartsEqualTheWhole(_ batch: Int) throws {
        let dimension = 5
        let rows = MetricInputs.features(210, dimension, seed: 61).map { $0 + 4096 }
        var parts = (0..<3).map { _ in FeatureStatistics(dimension: dimension) }
        for (number, start) in stride(from: 0, to: 210, by: batch).enumerated() {
            let values = Array(rows[(start * dimension)..<(min(210, start + batch) * dimension)])
            try parts[number % 3].add(values.span)
        }
        var merged = FeatureStatistics(dimension: dimension)
        for part in parts { merged.merge(part) }
        #expect(merged.count == 210 && merged.mean.count == 5 && merged.covariance.count == 25)
        let (mean, covariance) = plain(rows.map(Double.init), dimension)
        for (found, wanted) in zip(merged.mean, mean) { #expect(isClose(found, wanted, 1e-13)) }
        for (found, wanted) in zip(merged.covariance, covariance) { #expect(isClose(found, wanted, 1e-10)) }
    }

    /// More rows than are brought to double at a time.
    @Test func manyRowsEqualThePlainSum() throws {
        let rows = MetricInputs.features(700, 1200, seed: 62)
        let found = try MetricInputs.statistics(700, 1200, seed: 62).covariance
        let values = rows.map(Double.init)
        for (row, column) in [(0, 0), (3, 1100), (1100, 3), (1199, 1199), (600, 601)] {
            func mean(_ column: Int) -> Double { (0..<700).reduce(0) { $0 + values[$1 * 1200 + column] } / 700 }
            let (meanRow, meanColumn) = (mean(row), mean(column))
            let sum = (0..<700).reduce(0) {
                $0 + (values[$1 * 1200 + row] - meanRow) * (values[$1 * 1200 + column] - meanColumn)
            }
            #expect(isClose(found[row * 1200 + column], sum / 699, 1e-12))
        }
    }

    @Test(arguments: try MetricInputs.expected().frechet) func equalsTheReferences(
        _ wanted: MetricInputs.Frechet
    ) throws {
        let sides = try [wanted.real, wanted.generated].map {
            try MetricInputs.statistics($0[0], wanted.dimension, seed: $0[1], shift: $0[2])
        }
        let found = try FrechetDistance(sides[0], sides[1])
        #expect(isClose(found.value, wanted.distance, 1e-9), "\(found.value), not \(wanted.distance)")
        if let sqrtm = wanted.sqrtm { #expect(isClose(found.value, sqrtm, 1e-9)) }
        #expect(isClose(try FrechetDistance(sides[1], sides[0]).value, found.value, 1e-9))
        #expect(abs(try FrechetDistance(sides[0], sides[0]).value) < 1e-9)
    }

    /// Features that never vary: no covariance at all, and a distance of the means alone.
    @Test func constantFeaturesDifferByTheirMeans() throws {
        var (one, other) = (FeatureStatistics(dimension: 3), FeatureStatistics(dimension: 3))
        try one.add(([1, 2, 3, 1, 2, 3] as [Float]).span)
        try other.add(([1, 2, 7, 1, 2, 7, 1, 2, 7] as [Float]).span)
        let distance = try FrechetDistance(one, other)
        #expect(distance.means == 16 && distance.covariances == 0 && distance.value == 16)
    }

    @Test func refusesTooFewRowsAndOtherDimensions() throws {
        let (one, two) = (try MetricInputs.statistics(1, 3, seed: 1), try MetricInputs.statistics(2, 3, seed: 2))
        let error = #expect(throws: PFrameError.self) { try FrechetDistance(two, one) }
        #expect(error?.message.contains("1 generated clips") == true)
        #expect(throws: PFrameError.self) { try FrechetDistance(FeatureStatistics(dimension: 3), two) }
        let wide = try MetricInputs.statistics(4, 5, seed: 3)
        #expect(throws: PFrameError.self) { try FrechetDistance(two, wide) }
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity]) func refusesWhatIsNotFiniteAndKeepsTheRest(
        _ value: Float
    ) throws {
        var statistics = try MetricInputs.statistics(6, 4, seed: 4)
        let before = (statistics.mean, statistics.covariance)
        var rows = MetricInputs.features(3, 4, seed: 5)
        rows[9] = value
        let error = #expect(throws: PFrameError.self) { try statistics.add(rows.span) }
        #expect(error?.message.contains("feature 1 of row 8 is \(value)") == true)
        #expect(statistics.count == 6 && statistics.mean == before.0 && statistics.covariance == before.1)
        #expect(throws: PFrameError.self) { try statistics.add(([1, 2, 3] as [Float]).span) }
    }

    @Test func groupsAreAveragedAndSmallOnesNamed() throws {
        let wanted = try MetricInputs.expected().groups
        var (real, generated): ([String: FeatureStatistics], [String: FeatureStatistics]) = ([:], [:])
        for sides in wanted.sides {
            real[sides.name] = try sides.real.map { try MetricInputs.statistics($0[0], wanted.dimension, seed: $0[1]) }
            generated[sides.name] = try sides.generated.map {
                try MetricInputs.statistics($0[0], wanted.dimension, seed: $0[1])
            }
        }
        let found = try GroupedFrechetDistance(real, generated)
        #expect(found.groups.keys.sorted() == wanted.distances.keys.sorted())
        for (name, distance) in wanted.distances {
            #expect(isClose(try #require(found.groups[name]).value, distance, 1e-9), "\(name)")
        }
        #expect(isClose(found.value, wanted.mean, 1e-9))
        #expect(found.leftOut == ["star", "wave"])
        #expect(throws: PFrameError.self) { try GroupedFrechetDistance(real.filter { $0.key == "star" }, generated) }
        generated["square"] = try MetricInputs.statistics(4, 3, seed: 1)
        let error = #expect(throws: PFrameError.self) { try GroupedFrechetDistance(real, generated) }
        #expect(error?.message.contains("square") == true)
    }

    /// Mean and covariance as they are defined.
    private func plain(_ rows: [Double], _ dimension: Int) -> ([Double], [Double]) {
        let count = rows.count / dimension
        let mean = (0..<dimension).map { feature in
            (0..<count).reduce(0) { $0 + rows[$1 * dimension + feature] } / Double(count)
        }
        let covariance = (0..<dimension * dimension).map { index in
            let (row, column) = (index / dimension, index % dimension)
            return (0..<count).reduce(0) {
                $0 + (rows[$1 * dimension + row] - mean[row]) * (rows[$1 * dimension + column] - mean[column])
            } / Double(count - 1)
        }
        return (mean, covariance)
    }
}
