public import Codec
import Storage

/// One row of `frames.csv`: the facts about a picture.
public struct FrameRecord: Sendable, Equatable {
    /// Number of its packet, from 0: decode order.
    public var decode: Int
    /// Display index, or −1 for a damaged packet that gave no picture.
    public var display: Int
    /// Presentation time in the stream's time base, as ffprobe's `best_effort_timestamp` tells it; nil if the container
    /// has neither pts nor dts.
    public var pts: Int?
    /// Presentation time in seconds.
    public var seconds: Double?
    /// I, P or B.
    public var type: PictureType
    /// Whether decoding can start here.
    public var isKey: Bool
    /// Coded in fields or MBAFF: its vectors are exported but not trusted.
    public var isInterlaced: Bool
    /// The decoder found errors in it.
    public var isDamaged: Bool
    /// Rows of `motion.npy`.
    public var vectors: Int
    /// Size of its packet.
    public var bytes: Int
    /// Whether later pictures may predict from it.
    public var isReference: Bool
    /// What the bitstream adds; nil where it was not read.
    public var syntax: FrameSyntax?

    /// Field and MBAFF pictures, whose vectors cannot be trusted, are predicted as a copy of the last reference picture.
    var predictsUnmoved: Bool { isInterlaced && !isDamaged && type != .intra }

    /// The first line of `frames.csv`, without and with what the bitstream adds.
    static let header = "decode,display,pts,seconds,type,key,interlaced,damaged,vectors,bytes,reference"
    static let syntaxHeader = header + "," + FrameSyntax.header

    /// Its line in `frames.csv`.
    var csvLine: String {
        func flag(_ value: Bool) -> String { value ? "1" : "0" }
        let fields = [
            "\(decode)", "\(display)", pts.map { "\($0)" } ?? "", seconds.map { "\($0)" } ?? "", type.rawValue,
            flag(isKey), flag(isInterlaced), flag(isDamaged), "\(vectors)", "\(bytes)", flag(isReference),
        ]
        return (fields + (syntax?.csvFields ?? [])).joined(separator: ",")
    }

    /// Reads a line of `frames.csv`, nil if it is none.
    init?(csvLine: Substring) {
        let fields = csvLine.split(separator: ",", omittingEmptySubsequences: false)
        guard fields.count == 11 || fields.count == 11 + FrameSyntax.columns, let decode = Int(fields[0]),
            let display = Int(fields[1]),
            let type = PictureType(rawValue: String(fields[4])), let vectors = Int(fields[8]),
            let bytes = Int(fields[9]), (0..<1 << 32).contains(vectors), (-1..<1 << 31).contains(display),
            (-1..<1 << 31).contains(decode)
        else { return nil }
        let seconds = Double(fields[3])
        // Beyond the range of any clock, and not to be counted in frames.
        guard seconds.map({ abs($0) < 1e12 }) ?? true else { return nil }
        self.decode = decode
        self.display = display
        pts = Int(fields[2])
        self.seconds = seconds
        self.type = type
        isKey = fields[5] == "1"
        isInterlaced = fields[6] == "1"
        isDamaged = fields[7] == "1"
        self.vectors = vectors
        self.bytes = bytes
        isReference = fields[10] == "1"
        guard fields.count > 11 else { return }
        guard let syntax = FrameSyntax(csvFields: fields[11...]) else { return nil }
        self.syntax = syntax
    }

    /// Describes a delivered picture.
    init(_ picture: Picture, display: Int, packet: PacketRecord?, timeBase: Rational, vectors: Int) {
        decode = picture.packetNumber ?? display
        self.display = display
        pts = picture.time
        seconds = pts.map { Double($0) * timeBase.value }
        type = picture.type
        isKey = picture.isKey
        isInterlaced = picture.isInterlaced || packet?.isMBAFF == true
        isDamaged = picture.isDamaged || packet?.isDamaged == true
        self.vectors = vectors
        bytes = packet?.size ?? 0
        isReference = packet?.isReference ?? false
    }

    /// Describes a damaged packet that gave no picture.
    init(lost number: Int, packet: PacketRecord, timeBase: Rational) {
        decode = number
        display = -1
        pts = packet.pts
        seconds = pts.map { Double($0) * timeBase.value }
        type = .other
        isKey = false
        isInterlaced = packet.isMBAFF
        isDamaged = true
        vectors = 0
        bytes = packet.size
        isReference = packet.isReference
    }
}
