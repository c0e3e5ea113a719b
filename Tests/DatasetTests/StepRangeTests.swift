import Dataset
import Testing

/// Whether frames lie evenly, and which rates are even, against a search through all pictures of a source.
@Suite struct StepRangeTests {
    @Test func rangesAreThoseOfTheSteps() {
        #expect(StepRange([]).range == nil && StepRange([3]).range == nil && StepRange([3]).isEven)
        #expect(StepRange([1, 1.5, 2, 2.25]).range == 0.25...0.5)
        #expect(StepRange([1, 1.5, 2, 2.25]).ratio == 2)
        #expect(StepRange([0, 0, 1]).ratio == .infinity && !StepRange([0, 0, 1]).isEven)
        #expect(StepRange([5, 5, 5]).isEven)
        // Matroska's times of 60 frames per second.
        #expect(StepRange([0, 0.017, 0.033, 0.050, 0.067]).isEven)
        #expect(!StepRange([0, 0.1, 0.25]).isEven)
    }

    @Test(arguments: [10.0, 12.5, 15, 20, 23.976, 24, 25, 29.97, 30, 48, 50, 59.94, 60, 120, 240])
    func proposedRatesAreEvenAndNearest(_ source: Double) {
        let times = (0..<6000).map { Double($0) / source }
        func taken(_ rate: Double) -> StepRange {
            let instants = (0..<24).map { Double($0) / rate }
            return StepRange(instants.map { instant in times.min { abs($0 - instant) < abs($1 - instant) } ?? 0 })
        }
        for wanted in [1.0, 5, 7, 8, 10, 12, 15, 24, 25, 30] {
            let divisors = EvenRates.divisors(near: wanted, sourceRate: source)
            #expect((1...2).contains(divisors.count))
            for divisor in divisors { #expect(taken(source / Double(divisor)).isEven, "\(wanted) of \(source)") }
            // No even rate lies between the proposed ones and the one that is wanted.
            let rates = divisors.map { source / Double($0) }
            let nearest = (1...300).map { source / Double($0) }.min { abs($0 - wanted) < abs($1 - wanted) }
            #expect(rates.contains { $0 == nearest }, "\(wanted) of \(source): \(rates)")
        }
    }
}
