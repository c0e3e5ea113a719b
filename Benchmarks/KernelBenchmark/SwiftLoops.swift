/// The kernels once more, as straightforward Swift loops over pointers with wrapping arithmetic, which the compiler is
/// free to vectorise: what the C kernels must beat to be worth having. They read inside the plane only.
enum SwiftLoops {
    typealias Pixels = UnsafePointer<UInt8>
    typealias Output = UnsafeMutablePointer<UInt8>

    private static let wide = 16

    /// H.264 luma: `origin` is the whole-pixel position, (fx, fy) the quarter-pixel phase.
    @inline(never)
    static func luma(
        _ out: Output, _ outStride: Int, _ origin: Pixels, _ stride: Int, _ fx: Int, _ fy: Int, _ w: Int, _ h: Int
    ) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: wide * wide) { buffer in
            guard let other = buffer.baseAddress else { return }
            let (right, down) = (origin + (fx == 3 ? 1 : 0), origin + (fy == 3 ? stride : 0))
            switch (fx, fy) {
            case (0, 0):
                for row in 0..<h { (out + row * outStride).update(from: origin + row * stride, count: w) }
                return
            case (_, 0): half(out, outStride, origin, stride, 1, w, h)
            case (0, _): half(out, outStride, origin, stride, stride, w, h)
            case (2, _), (_, 2): centre(out, outStride, origin, stride, w, h)
            default: half(out, outStride, down, stride, 1, w, h)
            }
            switch (fx, fy) {
            case (2, 0), (0, 2), (2, 2): return
            case (_, 0): average(out, outStride, right, stride, w, h)
            case (0, _): average(out, outStride, down, stride, w, h)
            case (2, _):
                half(other, wide, down, stride, 1, w, h)
                average(out, outStride, other, wide, w, h)
            default:
                half(other, wide, right, stride, stride, w, h)
                average(out, outStride, other, wide, w, h)
            }
        }
    }

    /// H.264 chroma: (fx, fy) is the eighth-pixel phase.
    @inline(never)
    static func chroma(
        _ out: Output, _ outStride: Int, _ origin: Pixels, _ stride: Int, _ fx: Int, _ fy: Int, _ w: Int, _ h: Int
    ) {
        let (a, b) = (UInt16((8 - fx) * (8 - fy)), UInt16(fx * (8 - fy)))
        let (c, d) = (UInt16((8 - fx) * fy), UInt16(fx * fy))
        for row in 0..<h {
            let (line, target) = (origin + row * stride, out + row * outStride)
            for x in 0..<w {
                let top = a &* UInt16(line[x]) &+ b &* UInt16(line[x + 1])
                let bottom = c &* UInt16(line[x + stride]) &+ d &* UInt16(line[x + stride + 1])
                target[x] = UInt8(truncatingIfNeeded: (top &+ bottom &+ 32) &>> 6)
            }
        }
    }

    /// MPEG half-pel, rounding 0, both phases 1.
    @inline(never)
    static func halfPel(_ out: Output, _ outStride: Int, _ origin: Pixels, _ stride: Int, _ w: Int, _ h: Int) {
        for row in 0..<h {
            let (line, target) = (origin + row * stride, out + row * outStride)
            for x in 0..<w {
                let top = UInt16(line[x]) &+ UInt16(line[x + 1])
                let bottom = UInt16(line[x + stride]) &+ UInt16(line[x + stride + 1])
                target[x] = UInt8(truncatingIfNeeded: (top &+ bottom &+ 2) &>> 2)
            }
        }
    }

    /// (a + b + 1) >> 1.
    @inline(never)
    static func average(_ out: Output, _ a: Pixels, _ aStride: Int, _ b: Pixels, _ bStride: Int, _ w: Int, _ h: Int) {
        for row in 0..<h {
            let (first, second, target) = (a + row * aStride, b + row * bStride, out + row * wide)
            for x in 0..<w { target[x] = mean(first[x], second[x]) }
        }
    }

    /// Sum of absolute differences.
    @inline(never)
    static func sad(_ a: Pixels, _ aStride: Int, _ b: Pixels, _ bStride: Int, _ w: Int, _ h: Int) -> UInt32 {
        var sum: UInt32 = 0
        for row in 0..<h {
            let (first, second) = (a + row * aStride, b + row * bStride)
            for x in 0..<w { sum &+= distance(first[x], second[x]) }
        }
        return sum
    }

    /// Sum of absolute differences to the average of two blocks.
    @inline(never)
    static func sadAverage(
        _ block: Pixels, _ a: Pixels, _ b: Pixels, _ stride: Int, _ w: Int, _ h: Int
    ) -> UInt32 {
        var sum: UInt32 = 0
        for row in 0..<h {
            let (target, first, second) = (block + row * stride, a + row * stride, b + row * stride)
            for x in 0..<w { sum &+= distance(target[x], mean(first[x], second[x])) }
        }
        return sum
    }

    /// residual = frame − prediction.
    @inline(never)
    static func subtract(_ residual: UnsafeMutablePointer<Int16>, _ frame: Pixels, _ prediction: Pixels, _ count: Int) {
        for x in 0..<count { residual[x] = Int16(frame[x]) &- Int16(prediction[x]) }
    }

    /// frame = prediction + residual modulo 256.
    @inline(never)
    static func add(_ frame: Output, _ prediction: Pixels, _ residual: UnsafePointer<Int16>, _ count: Int) {
        for x in 0..<count { frame[x] = UInt8(truncatingIfNeeded: Int16(prediction[x]) &+ residual[x]) }
    }

    /// Sum of absolute values.
    @inline(never)
    static func sumOfMagnitudes(_ values: UnsafePointer<Int16>, _ count: Int) -> UInt64 {
        var sum: UInt64 = 0
        for x in 0..<count { sum &+= UInt64(values[x].magnitude) }
        return sum
    }

    @inline(__always)
    private static func mean(_ a: UInt8, _ b: UInt8) -> UInt8 {
        UInt8(truncatingIfNeeded: (UInt16(a) &+ UInt16(b) &+ 1) &>> 1)
    }

    @inline(__always)
    private static func distance(_ a: UInt8, _ b: UInt8) -> UInt32 {
        UInt32(truncatingIfNeeded: abs(Int32(a) &- Int32(b)))
    }

    /// The 6-tap filter on pixels: −2550…10710 fits in 16 bits.
    @inline(__always)
    private static func six(_ p: Pixels, _ step: Int) -> Int16 {
        let near = Int16(p[0]) &+ Int16(p[step])
        let mid = Int16(p[-step]) &+ Int16(p[2 * step])
        let far = Int16(p[-2 * step]) &+ Int16(p[3 * step])
        return near &* 20 &- mid &* 5 &+ far
    }

    /// The 6-tap filter on sums of the first.
    @inline(__always)
    private static func six(_ p: UnsafePointer<Int16>, _ step: Int) -> Int32 {
        let near = Int32(p[0]) &+ Int32(p[step])
        let mid = Int32(p[-step]) &+ Int32(p[2 * step])
        let far = Int32(p[-2 * step]) &+ Int32(p[3 * step])
        return near &* 20 &- mid &* 5 &+ far
    }

    @inline(__always)
    private static func half(
        _ out: Output, _ outStride: Int, _ origin: Pixels, _ stride: Int, _ step: Int, _ w: Int, _ h: Int
    ) {
        for row in 0..<h {
            let (line, target) = (origin + row * stride, out + row * outStride)
            for x in 0..<w {
                target[x] = UInt8(truncatingIfNeeded: min(max((six(line + x, step) &+ 16) &>> 5, 0), 255))
            }
        }
    }

    @inline(__always)
    private static func centre(_ out: Output, _ outStride: Int, _ origin: Pixels, _ stride: Int, _ w: Int, _ h: Int) {
        withUnsafeTemporaryAllocation(of: Int16.self, capacity: wide * (wide + 5)) { buffer in
            guard let sums = buffer.baseAddress else { return }
            for row in 0..<(h + 5) {
                let line = origin + (row - 2) * stride
                for x in 0..<w { sums[row * wide + x] = six(line + x, 1) }
            }
            for row in 0..<h {
                let (line, target) = (UnsafePointer(sums) + (row + 2) * wide, out + row * outStride)
                for x in 0..<w {
                    target[x] = UInt8(truncatingIfNeeded: min(max((six(line + x, wide) &+ 512) &>> 10, 0), 255))
                }
            }
        }
    }

    @inline(__always)
    private static func average(_ out: Output, _ outStride: Int, _ b: Pixels, _ bStride: Int, _ w: Int, _ h: Int) {
        for row in 0..<h {
            let (target, second) = (out + row * outStride, b + row * bStride)
            for x in 0..<w { target[x] = mean(target[x], second[x]) }
        }
    }
}
