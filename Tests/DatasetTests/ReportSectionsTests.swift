import Dataset
import Testing

@Suite struct ReportSectionsTests {
    @Test(
        "examples are spread evenly",
        arguments: [(48, 1000), (48, 48), (48, 5), (1, 9), (0, 9), (3, 0), (7, 10_000_019)])
    func examples(count: Int, total: Int) {
        let numbers = ContactSheet.numbers(of: count, among: total)
        #expect(numbers.count == min(count, total) && numbers == Array(Set(numbers)).sorted())
        #expect(numbers.allSatisfy { (0..<total).contains($0) })
        let steps = zip(numbers, numbers.dropFirst()).map { $1 - $0 }
        #expect((steps.max() ?? 0) - (steps.min() ?? 0) <= 1)
    }

    @Test(
        "words are what stands between spaces",
        arguments: [
            ("", 0), ("  ", 0), ("one", 1), (" a  b\tc\nd ", 4), ("红色圆盘", 1), ("שלום עולם", 2), ("a\u{2003}b", 2),
        ])
    func words(caption: String, count: Int) {
        #expect(CaptionSection.words(in: caption) == count)
    }
}
