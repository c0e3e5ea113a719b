import Storage
import Testing
import Train

/// End-point errors and motion features against numpy's.
@Suite struct EndpointErrorTests {
    @Test(arguments: 0..<3) func equalsNumpy(_ number: Int) throws {
        let wanted = try MetricInputs.expected().motion[number]
        let one = MetricInputs.motion(wanted, seed: wanted.seed, drift: wanted.drift)
        let other = MetricInputs.motion(wanted, seed: wanted.seed + 100, drift: 0)
        let found = try EndpointError(one.span, reference: other.span, fields: wanted.fields)
        #expect(isClose(found.clip, wanted.error, 1e-12))
        #expect(found.fields.count == wanted.fieldErrors.count)
        for (found, wanted) in zip(found.fields, wanted.fieldErrors) { #expect(isClose(found, wanted, 1e-12)) }
        #expect(try EndpointError(one.span, reference: one.span, fields: wanted.fields).clip == 0)
    }

    @Test func measuresPixelsUpToTheLargestVectors() throws {
        let (one, other): ([Int16], [Int16]) = ([12, -16, .max, 0], [0, 0, .min, 0])
        #expect(try EndpointError(one.span, reference: other.span, fields: 2).fields == [5, 65_535 / 4])
    }

    @Test func refusesOtherShapes() {
        let (one, other): ([Int16], [Int16]) = ([1, 2, 3, 4], [1, 2])
        #expect(throws: PFrameError.self) { try EndpointError(one.span, reference: other.span, fields: 1) }
        #expect(throws: PFrameError.self) { try EndpointError(one.span, reference: one.span, fields: 3) }
        #expect(throws: PFrameError.self) {
            try MotionStatisticsFeatures(one.span, fields: 1, rows: 1, columns: 1, cellSize: 16)
        }
    }

    @Test(arguments: 0..<3) func featuresEqualNumpy(_ number: Int) throws {
        let wanted = try MetricInputs.expected().motion[number]
        let found = try MotionStatisticsFeatures(
            MetricInputs.motion(wanted, seed: wanted.seed, drift: wanted.drift).span, fields: wanted.fields,
            rows: wanted.rows, columns: wanted.columns, cellSize: 16)
        #expect(found.values.count == MotionStatisticsFeatures.dimension)
        for (place, (found, wanted)) in zip(found.values, wanted.features).enumerated() {
            #expect(isClose(Double(found), wanted, 1e-6), "place \(place)")
        }
    }

    @Test func featuresOfStillAndOfShiftedClips() throws {
        let still = try MotionStatisticsFeatures(
            [Int16](repeating: 0, count: 3 * 4 * 6 * 2).span, fields: 3, rows: 4, columns: 6, cellSize: 8)
        #expect(still.values == [Float](repeating: 0, count: 16) + [24, 16, 24, 16])
        // Everything comes from 3 pixels above: dy −3, bin 6.
        let pan = (0..<3 * 4 * 6).flatMap { _ in [0, -12] as [Int16] }
        let shifted = try MotionStatisticsFeatures(pan.span, fields: 3, rows: 4, columns: 6, cellSize: 8)
        #expect(shifted.values == [0, -3, 0, 0, 3, 1, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 24, 16, 24, 16])
    }

    /// What the features are for: clips that move alike are nearer than clips that move otherwise.
    @Test func likeMotionIsNearerThanOtherMotion() throws {
        let shape = try MetricInputs.expected().motion[0]
        func statistics(_ seed: UInt64, drift: Int) throws -> FeatureStatistics {
            var statistics = FeatureStatistics(dimension: MotionStatisticsFeatures.dimension)
            for clip in 0..<30 {
                let motion = MetricInputs.motion(shape, seed: seed + UInt64(clip), drift: drift)
                let features = try MotionStatisticsFeatures(
                    motion.span, fields: shape.fields, rows: shape.rows, columns: shape.columns, cellSize: 16)
                try statistics.add(features.values.span)
            }
            return statistics
        }
        let real = try statistics(1000, drift: 2)
        let near = try FrechetDistance(real, statistics(2000, drift: 2)).value
        let far = try FrechetDistance(real, statistics(3000, drift: -2)).value
        #expect(near >= 0 && near * 5 < far)
    }
}
