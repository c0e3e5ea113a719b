/// The arithmetic decoding engine of CABAC (ITU-T H.264, 9.3.1.2 and 9.3.3.2).
///
/// `codIOffset` stands above `ahead` bits that were read in advance, so that a bin needs no bit by bit reading and no
/// branch: both outcomes are computed and one is masked in.
struct ArithmeticDecoder {
    private let base: UnsafePointer<UInt8>
    private let count: Int
    private let tables: ArithmeticTables
    /// pStateIdx · 2 + valMPS of each context.
    let states: UnsafeMutablePointer<UInt8>
    private var range: UInt64 = 510
    private var offset: UInt64 = 0
    private var ahead = 0
    private var byte = 0

    /// Makes an engine for a payload; `start` comes before the first bin.
    init(_ payload: Payload, states: UnsafeMutablePointer<UInt8>, tables: ArithmeticTables) {
        base = UnsafePointer(payload.base)
        count = payload.count
        self.states = states
        self.tables = tables
    }

    /// 9.3.1.2, from a byte on.
    mutating func start(byte: Int) {
        self.byte = byte
        range = 510
        offset = 0
        ahead = -9
        refill()
    }

    /// Bits that the standard's engine would have read, from the start of the payload.
    var bitPosition: Int { byte &* 8 &- ahead }

    /// A reader of the payload from a bit on.
    func reader(at position: Int) -> BitReader { BitReader(base, count: count, position: position) }

    /// The suffix of UEGk (9.3.2.3); nil for one that cannot be.
    @inline(never) mutating func exponential(order start: Int) -> Int? {
        var order = start
        var value = 0
        while bypass() == 1 {
            value &+= 1 &<< order
            order &+= 1
            guard order < 24 else { return nil }
        }
        while order > 0 {
            order &-= 1
            value &+= bypass() &<< order
        }
        return value
    }

    /// Reads 48 bits more; zeros past the end.
    @inline(__always) private mutating func refill() {
        let word = UnsafeRawPointer(base + min(byte, count)).loadUnaligned(as: UInt64.self)
        offset = offset &<< 48 | UInt64(bigEndian: word) &>> 16
        ahead &+= 48
        byte &+= 6
    }

    /// 9.3.3.2.1: a bin of a context.
    @inline(__always) mutating func decision(_ context: Int) -> Int {
        let state = Int(states[context])
        let least = UInt64(tables.ranges[Int(truncatingIfNeeded: range & 0xC0) &<< 1 &+ state])
        let most = range &- least
        let scaled = most &<< UInt64(truncatingIfNeeded: ahead)
        // All ones for the less probable symbol.
        let mask = offset >= scaled ? ~UInt64(0) : 0
        offset &-= scaled & mask
        let next = most &+ ((least &- most) & mask)
        states[context] = tables.transitions[state &+ Int(truncatingIfNeeded: mask & 128)]
        let shift = (next | 1).leadingZeroBitCount &- 55
        range = next &<< UInt64(truncatingIfNeeded: shift)
        ahead &-= shift
        if ahead < 8 { refill() }
        return (state ^ Int(truncatingIfNeeded: mask)) & 1
    }

    /// 9.3.3.2.3: a bin of equal probabilities.
    @inline(__always) mutating func bypass() -> Int {
        ahead &-= 1
        let scaled = range &<< UInt64(truncatingIfNeeded: ahead)
        let mask = offset >= scaled ? ~UInt64(0) : 0
        offset &-= scaled & mask
        if ahead < 8 { refill() }
        return Int(truncatingIfNeeded: mask & 1)
    }

    /// 9.3.3.2.2.3: whether the slice, or CABAC before PCM samples, ends here.
    @inline(__always) mutating func terminate() -> Bool {
        range &-= 2
        if offset >= range &<< UInt64(truncatingIfNeeded: ahead) { return true }
        if range < 256 {
            range &<<= 1
            ahead &-= 1
            if ahead < 8 { refill() }
        }
        return false
    }

    /// Sets the contexts for a slice (9.3.1.1).
    ///
    /// - Parameters:
    ///   - kind: 0 for I slices, `cabac_init_idc` + 1 for others.
    ///   - qp: `SliceQPY`.
    func reset(kind: Int, qp: Int) {
        let size = ArithmeticTables.contextCount
        let (m, n) = (tables.contexts + kind * 2 * size, tables.contexts + (kind * 2 + 1) * size)
        let clipped = Int32(max(0, min(51, qp)))
        for index in 0..<size {
            let state = max(1, min(126, ((Int32(m[index]) &* clipped) &>> 4) &+ Int32(n[index])))
            let mps: Int32 = state > 63 ? 1 : 0
            let place = mps == 1 ? state &- 64 : 63 &- state
            states[index] = UInt8(truncatingIfNeeded: place &<< 1 | mps)
        }
    }
}

/// What the engine looks up, laid out for it; made once, never freed.
struct ArithmeticTables: @unchecked Sendable {
    // @unchecked: nothing writes through the pointers.
    /// Contexts of 4:2:0 with 8 bits.
    static let contextCount = 460
    /// rangeTabLPS by qCodIRangeIdx · 128 + pStateIdx · 2 + valMPS.
    let ranges: UnsafePointer<UInt8>
    /// The next state behind the more probable symbol, then, from 128 on, behind the less probable one.
    let transitions: UnsafePointer<UInt8>
    /// m and n of the contexts, of four kinds of slices.
    let contexts: UnsafePointer<Int16>

    // @unchecked: nothing writes through the pointers after `init`.
    static let shared = ArithmeticTables()

    private init() {
        let ranges = UnsafeMutablePointer<UInt8>.allocate(capacity: 512)
        let transitions = UnsafeMutablePointer<UInt8>.allocate(capacity: 256)
        for state in 0..<128 {
            let (place, mps) = (state >> 1, state & 1)
            for part in 0..<4 { ranges[part * 128 + state] = UInt8(StandardTables.rangeLPS[part * 64 + place]) }
            transitions[state] = UInt8(Int(StandardTables.nextMPS[place]) << 1 | mps)
            transitions[128 + state] = UInt8(
                Int(StandardTables.nextLPS[place]) << 1 | (place == 0 ? 1 - mps : mps))
        }
        self.ranges = UnsafePointer(ranges)
        self.transitions = UnsafePointer(transitions)
        contexts = StandardTables.contexts.permanentCopy()
    }
}

extension Array where Element: BitwiseCopyable {
    /// A copy of the elements that is never freed: for tables.
    func permanentCopy() -> UnsafePointer<Element> {
        let copy = UnsafeMutablePointer<Element>.allocate(capacity: count)
        copy.initialize(from: self, count: count)
        return UnsafePointer(copy)
    }
}
