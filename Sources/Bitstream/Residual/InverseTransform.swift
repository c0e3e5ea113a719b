/// The inverse transforms (ITU-T H.264, 8.5.10 to 8.5.13) of blocks of 32-bit numbers in raster order, in place.
enum InverseTransform {
    /// Dequantises a 4×4 block (8-336, 8-337), all places from `first` on.
    static func scale4x4(_ block: UnsafeMutablePointer<Int32>, _ scales: UnsafePointer<Int32>, qp: Int, from first: Int)
    {
        let shift = Int32(qp / 6)
        for index in first..<16 {
            let value = block[index] &* scales[index]
            block[index] = shift >= 4 ? value &<< (shift &- 4) : (value &+ 1 &<< (3 &- shift)) &>> (4 &- shift)
        }
    }

    /// Dequantises an 8×8 block (8-356, 8-357).
    static func scale8x8(_ block: UnsafeMutablePointer<Int32>, _ scales: UnsafePointer<Int32>, qp: Int) {
        let shift = Int32(qp / 6)
        for index in 0..<64 {
            let value = block[index] &* scales[index]
            block[index] = shift >= 6 ? value &<< (shift &- 6) : (value &+ 1 &<< (5 &- shift)) &>> (6 &- shift)
        }
    }

    /// Transforms and dequantises the DC levels of Intra16x16 luma (8.5.10).
    static func lumaDC(_ block: UnsafeMutablePointer<Int32>, scale: Int32, qp: Int) {
        for row in 0..<4 { hadamard(block + row * 4, 1) }
        for column in 0..<4 { hadamard(block + column, 4) }
        let shift = Int32(qp / 6)
        for index in 0..<16 {
            let value = block[index] &* scale
            block[index] = shift >= 6 ? value &<< (shift &- 6) : (value &+ 1 &<< (5 &- shift)) &>> (6 &- shift)
        }
    }

    private static func hadamard(_ line: UnsafeMutablePointer<Int32>, _ step: Int) {
        let (a, b, c, d) = (line[0], line[step], line[2 * step], line[3 * step])
        let (ab, a_b, cd, c_d) = (a &+ b, a &- b, c &+ d, c &- d)
        line[0] = ab &+ cd
        line[step] = ab &- cd
        line[2 * step] = a_b &- c_d
        line[3 * step] = a_b &+ c_d
    }

    /// Transforms and dequantises the DC levels of a plane of 4:2:0 chroma (8.5.11).
    static func chromaDC(_ block: UnsafeMutablePointer<Int32>, scale: Int32, qp: Int) {
        let (a, b, c, d) = (block[0], block[1], block[2], block[3])
        block[0] = a &+ b &+ c &+ d
        block[1] = a &- b &+ c &- d
        block[2] = a &+ b &- c &- d
        block[3] = a &- b &- c &+ d
        for index in 0..<4 { block[index] = ((block[index] &* scale) &<< Int32(qp / 6)) &>> 5 }
    }

    /// 8.5.12: a 4×4 block of residual samples.
    static func transform4x4(_ block: UnsafeMutablePointer<Int32>) {
        for row in 0..<4 { line4(block + row * 4, 1) }
        for column in 0..<4 { line4(block + column, 4) }
        for index in 0..<16 { block[index] = (block[index] &+ 32) &>> 6 }
    }

    private static func line4(_ line: UnsafeMutablePointer<Int32>, _ step: Int) {
        let (a, b, c, d) = (line[0], line[step], line[2 * step], line[3 * step])
        let (e, f) = (a &+ c, a &- c)
        let (g, h) = ((b &>> 1) &- d, b &+ (d &>> 1))
        line[0] = e &+ h
        line[step] = f &+ g
        line[2 * step] = f &- g
        line[3 * step] = e &- h
    }

    /// 8.5.13: an 8×8 block of residual samples.
    static func transform8x8(_ block: UnsafeMutablePointer<Int32>) {
        for row in 0..<8 { line8(block + row * 8, 1) }
        for column in 0..<8 { line8(block + column, 8) }
        for index in 0..<64 { block[index] = (block[index] &+ 32) &>> 6 }
    }

    private static func line8(_ line: UnsafeMutablePointer<Int32>, _ step: Int) {
        let (i0, i1, i2, i3) = (line[0], line[step], line[2 * step], line[3 * step])
        let (i4, i5, i6, i7) = (line[4 * step], line[5 * step], line[6 * step], line[7 * step])
        let (a0, a2, a4, a6) = (i0 &+ i4, i0 &- i4, (i2 &>> 1) &- i6, i2 &+ (i6 &>> 1))
        let (b0, b2, b4, b6) = (a0 &+ a6, a2 &+ a4, a2 &- a4, a0 &- a6)
        let a1 = i5 &- i3 &- i7 &- (i7 &>> 1)
        let a3 = i1 &+ i7 &- i3 &- (i3 &>> 1)
        let a5 = i7 &- i1 &+ i5 &+ (i5 &>> 1)
        let a7 = i3 &+ i5 &+ i1 &+ (i1 &>> 1)
        let (b1, b7) = (a1 &+ (a7 &>> 2), a7 &- (a1 &>> 2))
        let (b3, b5) = (a3 &+ (a5 &>> 2), (a3 &>> 2) &- a5)
        line[0] = b0 &+ b7
        line[step] = b2 &+ b5
        line[2 * step] = b4 &+ b3
        line[3 * step] = b6 &+ b1
        line[4 * step] = b6 &- b1
        line[5 * step] = b4 &- b3
        line[6 * step] = b2 &- b5
        line[7 * step] = b0 &- b7
    }
}
