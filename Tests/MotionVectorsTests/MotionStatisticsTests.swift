import Codec
import MotionVectors
import Testing

@Suite struct MotionStatisticsTests {
    private func row(
        _ x: Int, _ y: Int, width: Int32 = 16, height: Int32 = 16, motion: (Int32, Int32), scale: Int32 = 4,
        source: Int32 = -1
    ) -> MotionRow {
        MotionRow(
            frame: 0,
            vector: MotionVector(
                source: source, width: width, height: height, sourceX: 0, sourceY: 0,
                destinationX: Int32(x) + width / 2, destinationY: Int32(y) + height / 2, motionX: motion.0,
                motionY: motion.1, motionScale: scale))
    }

    @Test("nothing measures as nothing")
    func empty() {
        #expect(
            MotionStatistics([], size: Size(width: 64, height: 64))
                == MotionStatistics([], size: Size(width: 0, height: 0)))
        #expect(MotionStatistics.meanLength([]) == 0)
    }

    @Test("blocks count by their area")
    func weights() {
        // 3-4-5 triangles: 5 pixels over 256 of them, 10 over 64, none over 128.
        let rows = [
            row(0, 0, motion: (12, -16)), row(16, 0, width: 8, height: 8, motion: (24, 32)),
            row(16, 8, width: 8, height: 8, motion: (0, 0)), row(24, 0, width: 8, height: 8, motion: (0, 0)),
        ]
        let measured = MotionStatistics(rows, size: Size(width: 32, height: 32))
        #expect(measured.covered == 448.0 / 1024)
        #expect(abs(measured.meanLength - (5 * 256 + 10 * 64) / 448.0) < 1e-12)
        #expect(MotionStatistics.meanLength(rows) == measured.meanLength)
        #expect(abs(measured.moving - 320.0 / 448) < 1e-12)
    }

    @Test("half-pel vectors measure like quarter-pel ones")
    func units() {
        let (half, quarter) = (row(0, 0, motion: (6, 8), scale: 2), row(0, 0, motion: (12, 16)))
        let size = Size(width: 16, height: 16)
        #expect(MotionStatistics([half], size: size) == MotionStatistics([quarter], size: size))
        #expect(MotionStatistics.meanLength([half]) == 5)
    }

    @Test("two lists cover a picture once")
    func lists() {
        let rows = (0..<4).flatMap { index in
            [row(index * 16, 0, motion: (4, 0)), row(index * 16, 0, motion: (-4, 0), source: 1)]
        }
        let measured = MotionStatistics(rows, size: Size(width: 64, height: 16))
        #expect(measured.covered == 1)
        #expect(measured.moving == 1)
        #expect(measured.meanLength == 1)
    }

    @Test("a pan is global, its outliers are not", arguments: [(0, 1.0), (2, 0.875), (4, 0.75)])
    func global(outliers: Int, expected: Double) {
        let rows = (0..<16).map { index in
            row(index % 4 * 16, index / 4 * 16, motion: index < outliers ? (80, 0) : (-20 + Int32(index % 2) * 4, 12))
        }
        let measured = MotionStatistics(rows, size: Size(width: 64, height: 64))
        #expect(measured.global == expected)
        #expect(measured.covered == 1)
    }

    @Test("a vector moves from one pixel on", arguments: [(3, 0, 0.0), (4, 0, 1.0), (2, -3, 0.0), (-3, 3, 1.0)])
    func threshold(x: Int32, y: Int32, expected: Double) {
        #expect(MotionStatistics([row(0, 0, motion: (x, y))], size: Size(width: 16, height: 16)).moving == expected)
    }
}
