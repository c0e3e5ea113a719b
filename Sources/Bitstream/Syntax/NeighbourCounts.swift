/// Numbers of coefficients of the 4×4 blocks of a macroblock, with those of its left and upper neighbours around them.
///
/// The row above a block lies `stride` before it, the column to the left 1 before it. When the next macroblock comes,
/// the right column becomes the left one.
struct NeighbourCounts {
    static let stride = 8
    /// What stands for a block that is not available.
    static let unavailable: UInt8 = 64
    /// Where the first block of luma, Cb and Cr lies.
    static let luma = 12
    static let chroma = [52, 76]
    /// The bottom rows that the macroblocks of the next row need: 4 of luma, 2 of Cb, 2 of Cr.
    static let bottomSize = 8

    let base: UnsafeMutablePointer<UInt8>

    init() {
        base = .allocate(capacity: 96)
        base.initialize(repeating: 0, count: 96)
    }

    /// nC of CAVLC (ITU-T H.264, 9.2.1) from the counts of both neighbours.
    @inline(__always) static func nC(left: UInt8, top: UInt8) -> Int {
        let sum = Int(left) &+ Int(top)
        return sum < 64 ? (sum &+ 1) &>> 1 : sum & 31
    }

    /// `ctxIdxInc` of `coded_block_flag` in CABAC.
    @inline(__always) static func context(left: UInt8, top: UInt8) -> Int {
        (left != 0 ? 1 : 0) &+ (top != 0 ? 2 : 0)
    }

    /// Takes over what the neighbours hold.
    ///
    /// - Parameters:
    ///   - hasLeft: whether the left one is available; it is the macroblock that was here.
    ///   - top: the bottom row of the upper one, nil where it is not available.
    ///   - missing: the count of a block that is not available.
    @inline(__always) func begin(hasLeft: Bool, top: UnsafePointer<UInt8>?, missing: UInt8) {
        for row in 0..<4 { base[11 &+ 8 &* row] = hasLeft ? base[15 &+ 8 &* row] : missing }
        for row in 0..<2 {
            base[51 &+ 8 &* row] = hasLeft ? base[53 &+ 8 &* row] : missing
            base[75 &+ 8 &* row] = hasLeft ? base[77 &+ 8 &* row] : missing
        }
        for column in 0..<4 { base[4 &+ column] = top?[column] ?? missing }
        for column in 0..<2 {
            base[44 &+ column] = top?[4 &+ column] ?? missing
            base[68 &+ column] = top?[6 &+ column] ?? missing
        }
    }

    /// Gives every block of luma a count.
    @inline(__always) func setLuma(_ count: UInt8) {
        for row in 0..<4 {
            for column in 0..<4 { base[12 &+ 8 &* row &+ column] = count }
        }
    }

    /// Gives the four blocks of the quarter whose first one lies at `place` the count 0.
    @inline(__always) func clear(_ place: Int) {
        (base[place], base[place &+ 1]) = (0, 0)
        (base[place &+ Self.stride], base[place &+ Self.stride &+ 1]) = (0, 0)
    }

    /// Gives every block of chroma a count.
    @inline(__always) func setChroma(_ count: UInt8) {
        for row in 0..<2 {
            for column in 0..<2 {
                base[52 &+ 8 &* row &+ column] = count
                base[76 &+ 8 &* row &+ column] = count
            }
        }
    }

    /// Keeps the bottom row for the next row of macroblocks.
    @inline(__always) func end(bottom: UnsafeMutablePointer<UInt8>) {
        for column in 0..<4 { bottom[column] = base[36 &+ column] }
        for column in 0..<2 {
            bottom[4 &+ column] = base[60 &+ column]
            bottom[6 &+ column] = base[84 &+ column]
        }
    }
}

/// Magnitudes of the vector differences of a macroblock's 4×4 blocks and of their neighbours, for contexts of CABAC:
/// |x| in the low byte, |y| in the high one, each at most 127. Laid out as `NeighbourCounts` lays out luma.
struct NeighbourDifferences {
    private let base: UnsafeMutablePointer<UInt16>

    init() {
        base = .allocate(capacity: 48)
        base.initialize(repeating: 0, count: 48)
    }

    func deallocate() { base.deallocate() }

    @inline(__always) func begin(hasLeft: Bool, top: UnsafePointer<UInt16>?) {
        for row in 0..<4 { base[11 &+ 8 &* row] = hasLeft ? base[15 &+ 8 &* row] : 0 }
        for column in 0..<4 { base[4 &+ column] = top?[column] ?? 0 }
    }

    @inline(__always) func clear() {
        for row in 0..<4 {
            for column in 0..<4 { base[12 &+ 8 &* row &+ column] = 0 }
        }
    }

    @inline(__always) func end(bottom: UnsafeMutablePointer<UInt16>) {
        for column in 0..<4 { bottom[column] = base[36 &+ column] }
    }

    /// The sums of both neighbours' magnitudes at the block in column `x` and row `y`.
    @inline(__always) func sums(x: Int, y: Int) -> (x: Int, y: Int) {
        let place = 12 &+ 8 &* y &+ x
        let (left, top) = (base[place &- 1], base[place &- 8])
        return (Int(left & 255) &+ Int(top & 255), Int(left &>> 8) &+ Int(top &>> 8))
    }

    /// Sets the difference of a partition of blocks.
    @inline(__always) func fill(x: Int, y: Int, width: Int, height: Int, _ difference: (x: Int, y: Int)) {
        let (across, down) = (min(abs(difference.x), 127), min(abs(difference.y), 127))
        let value = UInt16(truncatingIfNeeded: across | down &<< 8)
        for row in y..<(y &+ height) {
            for column in x..<(x &+ width) { base[12 &+ 8 &* row &+ column] = value }
        }
    }
}
