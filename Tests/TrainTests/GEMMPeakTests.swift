import Foundation
import Testing
import Train

/// The measurement of the machine's best matrix product.
@Suite struct GEMMPeakTests {
    /// It ends soon even where a product of the largest size would take minutes, in every precision.
    @Test(arguments: Precision.allCases) func endsSoon(precision: Precision) throws {
        let start = Date()
        let peak = try GEMMPeak.measure(precision, device: .cpu, seconds: 0.2)
        #expect(peak > 1e6 && peak.isFinite)
        // It is a tenth of a second where nothing else runs.
        #expect(Date().timeIntervalSince(start) < 60)
    }

    /// It asks before every product whether it should stop.
    @Test func stopsWhenAsked() throws {
        #expect(try GEMMPeak.measure(.float32, device: .cpu, shouldStop: { true }) == 0)
        var questions = 0
        let peak = try GEMMPeak.measure(.float32, device: .cpu, seconds: 1000) {
            questions += 1
            return questions == 3
        }
        #expect(questions == 3 && peak > 0)
    }

    /// The processor's own list says whether bfloat16 is emulated.
    @Test func knowsWhatIsEmulated() throws {
        let text = try String(contentsOf: URL(filePath: "/proc/cpuinfo"), encoding: .utf8)
        let flags = Set(text.split { " \n\t".contains($0) })
        let hasBFloat16 = !flags.isDisjoint(with: ["avx512_bf16", "amx_bf16", "bf16"])
        #expect(Device.cpu.emulates(.bfloat16) == !hasBFloat16)
        #expect(!Device.cpu.emulates(.float32))
    }
}
