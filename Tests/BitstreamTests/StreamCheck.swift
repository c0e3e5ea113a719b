import Bitstream
import CKernels
import Codec
import Storage
import SystemPackage

/// Compares what `BitstreamReader` says of a stream with what libavcodec makes of it.
struct StreamCheck {
    var pictures = 0
    var macroblocks = 0
    var slices = 0
    /// Slices that end at their trailing bits, and whose bits add up.
    var wholeSlices = 0
    /// Macroblocks whose QP libavcodec exports, and those where it is the same.
    var quantisers = Tally()
    /// Exported 8×8 blocks that hold one vector here.
    var vectors = Tally()
    /// 8×8 blocks with one vector that libavcodec does not export.
    var unexported = 0
    /// Inter macroblocks that equal their prediction plus the coded residual, in all three planes.
    var identity = Tally()
    /// Pictures in both orders of output.
    var order = Tally()
    /// Pictures that libavcodec did not give.
    var missing = 0
    /// The first differences, in words.
    var notes: [String] = []

    struct Tally: Equatable, CustomStringConvertible {
        var count = 0
        var equal = 0
        var description: String { equal == count ? "\(count)" : "\(equal)/\(count)" }
        mutating func add(_ isEqual: Bool) { (count, equal) = (count + 1, equal + (isEqual ? 1 : 0)) }
        var holds: Bool { equal == count }
    }

    var holds: Bool {
        slices == wholeSlices && quantisers.holds && vectors.holds && unexported == 0 && identity.holds && order.holds
    }

    /// Reads a stream with both.
    init(_ path: FilePath, residual: Bool = true) throws(PFrameError) {
        var options = BitstreamOptions()
        options.residual = residual
        let reader = try BitstreamReader(path: path, options: options)
        var decoded = try DecodedPictures(path)
        var displayed: [(display: Int, packet: Int)] = []
        while let picture = try reader.next() {
            pictures += 1
            displayed.append((picture.display, picture.packet))
            decoded.packets[picture.display] = picture.packet
            checkSlices(picture)
            guard let other = try decoded.picture(packet: picture.packet) else {
                missing += 1
                continue
            }
            checkQuantisers(picture, other)
            checkVectors(picture, other)
            if residual { try checkIdentity(picture, other, &decoded) }
        }
        try decoded.finish()
        // Pictures that libavcodec keeps back at the start of a stream have no place in its order.
        let given = Set(decoded.order)
        let expected = displayed.sorted { $0.display < $1.display }.map(\.packet).filter { given.contains($0) }
        for (mine, theirs) in zip(expected, decoded.order) { order.add(mine == theirs) }
    }

    mutating func note(_ text: String) {
        if notes.count < 5 { notes.append(text) }
    }

    private mutating func checkSlices(_ picture: BitstreamPicture) {
        slices += picture.slices.count
        var bits = picture.slices.map(\.headerBits)
        picture.withMacroblocks { all in
            for record in all where record.slice >= 0 {
                macroblocks += 1
                bits[Int(record.slice)] += Int(record.headerBits) + Int(record.coefficientBits)
            }
        }
        for (number, slice) in picture.slices.enumerated() {
            let isDamaged = picture.damage.contains { $0.slice == number }
            if !isDamaged, bits[number] == slice.bits {
                wholeSlices += 1
            } else {
                let damage = picture.damage.first { $0.slice == number }.map { "\($0.macroblock)" } ?? "none"
                note(
                    "packet \(picture.packet) slice \(number): \(bits[number]) bits of \(slice.bits), damage \(damage)")
            }
        }
    }

    private mutating func checkQuantisers(_ picture: BitstreamPicture, _ other: Picture) {
        let exported = other.quantisers
        picture.withMacroblocks { all in
            guard exported.count == all.count else { return }
            for (address, record) in all.enumerated() where record.slice >= 0 {
                quantisers.add(record.qp == exported[address])
                if record.qp != exported[address] {
                    note("packet \(picture.packet) macroblock \(address): QP \(record.qp), not \(exported[address])")
                }
            }
        }
    }

