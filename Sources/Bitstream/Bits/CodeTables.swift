/// Variable length codes of CAVLC, found by the number of their leading zeros and the three bits behind the first one.
struct CodeTables: @unchecked Sendable {
    // @unchecked: nothing writes through the pointers.
    private let tokens = StandardTables.coefficientTokens.permanentCopy()
    private let zeros = StandardTables.totalZeros.permanentCopy()
    private let chromaZeros = StandardTables.chromaTotalZeros.permanentCopy()
    private let runs = StandardTables.runsBefore.permanentCopy()

    static let shared = CodeTables()

    /// Reads a code of a table; −1 where the bits are no code of it.
    @inline(__always)
    private static func read(_ bits: inout BitReader, _ table: UnsafePointer<Int16>) -> Int {
        let window = bits.window
        let zeros = min(window.leadingZeroBitCount, 15)
        let behind = (window &<< UInt64(truncatingIfNeeded: zeros &+ 1)) &>> 61
        let entry = Int(table[zeros &* 8 &+ Int(truncatingIfNeeded: behind)])
        bits.position &+= entry &>> 8
        return entry == 0 ? -1 : entry & 255
    }

    /// `coeff_token` by nC, −1 for chroma DC: TotalCoeff · 4 + TrailingOnes, or −1.
    @inline(__always) func coefficientToken(_ bits: inout BitReader, nC: Int) -> Int {
        guard nC < 8 else {
            let code = bits.read(6)
            return code == 3 ? 0 : code &+ 4
        }
        let place = nC < 0 ? 3 : nC < 2 ? 0 : nC < 4 ? 1 : 2
        return Self.read(&bits, tokens + place &* 128)
    }

    /// `total_zeros` behind `total` coefficients, 1…15.
    @inline(__always) func totalZeros(_ bits: inout BitReader, total: Int) -> Int {
        Self.read(&bits, zeros + (total &- 1) &* 128)
    }

    /// `total_zeros` of chroma DC behind `total` coefficients, 1…3.
    @inline(__always) func chromaTotalZeros(_ bits: inout BitReader, total: Int) -> Int {
        Self.read(&bits, chromaZeros + (total &- 1) &* 128)
    }

    /// `run_before` with `left` zeros to come, at least 1.
    @inline(__always) func runBefore(_ bits: inout BitReader, left: Int) -> Int {
        Self.read(&bits, runs + (min(left, 7) &- 1) &* 128)
    }
}
