import Storage

/// The little of H.264's syntax that libavcodec does not export: `nal_ref_idc`, IDR, and whether pictures are MBAFF
/// (ITU-T H.264, 7.3.1 and 7.3.2.1).
struct H264Syntax {
    /// What one packet's NAL units say about its picture.
    struct PictureFacts: Equatable {
        /// `nal_ref_idc` > 0 in the first slice: later pictures may predict from this one.
        var isReference = false
        /// An instantaneous decoding refresh: no later picture predicts from an earlier one.
        var isIDR = false
        /// The sequence allows MBAFF, so frame pictures are MBAFF whatever their timing SEI says.
        var isMBAFF = false
    }

    /// Bytes of a NAL unit's length field (avcC), or nil for start codes (Annex B).
    private var lengthSize: Int?
    private var sequenceIsMBAFF = false

    /// Reads the stream's extradata: an `avcC` record or Annex B parameter sets.
    init(extradata: UnsafeRawBufferPointer) {
        guard extradata.count >= 7, extradata[0] == 1 else {
            _ = facts(of: extradata)
            return
        }
        lengthSize = Int(extradata[4] & 3) + 1
        var position = 6
        for _ in 0..<Int(extradata[5] & 31) {
            guard position + 2 <= extradata.count else { return }
            let size = Int(extradata[position]) << 8 | Int(extradata[position + 1])
            guard position + 2 + size <= extradata.count else { return }
            readSequenceParameters(UnsafeRawBufferPointer(rebasing: extradata[(position + 2)..<(position + 2 + size)]))
            position += 2 + size
        }
    }

    /// Looks through a packet; remembers parameter sets found on the way.
    mutating func facts(of packet: UnsafeRawBufferPointer) -> PictureFacts {
        var facts = PictureFacts()
        var sawSlice = false
        Self.forEachNALUnit(in: packet, lengthSize) { unit in
            guard !sawSlice else { return }
            sawSlice = inspect(unit, &facts)
        }
        facts.isMBAFF = sequenceIsMBAFF
        return facts
    }

    /// Returns whether the unit is a slice.
    private mutating func inspect(_ unit: UnsafeRawBufferPointer, _ facts: inout PictureFacts) -> Bool {
        guard let header = unit.first else { return false }
        switch header & 31 {
        case 1, 2, 5:
            facts.isReference = header >> 5 & 3 > 0
            facts.isIDR = header & 31 == 5
            return true
        case 7: readSequenceParameters(unit)
        default: break
        }
        return false
    }

    private static func forEachNALUnit(
        in data: UnsafeRawBufferPointer, _ lengthSize: Int?, _ body: (UnsafeRawBufferPointer) -> Void
    ) {
        if let lengthSize {
            var position = 0
            while position + lengthSize < data.count {
                var size = 0
                for index in 0..<lengthSize { size = size << 8 | Int(data[position + index]) }
                let end = min(position + lengthSize + size, data.count)
                body(UnsafeRawBufferPointer(rebasing: data[(position + lengthSize)..<end]))
                position = end
            }
            return
        }
        // A unit need not be cut at the next start code: only its first bytes are read.
        var position = 0
        while position + 3 < data.count {
            if data[position] == 0, data[position + 1] == 0, data[position + 2] == 1 {
                body(UnsafeRawBufferPointer(rebasing: data[(position + 3)...]))
                position += 3
            } else {
                position += 1
            }
        }
    }

    private mutating func readSequenceParameters(_ unit: UnsafeRawBufferPointer) {
        var bits = ExpGolombReader(unit)
        bits.skip(8)
        let profile = bits.read(8)
        bits.skip(16)
        _ = bits.unsigned()
        if [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135].contains(profile) {
            let chromaFormat = bits.unsigned()
            if chromaFormat == 3 { bits.skip(1) }
            _ = bits.unsigned()
            _ = bits.unsigned()
            bits.skip(1)
            if bits.read(1) == 1 {
                for list in 0..<(chromaFormat == 3 ? 12 : 8) where bits.read(1) == 1 {
                    bits.skipScalingList(count: list < 6 ? 16 : 64)
                }
            }
        }
        _ = bits.unsigned()
        switch bits.unsigned() {
        case 0: _ = bits.unsigned()
        case 1:
            bits.skip(1)
            _ = bits.signed()
            _ = bits.signed()
            for _ in 0..<min(bits.unsigned(), 255) { _ = bits.signed() }
        default: break
        }
        _ = bits.unsigned()
        bits.skip(1)
        _ = bits.unsigned()
        _ = bits.unsigned()
        let frameMacroblocksOnly = bits.read(1) == 1
        let adaptive = !frameMacroblocksOnly && bits.read(1) == 1
        if !bits.isExhausted { sequenceIsMBAFF = adaptive }
    }
}

/// Reads bits and Exp-Golomb codes (H.264, 9.1), passing over emulation prevention bytes; zeros past the end.
private struct ExpGolombReader {
    private let data: UnsafeRawBufferPointer
    private var bytePosition = 0
    private var bitsLeft = 8
    private var zeros = 0
    /// Whether more was read than there was.
    private(set) var isExhausted = false

    init(_ data: UnsafeRawBufferPointer) { self.data = data }

    mutating func read(_ count: Int) -> Int {
        var value = 0
        for _ in 0..<count { value = value << 1 | bit() }
        return value
    }

    mutating func skip(_ count: Int) { _ = read(count) }

    mutating func unsigned() -> Int {
        var zeros = 0
        while zeros < 32, !isExhausted, bit() == 0 { zeros += 1 }
        return (1 << zeros) - 1 + read(zeros)
    }

    mutating func signed() -> Int {
        let code = unsigned()
        return code & 1 == 1 ? (code + 1) / 2 : -(code / 2)
    }

    mutating func skipScalingList(count: Int) {
        var (last, next) = (8, 8)
        for _ in 0..<count {
            if next != 0 { next = (last + signed() + 256) & 255 }
            if next != 0 { last = next }
        }
    }

    private mutating func bit() -> Int {
        guard bytePosition < data.count else {
            isExhausted = true
            return 0
        }
        let byte = data[bytePosition]
        bitsLeft -= 1
        let value = Int(byte >> bitsLeft & 1)
        if bitsLeft == 0 {
            zeros = byte == 0 ? zeros + 1 : 0
            bytePosition += 1
            if zeros >= 2, bytePosition < data.count, data[bytePosition] == 3 {
                bytePosition += 1
                zeros = 0
            }
            bitsLeft = 8
        }
        return value
    }
}
