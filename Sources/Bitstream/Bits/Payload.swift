import Glibc

/// The payload of a NAL unit without its emulation prevention bytes (ITU-T H.264, 7.3.1), the header byte included.
///
/// Its memory is reused from unit to unit. Zeros lie behind the last byte, so that readers may load words.
final class Payload {
    /// Zeros behind the last byte.
    static let padding = 64
    private(set) var base: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    /// Bytes of the payload.
    private(set) var count = 0
    /// The place of `rbsp_stop_one_bit` in bits; 0 where there is none.
    private(set) var stopBit = 0

    init() {
        capacity = 1 << 9
        base = .allocate(capacity: capacity + Self.padding)
    }

    deinit { base.deallocate() }

    /// `nal_unit_type`.
    var type: Int { count > 0 ? Int(base[0] & 31) : 0 }
    /// `nal_ref_idc`.
    var referenceIDC: Int { count > 0 ? Int(base[0] &>> 5 & 3) : 0 }

    /// Takes the bytes of a NAL unit.
    func assign(_ unit: UnsafeRawBufferPointer) {
        if unit.count > capacity {
            base.deallocate()
            capacity = unit.count + unit.count / 2
            base = .allocate(capacity: capacity + Self.padding)
        }
        count = 0
        if let source = unit.baseAddress { copy(source.assumingMemoryBound(to: UInt8.self), unit.count) }
        memset(base + count, 0, Self.padding)
        findStopBit()
    }

    /// Copies what lies between emulation prevention bytes: a 3 behind two zeros.
    private func copy(_ source: UnsafePointer<UInt8>, _ size: Int) {
        var start = 0
        var search = 2
        while search < size, let found = memchr(source + search, 3, size - search) {
            let place = UnsafeRawPointer(found) - UnsafeRawPointer(source)
            if source[place - 1] == 0, source[place - 2] == 0 {
                memcpy(base + count, source + start, place - start)
                count += place - start
                start = place + 1
                // The zeros before this byte do not count for the next one.
                search = place + 3
            } else {
                search = place + 1
            }
        }
        memcpy(base + count, source + start, size - start)
        count += size - start
    }

    private func findStopBit() {
        var last = count
        while last > 1, base[last - 1] == 0 { last -= 1 }
        stopBit = last > 1 ? last * 8 - 1 - base[last - 1].trailingZeroBitCount : 0
    }

    /// A reader behind the header byte.
    var bits: BitReader { BitReader(base, count: count, position: 8) }
}

/// Lends payloads and takes them back, so that steady reading allocates nothing.
struct PayloadPool {
    private var free: [Payload] = []

    mutating func take() -> Payload { free.popLast() ?? Payload() }

    mutating func give(_ payload: Payload) { free.append(payload) }
}
