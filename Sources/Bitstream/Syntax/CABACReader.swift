/// Reads macroblocks that are coded by CABAC (ITU-T H.264, 9.3): binarizations and the contexts of their bins.
struct CABACReader: EntropyReader {
    static var isCABAC: Bool { true }
    var engine: ArithmeticDecoder
    var isBroken = false
    private let stop: Int
    private let hasChroma: Bool
    private var isEnded = false
    let tables = BlockContexts.shared

    init(_ payload: Payload, header: SliceHeader, scratch: UnsafeMutablePointer<UInt8>) {
        engine = ArithmeticDecoder(payload, states: scratch, tables: .shared)
        engine.reset(kind: header.contextKind, qp: header.qp)
        engine.start(byte: (header.dataPosition &+ 7) &>> 3)
        stop = payload.stopBit
        hasChroma = header.sequence.chromaFormat > 0
    }

    /// The engine reads nine bits ahead of what is decided; the last of them is `rbsp_stop_one_bit`.
    var bitPosition: Int { isEnded ? engine.bitPosition &- 1 : engine.bitPosition &- 9 }
    /// x264 sets one more bit, up to fifteen behind the stop bit, in half of its slices.
    var endsRight: Bool {
        guard isEnded, bitPosition <= stop, stop &- bitPosition < 16 else { return false }
        var bits = engine.reader(at: bitPosition)
        return bits.flag() && (bitPosition == stop || bits.read(stop &- bitPosition) == 1)
    }

    mutating func skips(context: Int, isB: Bool) -> Bool {
        engine.decision((isB ? 24 : 11) &+ context) == 1
    }

    mutating func hasMore() -> Bool {
        isEnded = engine.terminate()
        return !isEnded
    }

    mutating func intraType(context: Int) -> Int {
        guard engine.decision(3 &+ context) == 1 else { return 0 }
        return intra16x16(at: 6, isPrefixed: false)
    }

    /// The bins behind the first one of an intra `mb_type`, from the context of the luma bin on.
    private mutating func intra16x16(at first: Int, isPrefixed: Bool) -> Int {
        if engine.terminate() { return 25 }
        var type = 1 &+ 12 &* engine.decision(first)
        if engine.decision(first &+ 1) == 1 {
            type &+= 4 &+ 4 &* engine.decision(first &+ (isPrefixed ? 1 : 2))
        }
        type &+= 2 &* engine.decision(first &+ (isPrefixed ? 2 : 3))
        return type &+ engine.decision(first &+ (isPrefixed ? 2 : 4))
    }

    private mutating func intraInInter(at first: Int) -> Int {
        engine.decision(first) == 0 ? 0 : intra16x16(at: first &+ 1, isPrefixed: true)
    }

    mutating func typeP() -> Int {
        if engine.decision(14) == 1 { return 5 &+ intraInInter(at: 17) }
        if engine.decision(15) == 0 { return engine.decision(16) == 0 ? 0 : 3 }
        return engine.decision(17) == 0 ? 2 : 1
    }

    mutating func typeB(context: Int) -> Int {
        guard engine.decision(27 &+ context) == 1 else { return 0 }
        guard engine.decision(30) == 1 else { return 1 &+ engine.decision(32) }
        var bins = engine.decision(31)
        for _ in 0..<3 { bins = bins &<< 1 | engine.decision(32) }
        switch bins {
        case 0..<8: return bins &+ 3
        case 13: return 23 &+ intraInInter(at: 32)
        case 14: return 11
        case 15: return 22
        default: return (bins &<< 1 | engine.decision(32)) &- 4
        }
    }

    mutating func subTypeP() -> Int {
        if engine.decision(21) == 1 { return 0 }
        if engine.decision(22) == 0 { return 1 }
        return engine.decision(23) == 1 ? 2 : 3
    }

