import Dataset
import Storage
import SystemPackage
import TestSupport
import Testing

/// Cuts of made-up content values against those that PySceneDetect itself finds (Tests/Peers/scenedetect_cuts.py).
@Suite struct CutDetectorTests {
    /// A row of `cuts-of-sequences.csv`.
    struct Expected: Sendable, CustomTestStringConvertible {
        let rule: CutRule
        let values: [Double]
        let ratios: [Double?]
        let cuts: [Int]

        var testDescription: String { "\(rule), \(values.count) values" }

        init?(_ line: Substring) {
            let fields = line.split(separator: ",", omittingEmptySubsequences: false)
            guard fields.count == 6, let measure = CutRule.Measure(rawValue: String(fields[1])),
                let threshold = Double(fields[2])
            else { return nil }
            let shortest = fields[3]
            let length: CutRule.Length? =
                shortest.hasSuffix("s")
                ? Double(shortest.dropLast()).map { .seconds($0) } : Int(shortest).map { .frames($0) }
            guard let length else { return nil }
            rule = CutRule(measure, threshold: threshold, shortest: length)
            values = fields[0].split(separator: " ").compactMap { Double($0) }
            ratios = fields[4].split(separator: " ").map { Double($0) }
            cuts = fields[5].split(separator: " ").compactMap { Int($0) }
        }
    }

    private static let rows =
        (try? contents(of: repository.appending("fixtures/cuts-of-sequences.csv")))
        .map { String(decoding: $0, as: UTF8.self).split(separator: "\n").compactMap { Expected($0) } } ?? []

    @Test func thereAreExpectedCuts() {
        #expect(Self.rows.count == 112 && Self.rows.count { $0.cuts.count > 2 } > 20)
    }

    @Test(arguments: rows) func cutsAreThoseOfPySceneDetect(_ row: Expected) throws {
        var detector = CutDetector(row.rule)
        var verdicts: [CutDetector.Verdict] = []
        for (index, value) in row.values.enumerated() {
            if let verdict = detector.add(value, at: Double(index) / 25) { verdicts.append(verdict) }
        }
        #expect(verdicts.count == max(0, row.values.count - detector.delay))
        #expect(verdicts.indices.filter { verdicts[$0].isCut } == row.cuts)
        guard row.rule.measure == .adaptive else {
            #expect(verdicts.allSatisfy { $0.ratio == nil })
            return
        }
        for (index, expected) in row.ratios.enumerated() {
            let found = verdicts.indices.contains(index) ? verdicts[index].ratio : nil
            #expect((found == nil) == (expected == nil), "picture \(index)")
            if let found, let expected { #expect(abs(found - expected) < 1e-5, "picture \(index)") }
        }
    }

    @Test(
        arguments: [
            CutRule(threshold: 0), CutRule(threshold: 256), CutRule(threshold: .nan), CutRule(shortest: .frames(-1)),
            CutRule(shortest: .seconds(-0.1)), CutRule(shortest: .seconds(.infinity)),
        ])
    func rulesWithoutSenseAreRefused(_ rule: CutRule) {
        #expect(throws: PFrameError.self) { try rule.validate() }
    }
}
