import Storage

/// What the container tells of a packet.
public struct PacketFacts: Sendable {
    /// Its number in the stream, from 0.
    public let number: Int
    /// Its size.
    public let bytes: Int
    /// Its presentation time in the stream's time base; nil where the container gives none.
    public let time: Int?
    /// Whether the container marks it as a key frame.
    public let isKey: Bool
}

/// A primary coded picture as it lies in the stream: its slices, not yet parsed beyond their headers.
final class CodedPicture {
    let packet: PacketFacts
    /// Slices in the order of the stream.
    private(set) var slices: [(header: SliceHeader, payload: Payload)] = []
    /// `PicOrderCnt`, and the same once operation 5 of memory control was done.
    let order: Int
    let laterOrder: Int
    /// Its place in output order, once it is known.
    var display: Int?
    /// Slices whose header could not be read.
    var lostSlices = 0

    init(packet: PacketFacts, _ header: SliceHeader, _ payload: Payload, order: (Int, Int)) {
        self.packet = packet
        (self.order, laterOrder) = order
        slices = [(header, payload)]
    }

    /// The header of the first slice.
    var header: SliceHeader { slices[0].header }

    func append(_ header: SliceHeader, _ payload: Payload) { slices.append((header, payload)) }
}

/// Puts the slices of packets together to pictures, and finds the pictures' places in output order.
struct PictureAssembler {
    private let units: NALUnits
    private var sets: ParameterSets
    private var counter = OrderCounter()
    private var numbers = DisplayNumbers()
    private var pool = PayloadPool()
    private var queue: [CodedPicture] = []
    private var current: CodedPicture?
    private var lost = 0
    /// Packets with slices of which none could be read.
    private(set) var lostPackets: [PacketFacts] = []
    /// The first thing in the stream that the library does not read, by name.
    private(set) var outOfScope: String?

    /// Reads the stream's extradata.
    init(extradata: UnsafeRawBufferPointer) {
        var sets = ParameterSets()
        let payload = Payload()
        units = NALUnits(extradata: extradata) { unit in
            payload.assign(unit)
            if payload.type == 7 || payload.type == 8 { sets.insert(payload) }
        }
        self.sets = sets
    }

    /// Takes a packet, which holds whole pictures.
    mutating func append(_ packet: UnsafeRawBufferPointer, _ facts: PacketFacts) {
        let units = units
        units.forEach(in: packet) { take($0, facts) }
        finishPicture()
        guard lost > 0 else { return }
        lostPackets.append(facts)
        lost = 0
    }

    /// Says that no packet follows.
    mutating func finish() { numbers.finish() }

    /// The next picture in decode order whose place in output order is known.
    mutating func next() -> CodedPicture? {
        guard let first = queue.first, first.display != nil else { return nil }
        return queue.removeFirst()
    }

    /// The next pictures in decode order, whether or not their places in output order are known.
    mutating func takeAll() -> [CodedPicture] {
        defer { queue.removeAll() }
        return queue
    }

    /// Takes back the memory of a picture that is done.
    mutating func recycle(_ picture: CodedPicture) {
        for slice in picture.slices { pool.give(slice.payload) }
    }

    private mutating func take(_ unit: UnsafeRawBufferPointer, _ packet: PacketFacts) {
        guard let first = unit.first else { return }
        switch first & 31 {
        case 1, 5:
            let payload = pool.take()
            payload.assign(unit)
            if !takeSlice(payload, packet) { pool.give(payload) }
        case 2, 3, 4: outOfScope = outOfScope ?? "data partitioning"
        case 7, 8:
            let payload = pool.take()
            payload.assign(unit)
            sets.insert(payload)
            pool.give(payload)
        default: break
        }
    }

    /// Whether the payload was kept.
    private mutating func takeSlice(_ payload: Payload, _ packet: PacketFacts) -> Bool {
        do throws(PFrameError) {
            let header = try SliceHeader(payload, sets: sets)
            if let reason = header.outOfScope {
                outOfScope = outOfScope ?? reason
                return false
            }
            guard header.redundantCount == 0 else { return false }
            if let current, !header.beginsPicture(after: current.header) {
                if let last = current.slices.last, header.firstMacroblock < last.header.firstMacroblock {
                    outOfScope = outOfScope ?? "slices in arbitrary order (ASO)"
                }
                current.append(header, payload)
                return true
            }
            finishPicture()
            current = CodedPicture(packet: packet, header, payload, order: counter.next(header))
            return true
        } catch {
            lost += 1
            return false
        }
    }

    private mutating func finishPicture() {
        guard let picture = current else { return }
        picture.lostSlices = lost
        (current, lost) = (nil, 0)
        queue.append(picture)
        numbers.insert(picture)
    }
}
