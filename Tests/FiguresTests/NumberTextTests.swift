import Figures
import Foundation
import Storage
import Testing

@Suite struct NumberTextTests {
    @Test(
        "numbers are short and the same everywhere",
        arguments: [
            (0, "0"), (1, "1"), (0.5, "0.5"), (0.012345, "0.0123"), (27, "27"), (12_345.6, "12,346"), (0.999_9, "1"),
            (-3.14159, "−3.14"), (1e-6, "1e-6"), (2.5e20, "2.5e20"), (.nan, "–"), (.infinity, "–"), (99.95, "100"),
            (1_000_000, "1,000,000"), (-0.0001, "−0.0001"),
        ] as [(Double, String)])
    func numbers(value: Double, text: String) {
        #expect(NumberText.short(value) == text)
    }

    @Test("shares, counts, sizes and lengths read well")
    func units() {
        #expect(NumberText.percent(0, of: 7) == "0 %" && NumberText.percent(7, of: 7) == "100 %")
        #expect(NumberText.percent(1, of: 10_000_000) == "< 0.1 %" && NumberText.percent(1, of: 0) == "–")
        #expect(NumberText.percent(9_999_999, of: 10_000_000) == "> 99.9 %" && NumberText.percent(1, of: 3) == "33 %")
        #expect(NumberText.percent(997, of: 1000) == "99.7 %" && NumberText.percent(1, of: 30) == "3.3 %")
        #expect(
            NumberText.tick(9_999) == "9,999" && NumberText.tick(25_000) == "25k" && NumberText.tick(3_000_000) == "3M")
        #expect(
            NumberText.bytes(1) == "1 byte" && NumberText.bytes(999) == "999 bytes"
                && NumberText.bytes(1500) == "1.5 kB")
        #expect(NumberText.duration(41.25) == "41.3 s" && NumberText.duration(3600 * 12.4) == "12.4 h")
        #expect(["0", "0.1", "-0.1", "12", "-12.5"] == [0.04, 0.05, -0.12, 12, -12.5].map(NumberText.coordinate))
    }

    @Test(
        "decimals are those that printf writes, without a sign before zero",
        arguments: [0, 1, 2, 3], [0, 0.004, 1.26, -0.004, -3.7, 999.999, 1234.5678, -98_765.4321, 1e9])
    func decimals(count: Int, value: Double) {
        let printed = String(format: "%.\(count)f", value)
        let plain = NumberText.plain(value, count)
        #expect(plain == (printed.contains { ("1"..."9").contains($0) } ? printed : printed.filter { $0 != "-" }))
        let grouped = NumberText.fixed(value, count)
        #expect(String(grouped.map { $0 == "−" ? "-" : $0 }.filter { $0 != "," }) == plain)
        let groups = grouped.prefix { $0 != "." }.split { $0 == "," }
        #expect(groups.dropFirst().allSatisfy { $0.count == 3 })
    }

    @Test("times are those of a clock", arguments: [(0, "0:00"), (59.6, "1:00"), (3723, "1:02:03"), (.nan, "0:00")])
    func clock(seconds: Double, text: String) {
        #expect(NumberText.clock(seconds) == text)
    }
}
