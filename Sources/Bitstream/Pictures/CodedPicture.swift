import Codec
import Storage

/// The most slices of a picture that are read: rows of vectors count slices in 16 bits.
package let mostSlices = 1 << 15

/// What the container tells of a packet.
public struct PacketFacts: Sendable {
    /// Its number in the stream, from 0.
    public let number: Int
    /// Its size.
    public let bytes: Int
    /// Its presentation time in the stream's time base; nil where the container gives none.
    public let time: Int?
    /// Its decoding time in the stream's time base; nil where the container gives none.
    public let decodingTime: Int?
    /// Whether the container marks it as a key frame.
    public let isKey: Bool
    /// Whether the container hides its picture: it is decoded and not shown.
    public let isHidden: Bool

    init(_ packet: borrowing Packet, number: Int) {
        self.number = number
        bytes = packet.withBytes { $0.count }
        (time, decodingTime) = (packet.presentationTime, packet.decodingTime)
        (isKey, isHidden) = (packet.isKey, packet.isHidden)
    }
}

/// A primary coded picture as it lies in the stream: its slices, not yet parsed beyond their headers.
final class CodedPicture {
    let packet: PacketFacts
    /// Slices in the order of the stream.
    private(set) var slices: [(header: SliceHeader, payload: Payload)] = []
    /// `PicOrderCnt`, and the same once operation 5 of memory control was done.
    let order: Int
    let laterOrder: Int
    /// Its place in output order, or the number of a hidden picture, once it is known.
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
    /// Where the last slice begins.
    var lastMacroblock: Int { slices[slices.count - 1].header.firstMacroblock }

    func append(_ header: SliceHeader, _ payload: Payload) { slices.append((header, payload)) }
}

/// Puts the slices of packets together to pictures, and finds the pictures' places in output order.
struct PictureAssembler {
    private var units = NALUnits()
    private var sets = ParameterSets()
    private var counter = OrderCounter()
    private var numbers = DisplayNumbers()
    private var pool = PayloadPool()
    private var queue: [CodedPicture] = []
    private var current: CodedPicture?
    /// Whether a picture was read so far.
    private var hasPictures = false
    /// Slices of the packet that could not be read.
    private var lost = 0
    /// Whether the packet holds units whose forbidden bit is set, or of types that the standard gives no meaning.
    private var hasUnknownUnits = false
    /// Packets that gave no picture, though they hold more than what stands beside pictures.
    private(set) var lostPackets: [PacketFacts] = []
    /// The first thing in the stream that the library does not read, by name.
    private(set) var outOfScope: String?

    /// Reads the stream's extradata.
    init(extradata: UnsafeRawBufferPointer) { take(extradata: extradata) }

    /// Takes what the container keeps of the codec's parameters: at the start of the stream, or anew with a packet.
    private mutating func take(extradata: UnsafeRawBufferPointer) {
        var sets = sets
        let payload = pool.take()
        units = NALUnits(extradata: extradata) { unit in
            payload.assign(unit)
            if payload.type == 7 || payload.type == 8 { sets.insert(payload) }
        }
        pool.give(payload)
        self.sets = sets
    }

    /// Takes a packet, which holds whole pictures.
    mutating func append(_ packet: borrowing Packet, _ facts: PacketFacts) {
        packet.withNewExtradata { take(extradata: $0) }
        let (units, before) = (units, queue.count)
        let isWhole = packet.withBytes { bytes in units.forEach(in: bytes) { take($0, facts) } }
        finishPicture()
        if queue.count == before, lost > 0 || hasUnknownUnits || !isWhole { lostPackets.append(facts) }
        (lost, hasUnknownUnits) = (0, false)
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
        guard outOfScope == nil, let first = unit.first else { return }
        // forbidden_zero_bit
        guard first < 0x80 else { return hasUnknownUnits = true }
        switch first & 31 {
        case 1, 5:
            let payload = pool.take()
            payload.assign(unit)
            if !takeSlice(payload, packet) { pool.give(payload) }
        case 2, 3, 4: refuse("data partitioning", isAllowed: sets.isExtended)
        case 7, 8:
            let payload = pool.take()
            payload.assign(unit)
            sets.insert(payload)
            pool.give(payload)
        // SEI, delimiters, ends and filler, and what only decoders of extensions read.
        case 6, 9...15, 19...21: break
        default: hasUnknownUnits = true
        }
    }

    /// Ends the scope of the stream at what the library does not read. Where the profile excludes it, and pictures were read
    /// before, it is a damaged slice instead.
    private mutating func refuse(_ reason: String, isAllowed: Bool) {
        guard isAllowed || !hasPictures else { return lost += 1 }
        (outOfScope, current) = (reason, nil)
    }

    /// Whether the payload was kept.
    private mutating func takeSlice(_ payload: Payload, _ packet: PacketFacts) -> Bool {
        do throws(PFrameError) {
            let header = try SliceHeader(payload, sets: sets)
            if let reason = header.outOfScope {
                refuse(reason, isAllowed: true)
                return false
            }
            guard header.type != .switching else {
                refuse("SP or SI slices", isAllowed: header.sequence.isExtended)
                return false
            }
            guard header.redundantCount == 0 else { return false }
            if let current, !header.beginsPicture(after: current.header) { return append(header, payload, to: current) }
            finishPicture()
            current = CodedPicture(packet: packet, header, payload, order: counter.next(header))
            return true
        } catch {
            lost += 1
            return false
        }
    }

    /// Adds a slice that is not the first of its picture; whether it fits.
    private mutating func append(_ header: SliceHeader, _ payload: Payload, to picture: CodedPicture) -> Bool {
        let distance = header.firstMacroblock - picture.lastMacroblock
        // A sequence parameter set that comes between slices holds for none of them: it may tell another size.
        if header.sequence != picture.header.sequence || distance == 0 || picture.slices.count == mostSlices {
            lost += 1
            return false
        }
        if distance < 0 {
            refuse("slices in arbitrary order (ASO)", isAllowed: header.sequence.allowsArbitraryOrder)
            return false
        }
        picture.append(header, payload)
        return true
    }

    private mutating func finishPicture() {
        guard let picture = current else { return }
        hasPictures = true
        picture.lostSlices = lost
        (current, lost) = (nil, 0)
        queue.append(picture)
        numbers.insert(picture)
    }
}
