import Figures
import Testing

/// Published examples of the formulas.
@Suite struct AgreementTests {
    @Test("Fleiss' example of fourteen psychiatrists") func kappa() throws {
        // Ten subjects, five categories, fourteen votes for each: κ is 0.210 (Fleiss 1971's formulas, P̄ 0.378).
        let counts = [
            [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1], [7, 7, 0, 0, 0],
            [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
        ]
        let kappa = try #require(Agreement.kappa(counts))
        #expect(abs(kappa - 0.210) < 5e-4)
    }

    @Test("full agreement is 1, votes for one category alone have no κ, and neither have no votes") func ends() {
        #expect(Agreement.kappa([[3, 0], [0, 2]]) == 1)
        #expect(Agreement.kappa([[3, 0], [2, 0]]) == nil)
        #expect(Agreement.kappa([]) == nil)
    }

    @Test(
        "Wilson's interval: Newcombe's examples (1998, table I)",
        arguments: [
            (81.0, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718),
        ])
    func interval(successes: Double, count: Int, low: Double, high: Double) {
        let interval = Agreement.interval(successes / Double(count), of: count)
        #expect(abs(interval[0] - low) < 6e-5 && abs(interval[1] - high) < 6e-5, "\(interval)")
    }
}
