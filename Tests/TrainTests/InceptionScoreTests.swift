import Foundation
import Storage
import Testing
import Train

/// Inception scores against numpy's, and against the values that answers of one kind must have.
@Suite struct InceptionScoreTests {
    @Test(arguments: 0..<3) func equalsNumpy(_ number: Int) throws {
        let wanted = try MetricInputs.expected().inception[number]
        let logits = MetricInputs.logits(wanted.rows, wanted.classes, seed: wanted.seed)
        let found = try InceptionScore(logits: logits.span, classes: wanted.classes, splits: wanted.splits)
        #expect(found.splits.count == wanted.splits)
        #expect(isClose(found.mean, wanted.mean, 1e-10) && isClose(found.deviation, wanted.deviation, 1e-10))
        let probabilities = stride(from: 0, to: logits.count, by: wanted.classes).flatMap { start -> [Float] in
            let powers = logits[start..<(start + wanted.classes)].map { exp(Double($0)) }
            let sum = powers.reduce(0, +)
            return powers.map { Float($0 / sum) }
        }
        let again = try InceptionScore(
            probabilities: probabilities.span, classes: wanted.classes, splits: wanted.splits)
        #expect(isClose(again.mean, wanted.mean, 1e-6))
    }

    @Test func isTheNumberOfClassesForSureAndVariedAnswersAndOneForEqualOnes() throws {
        let sure = (0..<20).flatMap { row in (0..<4).map { Float($0 == row % 4 ? 1 : 0) } }
        #expect(isClose(try InceptionScore(probabilities: sure.span, classes: 4, splits: 5).mean, 4, 1e-12))
        // Logits whose powers would overflow.
        let large = sure.map { $0 * 3e38 }
        #expect(isClose(try InceptionScore(logits: large.span, classes: 4, splits: 1).mean, 4, 1e-12))
        let equal = (0..<20).flatMap { _ in [0.5, 0.25, 0.25] as [Float] }
        #expect(isClose(try InceptionScore(probabilities: equal.span, classes: 3, splits: 2).mean, 1, 1e-12))
    }

    @Test(arguments: [[0.5, 0.6], [1.5, -0.5], [.nan, 0.5], [0.5]] as [[Float]]) func refusesNoProbabilities(
        _ row: [Float]
    ) {
        #expect(throws: PFrameError.self) { try InceptionScore(probabilities: row.span, classes: 2, splits: 1) }
    }

    @Test func refusesLogitsThatAreNotFiniteAndTooFewSamples() {
        let logits: [Float] = [1, 2, 3, .infinity]
        let error = #expect(throws: PFrameError.self) { try InceptionScore(logits: logits.span, classes: 2, splits: 1) }
        #expect(error?.message.contains("sample 1") == true)
        #expect(throws: PFrameError.self) { try InceptionScore(logits: logits.span, classes: 2, splits: 3) }
    }
}
