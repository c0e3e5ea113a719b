/// Reads macroblocks that are coded by Exp-Golomb codes and CAVLC (ITU-T H.264, 9.1 and 9.2).
struct CAVLCReader: EntropyReader {
    static var isCABAC: Bool { false }
    private var bits: BitReader
    private let stop: Int
    private let tables = CodeTables.shared
    private let patterns: UnsafePointer<Int16>
    private let hasChroma: Bool
    /// Levels of a block before they are placed.
    private let values: UnsafeMutablePointer<Int16>
    private(set) var isBroken = false
    /// Macroblocks still to skip; −1 where a coded one was read last, so that a run comes next.
    private var skipRun = -1

    init(_ payload: Payload, header: SliceHeader, scratch: UnsafeMutablePointer<UInt8>) {
        values = UnsafeMutableRawPointer(scratch).assumingMemoryBound(to: Int16.self)
        bits = BitReader(payload.base, count: payload.count, position: header.dataPosition)
        stop = payload.stopBit
        hasChroma = header.sequence.chromaFormat > 0
        patterns = CAVLCReader.patterns + (hasChroma ? 0 : 96)
    }

    // Unsafe: nothing writes through the pointer.
    nonisolated(unsafe) private static let patterns = StandardTables.codedBlockPatterns.permanentCopy()

    var bitPosition: Int { bits.position }
    var endsRight: Bool { bits.position == stop && skipRun <= 0 }

    mutating func skips(context: Int, isB: Bool) -> Bool {
        if skipRun < 0 { skipRun = bits.unsigned() }
        if skipRun > 0 {
            skipRun &-= 1
            return true
        }
        skipRun = -1
        return false
    }

    mutating func hasMore() -> Bool { skipRun > 0 || bits.position < stop }

    /// ue(v), at most `limit`.
    @inline(__always) private mutating func unsigned(_ limit: Int) -> Int {
        let value = bits.unsigned()
        guard value <= limit else {
            isBroken = true
            return 0
        }
        return value
    }

    mutating func intraType(context: Int) -> Int { unsigned(25) }
    mutating func typeP() -> Int { unsigned(30) }
    mutating func typeB(context: Int) -> Int { unsigned(48) }
    mutating func subTypeP() -> Int { unsigned(3) }
    mutating func subTypeB() -> Int { unsigned(12) }
    mutating func transform8x8(context: Int) -> Bool { bits.flag() }
    mutating func intraMode() -> Int { bits.flag() ? -1 : bits.read(3) }
    mutating func chromaMode(context: Int) -> Int { unsigned(3) }

    mutating func codedBlockPattern(isIntra: Bool, left: Int, top: Int) -> Int {
        let count = hasChroma ? 48 : 16
        return Int(patterns[(isIntra ? 0 : count) &+ unsigned(count &- 1)])
    }

    mutating func qpDelta(context: Int) -> Int { bits.signed() }

    mutating func reference(context: Int, limit: Int) -> Int {
        let value = bits.truncated(limit)
        guard value <= limit else {
            isBroken = true
            return 0
        }
        return value
    }

    mutating func vectorDifference(isVertical: Bool, sum: Int) -> Int { bits.signed() }

    mutating func pcm(_ count: Int, into samples: UnsafeMutablePointer<Int16>) {
        bits.position = (bits.position &+ 7) & ~7
        for index in 0..<count { samples[index] = Int16(truncatingIfNeeded: bits.read(8)) }
    }

    mutating func block(
        _ category: Int, context: Int, into levels: UnsafeMutablePointer<Int16>, scan: UnsafePointer<UInt8>
    ) -> Int {
        let size = category == 3 ? 4 : category == 1 || category == 4 ? 15 : 16
        return coefficients(nC: context, size: size, levels, scan, step: 1)
    }

    mutating func block8x8(
        into levels: UnsafeMutablePointer<Int16>, scan: UnsafePointer<UInt8>, counts: UnsafeMutablePointer<UInt8>
    ) {
        for part in 0..<4 {
            let count = counts + ((part &>> 1) &* NeighbourCounts.stride &+ (part & 1))
            let nC = NeighbourCounts.nC(left: (count - 1).pointee, top: (count - NeighbourCounts.stride).pointee)
            count.pointee = UInt8(
                truncatingIfNeeded: coefficients(nC: nC, size: 16, levels, scan + part, step: 4))
        }
    }

    /// `residual_block_cavlc` (7.3.5.3.2): level k goes to `levels[scan[k · step]]`.
    @inline(__always) private mutating func coefficients(
        nC: Int, size: Int, _ levels: UnsafeMutablePointer<Int16>, _ scan: UnsafePointer<UInt8>, step: Int
    ) -> Int {
        var bits = bits
        defer { self.bits = bits }
        let token: Int = tables.coefficientToken(&bits, nC: nC)
        let (total, ones) = (token &>> 2, token & 3)
        guard token >= 0, total <= size else {
            isBroken = true
            return 0
        }
        guard total > 0 else { return 0 }
        guard Self.readLevels(&bits, total, ones, values), placeLevels(&bits, total, size, levels, scan, step) else {
            isBroken = true
            return 0
        }
        return total
    }

    /// 9.2.3 and 9.2.4: `total_zeros`, then the zeros before each level; false for a code that cannot be.
    @inline(__always) private func placeLevels(
        _ bits: inout BitReader, _ total: Int, _ size: Int, _ levels: UnsafeMutablePointer<Int16>,
        _ scan: UnsafePointer<UInt8>, _ step: Int
    ) -> Bool {
        var left = 0
        if size == 4, total < 4 {
            left = tables.chromaTotalZeros(&bits, total: total)
        } else if total < size {
            left = tables.totalZeros(&bits, total: total)
        }
        guard left >= 0, left &+ total <= size else { return false }
        var place = left &+ total &- 1
        var index = 0
        while true {
            levels[Int(scan[place &* step])] = values[index]
            index &+= 1
            if index == total { return true }
            place &-= 1
            guard left > 0 else { continue }
            let run: Int = tables.runBefore(&bits, left: left)
            guard run >= 0, run <= left else { return false }
            left &-= run
            place &-= run
        }
    }

    /// 9.2.2: the levels, the one of the highest frequency first; false for a code that cannot be.
    @inline(__always) private static func readLevels(
        _ bits: inout BitReader, _ total: Int, _ ones: Int, _ values: UnsafeMutablePointer<Int16>
    ) -> Bool {
        for index in 0..<ones { values[index] = bits.flag() ? -1 : 1 }
        guard total > ones else { return true }
        var suffixLength = total > 10 && ones < 3 ? 1 : 0
        for index in ones..<total {
            let prefix = bits.window.leadingZeroBitCount
            guard prefix <= 25 else { return false }
            bits.position &+= prefix &+ 1
            var code = min(15, prefix) &<< suffixLength
            let size = prefix >= 15 ? prefix &- 3 : prefix == 14 && suffixLength == 0 ? 4 : suffixLength
            if size > 0 { code &+= bits.read(size) }
            if prefix >= 15, suffixLength == 0 { code &+= 15 }
            if prefix >= 16 { code &+= 1 &<< (prefix &- 3) &- 4096 }
            if index == ones, ones < 3 { code &+= 2 }
            let level = code & 1 == 0 ? (code &+ 2) &>> 1 : (0 &- code &- 1) &>> 1
            values[index] = Int16(truncatingIfNeeded: level)
            if suffixLength == 0 { suffixLength = 1 }
            if abs(level) > 3 &<< (suffixLength &- 1), suffixLength < 6 { suffixLength &+= 1 }
        }
        return true
    }
}
