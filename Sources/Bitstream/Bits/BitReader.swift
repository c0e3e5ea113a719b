/// Reads bits and Exp-Golomb codes (ITU-T H.264, 7.2 and 9.1) of a payload.
///
/// Past the end it reads zeros or what the payload's padding holds, and `isExhausted` tells.
struct BitReader {
    private let base: UnsafePointer<UInt8>
    private let bytes: Int
    /// The place of the next bit, from the first bit of the payload.
    var position: Int

    /// Starts at a bit of memory that ends with ``Payload/padding`` bytes behind its `count`.
    init(_ base: UnsafePointer<UInt8>, count: Int, position: Int = 0) {
        self.base = base
        bytes = count
        self.position = position
    }

    /// Whether more was read than there was.
    var isExhausted: Bool { position > bytes &* 8 }

    /// Marks the reader as exhausted: a code that cannot be.
    mutating func fail() { position = bytes &* 8 &+ 1 }

    /// The next bits, the first one highest: at least 57 of them.
    @inline(__always) var window: UInt64 {
        let byte = min(position &>> 3, bytes)
        let word = UnsafeRawPointer(base + byte).loadUnaligned(as: UInt64.self)
        return UInt64(bigEndian: word) &<< UInt64(truncatingIfNeeded: position & 7)
    }

    /// Reads 1…32 bits.
    @inline(__always) mutating func read(_ count: Int) -> Int {
        let value = window &>> UInt64(truncatingIfNeeded: 64 &- count)
        position &+= count
        return Int(truncatingIfNeeded: value)
    }

    @inline(__always) mutating func flag() -> Bool {
        let value = window &>> 63
        position &+= 1
        return value != 0
    }

    /// ue(v), at most 2³² − 2.
    @inline(__always) mutating func unsigned() -> Int {
        let window = window
        let zeros = window.leadingZeroBitCount
        guard zeros <= 24 else { return longCode(zeros) }
        position &+= 2 &* zeros &+ 1
        return Int(truncatingIfNeeded: (window &<< UInt64(zeros)) &>> UInt64(63 &- zeros)) &- 1
    }

    @inline(never) private mutating func longCode(_ zeros: Int) -> Int {
        guard zeros < 32 else {
            fail()
            return 0
        }
        position &+= zeros
        return read(zeros &+ 1) &- 1
    }

    /// se(v).
    @inline(__always) mutating func signed() -> Int {
        let code = unsigned()
        return code & 1 == 1 ? (code &+ 1) &>> 1 : 0 &- (code &>> 1)
    }

    /// te(v) of a value that is at most `limit`.
    @inline(__always) mutating func truncated(_ limit: Int) -> Int {
        limit > 1 ? unsigned() : (flag() ? 0 : 1)
    }
}