    private mutating func checkVectors(_ picture: BitstreamPicture, _ other: Picture) {
        let width = picture.width * 2
        // By list and 8×8 block: its vector, and whether it holds one vector alone.
        var mine = [[BlockVector?]](repeating: .init(repeating: nil, count: width * picture.height * 2), count: 2)
        var isMixed = [[Bool]](repeating: .init(repeating: false, count: width * picture.height * 2), count: 2)
        var types = [MacroblockType](repeating: .pcm, count: picture.width * picture.height)
        picture.withMacroblocks { all in
            for (address, record) in all.enumerated() { types[address] = record.type }
        }
        picture.forEachBlock { block in
            for list in 0..<2 where block.indices[list] >= 0 {
                let vector = list == 0 ? block.first : block.second
                for y in stride(from: block.y, to: block.y + block.height, by: 8) {
                    for x in stride(from: block.x, to: block.x + block.width, by: 8) {
                        let place = y / 8 * width + x / 8
                        if let earlier = mine[list][place], earlier != vector { isMixed[list][place] = true }
                        mine[list][place] = vector
                    }
                }
            }
        }
        var seen = [[Bool]](repeating: .init(repeating: false, count: width * picture.height * 2), count: 2)
        var rows: [MotionVector] = []
        other.readMotionVectors(into: &rows)
        for row in rows {
            let list = row.source < 0 ? 0 : 1
            for y in stride(from: row.top, to: row.top + Int(row.height), by: 8) {
                for x in stride(from: row.left, to: row.left + Int(row.width), by: 8) {
                    let place = y / 8 * width + x / 8
                    seen[list][place] = true
                    guard let vector = mine[list][place], !isMixed[list][place] else { continue }
                    let isEqual = Int32(vector.x) == row.motionX && Int32(vector.y) == row.motionY
                    vectors.add(isEqual)
                    if !isEqual {
                        let type = types[y / 16 * picture.width + x / 16]
                        let place = "packet \(picture.packet) at \(x), \(y) list \(list) \(type)"
                        note("\(place): \(vector.x), \(vector.y), not \(row.motionX), \(row.motionY)")
                    }
                }
            }
        }
        for list in 0..<2 {
            for place in seen[list].indices where mine[list][place] != nil && !seen[list][place] {
                unexported += 1
                note("packet \(picture.packet) block \(place) list \(list): not exported")
            }
        }
    }
}

/// The pictures of a stream by packet, decoded without loop filter.
struct DecodedPictures {
    private let reader: VideoReader
    private var pictures: [Int: Picture] = [:]
    private var hasEnded = false
    /// Packets in order of output.
    private(set) var order: [Int] = []
    /// The packet of each display index.
    var packets: [Int: Int] = [:]

    init(_ path: FilePath) throws(PFrameError) {
        var options = DecoderOptions()
        options.loopFilter = false
        options.exportsQuantisers = true
        reader = try VideoReader(path: path, options: options)
    }

    private mutating func advance() throws(PFrameError) {
        guard let picture = try reader.next() else {
            hasEnded = true
            return
        }
        guard let packet = picture.packetNumber else { return }
        order.append(packet)
        pictures[packet] = picture
        // No stream refers far back; long-term references of short streams remain.
        if pictures.count > 160, let first = pictures.keys.min() { pictures[first] = nil }
    }

    /// The picture of a packet; nil where libavcodec gave none.
    mutating func picture(packet: Int) throws(PFrameError) -> Picture? {
        while pictures[packet] == nil, !hasEnded { try advance() }
        return pictures[packet]
    }

    mutating func picture(display: Int) throws(PFrameError) -> Picture? {
        guard let packet = packets[display] else { return nil }
        return try picture(packet: packet)
    }

    mutating func finish() throws(PFrameError) {
        while !hasEnded { try advance() }
    }
}
