import Glibc

/// How NAL units lie in packets: behind a length (`avcC`, ISO/IEC 14496-15) or behind start codes (Annex B).
struct NALUnits {
    /// Bytes of the length before each unit; nil for start codes.
    private var lengthSize: Int?

    /// Units behind start codes.
    init() {}

    /// Reads a stream's extradata and lends the parameter sets in it.
    init(extradata: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) {
        guard extradata.count >= 7, extradata[0] == 1 else {
            forEach(in: extradata, body)
            return
        }
        lengthSize = Int(extradata[4] & 3) + 1
        var position = 6
        // The sequence sets and then, behind a count of their own, the picture sets.
        for mask in [31, 255] {
            guard position <= extradata.count, position > 0 else { return }
            let countPlace = position - 1
            guard countPlace < extradata.count else { return }
            for _ in 0..<Int(extradata[countPlace]) & mask {
                guard position + 2 <= extradata.count else { return }
                let size = Int(extradata[position]) << 8 | Int(extradata[position + 1])
                guard position + 2 + size <= extradata.count else { return }
                body(UnsafeRawBufferPointer(rebasing: extradata[(position + 2)..<(position + 2 + size)]))
                position += 2 + size
            }
            position += 1
        }
    }

    /// Lends the units of a packet one after the other, each from its header byte on.
    ///
    /// A length that goes beyond the packet is cut to what is there.
    ///
    /// - Returns: whether the packet is made of units, and of nothing else.
    @discardableResult
    func forEach(in packet: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) -> Bool {
        guard let base = packet.baseAddress else { return false }
        if let lengthSize {
            var (position, isWhole) = (0, true)
            while position + lengthSize < packet.count {
                var size = 0
                for index in 0..<lengthSize { size = size << 8 | Int(packet[position + index]) }
                position += lengthSize
                let end = min(position + size, packet.count)
                isWhole = isWhole && size > 0 && position + size == end
                if end > position { body(UnsafeRawBufferPointer(rebasing: packet[position..<end])) }
                position = end
            }
            return isWhole && position == packet.count
        }
        guard var start = Self.startCode(base, packet.count, from: 0) else { return false }
        while start < packet.count {
            let next = Self.startCode(base, packet.count, from: start)
            var end = next.map { $0 - 3 } ?? packet.count
            // Zeros before a start code belong to it, not to the unit (trailing_zero_8bits).
            while end > start, packet[end - 1] == 0 { end -= 1 }
            if end > start { body(UnsafeRawBufferPointer(rebasing: packet[start..<end])) }
            guard let next else { return true }
            start = next
        }
        return true
    }

    /// The place behind the next 0, 0, 1.
    private static func startCode(_ base: UnsafeRawPointer, _ count: Int, from start: Int) -> Int? {
        let bytes = base.assumingMemoryBound(to: UInt8.self)
        var search = start + 2
        while search < count, let found = memchr(bytes + search, 1, count - search) {
            let place = UnsafeRawPointer(found) - base
            if bytes[place - 1] == 0, bytes[place - 2] == 0 { return place + 1 }
            search = place + 1
        }
        return nil
    }
}
