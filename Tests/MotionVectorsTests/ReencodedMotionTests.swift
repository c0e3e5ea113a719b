import Codec
import MotionVectors
import TestSupport
import Testing

@Suite struct ReencodedMotionTests {
    @Test(
        "the field of a panning texture is its motion",
        arguments: [(2, 0), (0, -4), (-6, 8), (12, -10), (15, 15)],
        [Size(width: 128, height: 96), Size(width: 121, height: 89)])
    func pan(shift: (x: Int, y: Int), size: Size) throws {
        let motion = try ReencodedMotion(size: size)
        for time in 0..<4 {
            let picture = try Picture.make(size) { x, y in clouds(x + shift.x * time, y + shift.y * time) }
            let field = try motion.next(picture)
            #expect((field == nil) == (time == 0))
            guard let field else { continue }
            #expect(field.columns == (size.width + 15) / 16 && field.rows == (size.height + 15) / 16)
            #expect(field.mask.allSatisfy { $0 == 1 })
            let (right, inside) = agreement(field, size, shift)
            #expect(inside >= 6)
            #expect(Double(right) >= 0.9 * Double(inside), "\(right) of \(inside)")
        }
        #expect(motion.blocks == 3 * ((size.width + 15) / 16) * ((size.height + 15) / 16))
        #expect(motion.replacedBlocks < motion.blocks / 2)
    }

    @Test("RGB frames move like their luma", arguments: [(4, -2), (-8, 6)])
    func rgb(dx: Int, dy: Int) throws {
        let size = Size(width: 128, height: 128)
        let motion = try ReencodedMotion(size: size)
        for time in 0..<3 {
            let pixels = (0..<size.width * size.height * 3).map {
                UInt8(grain($0 / 3 % size.width + dx * time, $0 / 3 / size.width + dy * time, seed: $0 % 3))
            }
            let image = RGBImage(width: size.width, height: size.height, pixels: pixels)
            let field = try motion.next(try image.yuv420p())
            #expect((field == nil) == (time == 0))
            guard let field else { continue }
            let (right, inside) = agreement(field, size, (dx, dy))
            #expect(inside >= 36)
            #expect(Double(right) >= 0.9 * Double(inside), "\(right) of \(inside)")
        }
    }

    @Test("vectors beyond the radius are searched again within it, and counted", arguments: [4, 0])
    func radius(radius: Int) throws {
        let size = Size(width: 128, height: 96)
        let motion = try ReencodedMotion(size: size, radius: radius)
        for time in 0..<3 {
            let field = try motion.next(try Picture.make(size) { x, y in grain(x + 9 * time, y) })
            #expect((field == nil) == (time == 0))
            guard let field else { continue }
            let limit = Int16(radius * 4)
            #expect(field.vectors.allSatisfy { abs($0.x) <= limit && abs($0.y) <= limit && $0 & 3 == .zero })
            #expect(field.mask.allSatisfy { $0 == 1 })
        }
        #expect(motion.blocks == 2 * 8 * 6)
        #expect(motion.replacedBlocks > motion.blocks * 3 / 4)
        #expect(motion.replacedBlocks <= motion.blocks)
    }

    @Test("intra blocks are filled by search: a new scene still has a whole field")
    func newScene() throws {
        let size = Size(width: 128, height: 96)
        let motion = try ReencodedMotion(size: size)
        _ = try motion.next(try Picture.make(size) { x, y in grain(x, y) })
        #expect(motion.blocks == 0)
        let still = try #require(try motion.next(try Picture.make(size) { x, y in grain(x, y) }))
        #expect(still.vectors.allSatisfy { $0 == .zero })
        #expect(motion.replacedBlocks == 0)
        let field = try #require(try motion.next(try Picture.make(size) { x, _ in x < 64 ? 20 : 230 }))
        #expect(field.mask.allSatisfy { $0 == 1 })
        #expect(motion.replacedBlocks > 24)
    }

    /// How many blocks whose source lies inside the picture have the true motion, and how many such blocks there are.
    private func agreement(_ field: MotionField, _ size: Size, _ shift: (x: Int, y: Int)) -> (right: Int, inside: Int) {
        var (right, inside) = (0, 0)
        for cell in field.vectors.indices {
            let (left, top) = (cell % field.columns * 16, cell / field.columns * 16)
            guard left + min(0, shift.x) >= 0, left + 16 + max(0, shift.x) <= size.width, top + min(0, shift.y) >= 0,
                top + 16 + max(0, shift.y) <= size.height
            else { continue }
            inside += 1
            if field.vectors[cell] == SIMD2(Int16(shift.x * 4), Int16(shift.y * 4)) { right += 1 }
        }
        return (right, inside)
    }
}
