import Figures
import MotionVectors
import Storage
import TestSupport
import Testing

@Suite struct MotionArrowsTests {
    /// `mv.npy` of int16 vectors `(T−1, rows, columns, 2)`.
    private func file(_ shape: [Int], _ values: [Int16]) -> [UInt8] {
        NPYHeader(type: .int16, shape: shape).bytes
            + values.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }
    }

    @Test("is the mean over time, in pixels, against the vectors")
    func mean() throws {
        var random = SplitMix64(seed: 5)
        let (times, rows, columns) = (15, 3, 4)
        let values = (0..<(times * rows * columns * 2)).map { _ in Int16.random(in: -60...60, using: &random) }
        let motion = try #require(MeanMotion(npy: file([times, rows, columns, 2], values)))
        #expect((motion.rows, motion.columns) == (rows, columns))
        for row in 0..<rows {
            for column in 0..<columns {
                for axis in 0..<2 {
                    let all = (0..<times).map { Double(values[(($0 * rows + row) * columns + column) * 2 + axis]) / 4 }
                    let mean = all.reduce(0, +) / Double(times)
                    #expect(abs(motion.vectors[row * columns + column][axis] + mean) < 1e-9)
                }
            }
        }
    }

    @Test("is none of files that are something else")
    func otherFiles() {
        #expect(MeanMotion(npy: []) == nil)
        #expect(MeanMotion(npy: Array("no array".utf8)) == nil)
        #expect(MeanMotion(npy: file([2, 3, 2], Array(repeating: 1, count: 12))) == nil)
        #expect(MeanMotion(npy: file([1, 2, 2, 2], Array(repeating: 1, count: 8)).dropLast()) == nil)
        #expect(MeanMotion(npy: file([0, 2, 2, 2], [])) == nil)
    }

    /// The points of each outline, in tenths of a pixel.
    private func arrows(_ html: HTML) -> [[SIMD2<Double>]] {
        guard let path = html.text.split(separator: " d=\"").last?.prefix(while: { $0 != "\"" }) else { return [] }
        return path.split(separator: "z").map { outline in
            outline.split { "ML".contains($0) }.map { point in
                let numbers = point.split(separator: " ").compactMap { Double($0) }
                return SIMD2(numbers[0], numbers[1])
            }
        }
    }

    @Test("point from the block to where its content moves")
    func direction() throws {
        var vectors = [SIMD2<Double>](repeating: .zero, count: 64)
        vectors[8 * 2 + 3] = SIMD2(-3, 0)
        vectors[8 * 5 + 6] = SIMD2(1, 2)
        let motion = MeanMotion(columns: 8, rows: 8, vectors: vectors)
        let drawing = MotionArrows(fitting: [motion])
        #expect(drawing.frames == 4)
        let drawn = arrows(drawing.html(motion))
        #expect(drawn.count == 2, "still blocks have none")
        let expected = [
            (SIMD2(3.5 * 160, 2.5 * 160), SIMD2(-120.0, 0)), (SIMD2(6.5 * 160, 5.5 * 160), SIMD2(40.0, 80)),
        ]
        for (outline, (tail, arrow)) in zip(drawn, expected) {
            try #require(outline.count == 7)
            let middle = (outline[0] + outline[6]) / 2
            #expect(abs(middle.x - tail.x) <= 1 && abs(middle.y - tail.y) <= 1)
            let tip = outline[3] - tail
            #expect(abs(tip.x - arrow.x) <= 1 && abs(tip.y - arrow.y) <= 1)
        }
    }

    @Test("are at most ten along a side", arguments: [(8, 8), (16, 16), (40, 30), (80, 45), (11, 3)])
    func density(columns: Int, rows: Int) {
        let vectors = [SIMD2<Double>](repeating: SIMD2(6, 6), count: columns * rows)
        let motion = MeanMotion(columns: columns, rows: rows, vectors: vectors)
        let drawn = arrows(MotionArrows(fitting: [motion]).html(motion))
        #expect(!drawn.isEmpty && drawn.count <= 100)
        #expect(Set(drawn.map { $0[0].x }).count <= 10 && Set(drawn.map { $0[0].y }).count <= 10)
    }

    @Test("a still clip has none")
    func still() {
        let motion = MeanMotion(columns: 2, rows: 2, vectors: Array(repeating: .zero, count: 4))
        #expect(MotionArrows(fitting: [motion]).html(motion) == "")
        #expect(MotionArrows(fitting: []).frames == 1)
    }
}
