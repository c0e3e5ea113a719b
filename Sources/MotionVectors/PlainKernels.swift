package import Codec
import Storage

/// The plain meaning of every kernel in CKernels, one pixel at a time: what tests and benchmarks compare with.
package enum PlainKernels {
    /// A pixel of the plane, the nearest edge pixel outside it.
    package static func pixel(_ plane: borrowing Plane, _ x: Int, _ y: Int) -> Int {
        let column = min(max(x, 0), plane.width - 1)
        let row = min(max(y, 0), plane.height - 1)
        return Int(plane.base[row * plane.stride + column])
    }

    /// H.264 luma sample interpolation, 8.4.2.2.1, at `(x, y)` in quarter pixels. The names are the standard's.
    package static func luma(_ plane: borrowing Plane, x: Int, y: Int) -> UInt8 {
        let (column, row) = (x >> 2, y >> 2)
        func tap(_ values: [Int]) -> Int {
            values[0] - 5 * values[1] + 20 * values[2] + 20 * values[3] - 5 * values[4] + values[5]
        }
        func clip(_ value: Int) -> Int { min(max(value, 0), 255) }
        func sumAcross(_ dy: Int) -> Int { tap((-2...3).map { pixel(plane, column + $0, row + dy) }) }
        func sumDown(_ dx: Int) -> Int { tap((-2...3).map { pixel(plane, column + dx, row + $0) }) }
        func whole(_ dx: Int, _ dy: Int) -> Int { pixel(plane, column + dx, row + dy) }
        func b(_ dy: Int = 0) -> Int { clip((sumAcross(dy) + 16) >> 5) }
        func h(_ dx: Int = 0) -> Int { clip((sumDown(dx) + 16) >> 5) }
        func j() -> Int { clip((tap((-2...3).map { sumAcross($0) }) + 512) >> 10) }
        func mean(_ a: Int, _ b: Int) -> Int { (a + b + 1) >> 1 }
        let value =
            switch (x & 3, y & 3) {
            case (0, 0): whole(0, 0)
            case (1, 0): mean(whole(0, 0), b())
            case (2, 0): b()
            case (3, 0): mean(b(), whole(1, 0))
            case (0, 1): mean(whole(0, 0), h())
            case (0, 2): h()
            case (0, 3): mean(h(), whole(0, 1))
            case (1, 1): mean(b(), h())
            case (2, 1): mean(b(), j())
            case (3, 1): mean(b(), h(1))
            case (1, 2): mean(h(), j())
            case (2, 2): j()
            case (3, 2): mean(j(), h(1))
            case (1, 3): mean(h(), b(1))
            case (2, 3): mean(j(), b(1))
            default: mean(b(1), h(1))
            }
        return UInt8(value)
    }

    /// H.264 chroma sample interpolation, 8.4.2.2.2, at `(x, y)` in eighth pixels.
    package static func chroma(_ plane: borrowing Plane, x: Int, y: Int) -> UInt8 {
        let (fx, fy, column, row) = (x & 7, y & 7, x >> 3, y >> 3)
        let top = (8 - fx) * pixel(plane, column, row) + fx * pixel(plane, column + 1, row)
        let bottom = (8 - fx) * pixel(plane, column, row + 1) + fx * pixel(plane, column + 1, row + 1)
        return UInt8(((8 - fy) * top + fy * bottom + 32) >> 6)
    }

    /// MPEG half-pel bilinear interpolation at `(x, y)` in half pixels.
    package static func half(_ plane: borrowing Plane, x: Int, y: Int, rounding: Int) -> UInt8 {
        let (fx, fy, column, row) = (x & 1, y & 1, x >> 1, y >> 1)
        let a = pixel(plane, column, row)
        let b = pixel(plane, column + 1, row)
        let c = pixel(plane, column, row + 1)
        let d = pixel(plane, column + 1, row + 1)
        return switch (fx, fy) {
        case (0, 0): UInt8(a)
        case (1, 0): UInt8((a + b + 1 - rounding) >> 1)
        case (0, 1): UInt8((a + c + 1 - rounding) >> 1)
        default: UInt8((a + b + c + d + 2 - rounding) >> 2)
        }
    }

    /// Sum of absolute differences of two blocks.
    package static func sad(
        _ a: UnsafePointer<UInt8>, _ aStride: Int, _ b: UnsafePointer<UInt8>, _ bStride: Int, _ w: Int, _ h: Int
    ) -> UInt32 {
        var sum: UInt32 = 0
        for row in 0..<h {
            for column in 0..<w {
                sum += UInt32(abs(Int32(a[row * aStride + column]) - Int32(b[row * bStride + column])))
            }
        }
        return sum
    }
}
