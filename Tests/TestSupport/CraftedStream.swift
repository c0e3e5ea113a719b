/// H.264 units made bit by bit (ITU-T H.264, 7.3), and FLV around them, whose packets hold what they are given.
package enum CraftedStream {
    /// A sequence parameter set of the Baseline profile, or of High 10: one reference, output in the order of decoding.
    ///
    /// - Parameters:
    ///   - width: macroblocks per row.
    ///   - height: rows of macroblocks.
    ///   - crop: luma samples cut off to the left, halved; nil for none.
    ///   - isTenBit: whether samples have ten bits.
    package static func sequence(_ width: Int, _ height: Int, crop: Int? = nil, isTenBit: Bool = false) -> [UInt8] {
        var bits = Bits()
        for byte in [isTenBit ? 110 : 66, 0, 40] { bits.append(byte, 8) }
        bits.code(0)
        if isTenBit {
            for code in [1, 2, 2] { bits.code(code) }
            bits.append(0, 2)
        }
        for code in [0, 2, 1] { bits.code(code) }
        bits.append(0, 1)
        bits.code(width - 1)
        bits.code(height - 1)
        bits.append(0b11, 2)
        bits.append(crop == nil ? 0 : 1, 1)
        if let crop { for code in [crop, 0, 0, 0] { bits.code(code) } }
        bits.append(0, 1)
        return bits.unit(0x67)
    }

    /// A picture parameter set: CAVLC, no deblocking control.
    ///
    /// - Parameters:
    ///   - number: its number.
    ///   - isWeighted: whether P and B slices send weights.
    ///   - chromaOffset: `chroma_qp_index_offset`, above 0 or 0.
    package static func picture(number: Int = 0, isWeighted: Bool = false, chromaOffset: Int = 0) -> [UInt8] {
        var bits = Bits()
        for code in [number, 0] { bits.code(code) }
        bits.append(0, 2)
        for _ in 0..<3 { bits.code(0) }
        bits.append(isWeighted ? 0b101 : 0, 3)
        for code in [0, 0, max(0, 2 * chromaOffset - 1)] { bits.code(code) }
        bits.append(0, 3)
        return bits.unit(0x68)
    }

    /// An I slice of PCM macroblocks of an IDR picture.
    ///
    /// - Parameters:
    ///   - first: its first macroblock.
    ///   - count: its macroblocks.
    ///   - number: the number of the IDR picture; 0 and 1 in turn tell pictures apart.
    ///   - value: what its samples begin with.
    ///   - set: the number of its picture parameter set.
    package static func slice(
        first: Int = 0, count: Int, number: Int, value: Int = 0, set: Int = 0
    ) -> [UInt8] {
        var bits = Bits()
        for code in [first, 7, set] { bits.code(code) }
        bits.append(0, 4)
        bits.code(number)
        bits.append(0, 2)
        bits.code(0)
        for macroblock in 0..<count {
            bits.code(25)
            bits.align()
            for sample in 0..<384 { bits.append((value + macroblock + sample) % 200 + 20, 8) }
        }
        return bits.unit(0x65)
    }

    /// A B slice that skips all macroblocks, and sends no weights where a picture parameter set asks for them.
    ///
    /// - Parameters:
    ///   - first: its first macroblock.
    ///   - count: its macroblocks.
    ///   - references: in each list.
    package static func skippingSlice(first: Int = 0, count: Int, references: Int) -> [UInt8] {
        var bits = Bits()
        for code in [first, 1, 0] { bits.code(code) }
        // Frame 1, spatial direct prediction, other numbers of references than the set's.
        bits.append(0b0001_1_1, 6)
        for _ in 0..<2 { bits.code(references - 1) }
        bits.append(0, 2)
        for _ in 0..<2 { bits.code(0) }
        bits.append(0, 2 * 2 * references)
        for code in [0, count] { bits.code(code) }
        return bits.unit(0x01)
    }

    /// `avcC` with one parameter set of each kind (ISO/IEC 14496-15).
    package static func configuration(_ sequence: [UInt8], _ picture: [UInt8]) -> [UInt8] {
        [1] + sequence[1...3] + [0xFF, 0xE1] + number(sequence.count, bytes: 2) + sequence + [1]
            + number(picture.count, bytes: 2) + picture
    }

    /// What a packet of FLV is.
    package enum FLVPacket {
        /// New parameters: `avcC`.
        case configuration([UInt8])
        /// Units of a picture.
        case units([[UInt8]], isKey: Bool)
    }

    /// An FLV file at 25 packets per second.
    package static func flv(_ packets: [FLVPacket]) -> [UInt8] {
        var bytes: [UInt8] = [0x46, 0x4C, 0x56, 1, 1, 0, 0, 0, 9, 0, 0, 0, 0]
        var time = 0
        for packet in packets {
            let body: [UInt8]
            switch packet {
            case .configuration(let record): body = [0x17, 0, 0, 0, 0] + record
            case .units(let units, let isKey):
                body = [isKey ? 0x17 : 0x27, 1, 0, 0, 0] + units.flatMap { number($0.count, bytes: 4) + $0 }
            }
            let tag = [9] + number(body.count, bytes: 3) + number(time, bytes: 3) + [0, 0, 0, 0] + body
            bytes += tag + number(tag.count, bytes: 4)
            if case .units = packet { time += 40 }
        }
        return bytes
    }

    private static func number(_ value: Int, bytes: Int) -> [UInt8] {
        (0..<bytes).map { UInt8(truncatingIfNeeded: value >> (8 * (bytes - 1 - $0))) }
    }

    /// Bits that become a unit.
    private struct Bits {
        private var bits: [Bool] = []

        mutating func append(_ value: Int, _ count: Int) {
            for place in (0..<count).reversed() { bits.append(place < 64 && value >> place & 1 == 1) }
        }

        /// ue(v) (9.1).
        mutating func code(_ value: Int) {
            let length = Int.bitWidth - (value + 1).leadingZeroBitCount
            append(0, length - 1)
            append(value + 1, length)
        }

        mutating func align() { while bits.count % 8 > 0 { bits.append(false) } }

        /// The unit: header byte, stop bit, and emulation prevention (7.3.1).
        func unit(_ header: UInt8) -> [UInt8] {
            var all = self
            all.bits.append(true)
            all.align()
            var bytes = [header]
            var zeros = 0
            for start in stride(from: 0, to: all.bits.count, by: 8) {
                let byte = all.bits[start..<(start + 8)].reduce(UInt8(0)) { $0 << 1 | ($1 ? 1 : 0) }
                if zeros >= 2, byte <= 3 {
                    bytes.append(3)
                    zeros = 0
                }
                bytes.append(byte)
                zeros = byte == 0 ? zeros + 1 : 0
            }
            return bytes
        }
    }
}