    mutating func subTypeB() -> Int {
        guard engine.decision(36) == 1 else { return 0 }
        guard engine.decision(37) == 1 else { return 1 &+ engine.decision(39) }
        var type = 3
        if engine.decision(38) == 1 {
            if engine.decision(39) == 1 { return 11 &+ engine.decision(39) }
            type = 7
        }
        type &+= 2 &* engine.decision(39)
        return type &+ engine.decision(39)
    }

    mutating func transform8x8(context: Int) -> Bool { engine.decision(399 &+ context) == 1 }

    mutating func intraMode() -> Int {
        if engine.decision(68) == 1 { return -1 }
        let (low, middle) = (engine.decision(69), engine.decision(69))
        return low | middle &<< 1 | engine.decision(69) &<< 2
    }

    mutating func chromaMode(context: Int) -> Int {
        if engine.decision(64 &+ context) == 0 { return 0 }
        if engine.decision(67) == 0 { return 1 }
        return engine.decision(67) == 0 ? 2 : 3
    }

    mutating func codedBlockPattern(isIntra: Bool, left: Int, top: Int) -> Int {
        // A bin's context counts the neighbouring 8×8 blocks without coefficients.
        var pattern = engine.decision(73 &+ (~left &>> 1 & 1) &+ (~top &>> 1 & 2))
        pattern |= engine.decision(73 &+ (~pattern & 1) &+ (~top &>> 2 & 2)) &<< 1
        pattern |= engine.decision(73 &+ (~left &>> 3 & 1) &+ (~pattern &<< 1 & 2)) &<< 2
        pattern |= engine.decision(73 &+ (~pattern &>> 2 & 1) &+ (~pattern & 2)) &<< 3
        guard hasChroma else { return pattern }
        let (leftChroma, topChroma) = (left &>> 4, top &>> 4)
        guard engine.decision(77 &+ (leftChroma > 0 ? 1 : 0) &+ (topChroma > 0 ? 2 : 0)) == 1 else { return pattern }
        let second = engine.decision(81 &+ (leftChroma > 1 ? 1 : 0) &+ (topChroma > 1 ? 2 : 0))
        return pattern | (1 &+ second) &<< 4
    }

    mutating func qpDelta(context: Int) -> Int {
        guard engine.decision(60 &+ context) == 1 else { return 0 }
        var value = 1
        var bin = 62
        while engine.decision(bin) == 1 {
            bin = 63
            value &+= 1
            guard value < 104 else {
                isBroken = true
                return 0
            }
        }
        return value & 1 == 1 ? (value &+ 1) &>> 1 : 0 &- value &>> 1
    }

    mutating func reference(context: Int, limit: Int) -> Int {
        guard engine.decision(54 &+ context) == 1 else { return 0 }
        var value = 1
        var bin = 58
        while engine.decision(bin) == 1 {
            bin = 59
            value &+= 1
            guard value <= limit else {
                isBroken = true
                return 0
            }
        }
        return value
    }

    mutating func vectorDifference(isVertical: Bool, sum: Int) -> Int {
        let first = isVertical ? 47 : 40
        guard engine.decision(first &+ (sum > 32 ? 2 : sum > 2 ? 1 : 0)) == 1 else { return 0 }
        var value = 1
        var bin = first &+ 3
        let last = first &+ 6
        while value < 9, engine.decision(bin) == 1 {
            value &+= 1
            if bin < last { bin &+= 1 }
        }
        if value == 9 {
            guard let more = engine.exponential(order: 3) else {
                isBroken = true
                return 0
            }
            value &+= more
        }
        return engine.bypass() == 1 ? 0 &- value : value
    }

    mutating func pcm(_ count: Int, into samples: UnsafeMutablePointer<Int16>) {
        // Samples begin at the next whole byte.
        var bits = engine.reader(at: (engine.bitPosition &+ 7) & ~7)
        for index in 0..<count { samples[index] = Int16(truncatingIfNeeded: bits.read(8)) }
        engine.start(byte: bits.position &>> 3)
    }
}
