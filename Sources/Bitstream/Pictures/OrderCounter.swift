/// Computes picture order counts (ITU-T H.264, 8.2.1) of frames, from header to header in decode order.
struct OrderCounter {
    /// Of the previous reference picture: the high part and the low bits.
    private var last = (high: 0, bits: 0)
    private var lastFrameNumber = 0
    private var lastOffset = 0

    /// The order count of a picture, and what remains of it once the picture was decoded: operation 5 subtracts.
    mutating func next(_ header: SliceHeader) -> (order: Int, later: Int) {
        let (top, bottom) =
            switch header.sequence.orderCount {
            case .leastBits(let size): leastBits(header, 1 << size)
            case .cycle(_, let nonReference, let topToBottom, let offsets):
                cycle(header, nonReference, topToBottom, offsets)
            case .decodeOrder: decodeOrder(header)
            }
        let order = min(top, bottom)
        guard header.hasReset else { return (order, order) }
        last = (0, top &- order)
        (lastFrameNumber, lastOffset) = (0, 0)
        return (order, 0)
    }

    private mutating func leastBits(_ header: SliceHeader, _ limit: Int) -> (Int, Int) {
        if header.isIDR { last = (0, 0) }
        let bits = header.orderBits
        var high = last.high
        if bits < last.bits, last.bits - bits >= limit / 2 {
            high &+= limit
        } else if bits > last.bits, bits - last.bits > limit / 2 {
            high &-= limit
        }
        if header.isReference { last = (high, bits) }
        return (high &+ bits, high &+ bits &+ header.orderDelta[0])
    }

    /// `FrameNumOffset`.
    private mutating func offset(_ header: SliceHeader) -> Int {
        if header.isIDR {
            lastOffset = 0
        } else if lastFrameNumber > header.frameNumber {
            lastOffset &+= 1 << header.sequence.frameNumberBits
        }
        lastFrameNumber = header.frameNumber
        return lastOffset
    }

    private mutating func cycle(
        _ header: SliceHeader, _ nonReference: Int, _ topToBottom: Int, _ offsets: [Int]
    ) -> (Int, Int) {
        var number = offset(header) &+ header.frameNumber
        if offsets.isEmpty { number = 0 }
        if !header.isReference, number > 0 { number -= 1 }
        var expected = 0
        if number > 0 {
            let (cycles, place) = (number - 1).quotientAndRemainder(dividingBy: offsets.count)
            expected = cycles &* offsets.reduce(0, &+)
            expected &+= offsets[...place].reduce(0, &+)
        }
        if !header.isReference { expected &+= nonReference }
        let top = expected &+ header.orderDelta[0]
        return (top, top &+ topToBottom &+ header.orderDelta[1])
    }

    private mutating func decodeOrder(_ header: SliceHeader) -> (Int, Int) {
        let order = 2 &* (offset(header) &+ header.frameNumber) &- (header.isReference ? 0 : 1)
        return header.isIDR ? (0, 0) : (order, order)
    }
}

/// Gives pictures their places in output order (ITU-T H.264, C.4): by order count, from one IDR or operation 5 to the
/// next.
struct DisplayNumbers {
    /// No stream lets more pictures wait for their output.
    private static let mostWaiting = 16
    private var waiting: [(order: Int, picture: CodedPicture)] = []
    private var next = 0
    /// Hidden pictures count downwards.
    private var nextHidden = -2

    /// Takes the picture that follows in decode order.
    mutating func insert(_ picture: CodedPicture) {
        let header = picture.header
        if header.isIDR || header.hasReset { finish() }
        waiting.append((picture.laterOrder, picture))
        var isInOrder = false
        if case .decodeOrder = header.sequence.orderCount { isInOrder = true }
        while waiting.count > (isInOrder ? 0 : Self.mostWaiting) { showFirst() }
    }

    /// Says that no picture follows.
    mutating func finish() {
        while !waiting.isEmpty { showFirst() }
    }

    private mutating func showFirst() {
        var least = 0
        for index in waiting.indices where waiting[index].order < waiting[least].order { least = index }
        let picture = waiting.remove(at: least).picture
        if picture.packet.isHidden {
            picture.display = nextHidden
            nextHidden -= 1
        } else {
            picture.display = next
            next += 1
        }
    }
}
