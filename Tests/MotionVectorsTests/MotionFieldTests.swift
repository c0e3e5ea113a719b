import Codec
import MotionVectors
import Storage
import TestSupport
import Testing

@Suite struct MotionFieldTests {
    @Test(
        "a cell takes the vector that covers most of it",
        arguments: [Size(width: 64, height: 48), Size(width: 70, height: 50), Size(width: 8, height: 8)], [4, 8, 16])
    func coverage(size: Size, cellSize: Int) {
        var random = SplitMix64(seed: UInt64(size.width + cellSize))
        for count in [0, 1, 5, 60] {
            let rows = (0..<count).map { _ in randomRow(size, &random) }
            let field = MotionField(rows, size: size, cellSize: cellSize)
            #expect(field.columns == (size.width + cellSize - 1) / cellSize)
            #expect(field.rows == (size.height + cellSize - 1) / cellSize)
            #expect(field.vectors.count == field.columns * field.rows)
            for cell in field.vectors.indices {
                let (left, top) = (cell % field.columns * cellSize, cell / field.columns * cellSize)
                let best = plainChoice(rows, left, top, cellSize)
                #expect(field.mask[cell] == (best == nil ? 0 : 1))
                let vector = best.map {
                    SIMD2(Int16($0.motionX * 4 / $0.motionScale), Int16($0.motionY * 4 / $0.motionScale))
                }
                #expect(field.vectors[cell] == vector ?? .zero)
            }
        }
    }

    /// Counts the pixels of the cell that each block covers, one by one.
    private func plainChoice(_ rows: [MotionRow], _ left: Int, _ top: Int, _ cellSize: Int) -> MotionVector? {
        for list in [Int32(-1), 1] {
            var best: (pixels: Int, vector: MotionVector)?
            for vector in rows.map(\.vector) where vector.source == list {
                var pixels = 0
                for y in top..<top + cellSize {
                    for x in left..<left + cellSize {
                        let (u, v) = (
                            x - Int(vector.destinationX) + Int(vector.width) / 2,
                            y - Int(vector.destinationY) + Int(vector.height) / 2
                        )
                        if (0..<Int(vector.width)).contains(u), (0..<Int(vector.height)).contains(v) { pixels += 1 }
                    }
                }
                if pixels > best?.pixels ?? 0 { best = (pixels, vector) }
            }
            if let best { return best.vector }
        }
        return nil
    }

    private func randomRow(_ size: Size, _ random: inout SplitMix64) -> MotionRow {
        let (width, height) = (
            [4, 8, 16].randomElement(using: &random) ?? 8, [4, 8, 16].randomElement(using: &random) ?? 8
        )
        let x = Int.random(in: -2...size.width / 4, using: &random) * 4
        let y = Int.random(in: -2...size.height / 4, using: &random) * 4
        let scale: Int32 = Bool.random(using: &random) ? 4 : 2
        return MotionRow(
            frame: 3,
            vector: MotionVector(
                source: Bool.random(using: &random) ? -1 : 1, width: Int32(width), height: Int32(height), sourceX: 0,
                sourceY: 0, destinationX: Int32(x + width / 2), destinationY: Int32(y + height / 2),
                motionX: Int32.random(in: -90...90, using: &random),
                motionY: Int32.random(in: -90...90, using: &random),
                motionScale: scale))
    }

    @Test("whole-pixel fields become rows and fields again", arguments: [4, 8, 16], [(64, 48), (37, 21), (3, 3)])
    func rows(cellSize: Int, extent: (Int, Int)) {
        var random = SplitMix64(seed: 1)
        let size = Size(width: extent.0, height: extent.1)
        var field = MotionField(size: size, cellSize: cellSize)
        #expect(field.mask.allSatisfy { $0 == 0 })
        for cell in field.vectors.indices where Int.random(in: 0..<4, using: &random) > 0 {
            field.vectors[cell] = SIMD2(
                Int16.random(in: -20...20, using: &random) * 4, Int16.random(in: -20...20, using: &random) * 4)
            field.mask[cell] = 1
        }
        let rows = field.motionRows(frame: 7, reference: 6)
        #expect(rows.count == field.mask.count { $0 == 1 })
        #expect(rows.allSatisfy { $0.frame == 7 && $0.reference == 6 && $0.vector.motionScale == 4 })
        for row in rows {
            #expect(row.vector.left % cellSize == 0 && row.vector.top % cellSize == 0)
            #expect(row.vector.sourceX - row.vector.destinationX == row.vector.motionX / 4)
            #expect(row.vector.sourceY - row.vector.destinationY == row.vector.motionY / 4)
        }
        #expect(MotionField(rows, size: size, cellSize: cellSize) == field)
    }
}
