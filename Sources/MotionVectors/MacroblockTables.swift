import Bitstream

/// The macroblocks of a picture, as rows and grids of files.
struct MacroblockTables {
    /// Rows of `macroblocks.npy`, in raster order.
    private(set) var rows: [Int32]
    /// Bits of each macroblock.
    private(set) var bits: [UInt32] = []
    /// Luma QP of each macroblock; −1 for one that the stream does not hold.
    private(set) var quantisers: [Int8] = []

    /// Copies what is lent.
    init(_ picture: BitstreamPicture) {
        self = picture.withMacroblocks { MacroblockTables($0, width: picture.width, frame: picture.display) }
    }

    /// Nothing is known of the macroblocks of a picture of `width` × `height` macroblocks.
    init(unknown width: Int, _ height: Int, frame: Int) {
        self = [Macroblock](repeating: Macroblock(), count: width * height).withUnsafeBufferPointer {
            MacroblockTables($0, width: width, frame: frame)
        }
    }

    private init(_ all: UnsafeBufferPointer<Macroblock>, width: Int, frame: Int) {
        let columns = MacroblockRow.columns.count
        rows = [Int32](unsafeUninitializedCapacity: all.count * columns) { values, initialized in
            initialized = all.count * columns
            guard var row = values.baseAddress else { return }
            for (address, macroblock) in all.enumerated() {
                let (y, x) = address.quotientAndRemainder(dividingBy: width)
                MacroblockRow.fill(row, macroblock, x: x, y: y, frame: frame)
                row += columns
            }
        }
        bits = all.map { $0.headerBits + $0.coefficientBits }
        quantisers = all.map { $0.slice < 0 ? -1 : $0.qp }
    }

    /// Says which frame the macroblocks are of.
    mutating func setFrame(_ frame: Int32) {
        for place in stride(from: 0, to: rows.count, by: MacroblockRow.columns.count) { rows[place] = frame }
    }
}

/// A row of `macroblocks.npy`.
enum MacroblockRow {
    /// The columns in order.
    static let columns = [
        "frame", "x", "y", "slice", "type", "transform_8x8", "coded_block_pattern", "qp", "qp_cb", "qp_cr",
        "intra_chroma_mode", "header_bits", "coefficient_bits", "sub_0", "sub_1", "sub_2", "sub_3",
        "intra_modes_upper", "intra_modes_lower",
    ]
    static let typeColumn = 4

    /// Fills the row of a macroblock; all but its place is −1 where the stream does not hold it.
    static func fill(
        _ row: UnsafeMutablePointer<Int32>, _ macroblock: Macroblock, x: Int, y: Int, frame: Int
    ) {
        (row[0], row[1], row[2]) = (Int32(frame), Int32(x), Int32(y))
        guard macroblock.slice >= 0 else {
            for column in 3..<columns.count { row[column] = -1 }
            return
        }
        row[3] = macroblock.slice
        row[typeColumn] = Int32(macroblock.type.rawValue)
        row[5] = macroblock.hasTransform8x8 ? 1 : 0
        row[6] = Int32(macroblock.codedBlockPattern)
        (row[7], row[8], row[9]) = (
            Int32(macroblock.qp), Int32(macroblock.chromaQP[0]), Int32(macroblock.chromaQP[1])
        )
        row[10] = Int32(macroblock.intraChromaMode)
        (row[11], row[12]) = (Int32(macroblock.headerBits), Int32(macroblock.coefficientBits))
        for quarter in 0..<4 { row[13 + quarter] = sub(macroblock, quarter) }
        for half in 0..<2 { row[17 + half] = modes(macroblock, half) }
    }

    /// width · 100 + height · 10 + lists (1, 2, or 3 for both), 0 for a direct one, −1 outside 8×8 types.
    private static func sub(_ macroblock: Macroblock, _ quarter: Int) -> Int32 {
        guard macroblock.type.hasSubMacroblocks else { return -1 }
        let sub = macroblock.subMacroblock(quarter)
        guard !sub.isDirect else { return 0 }
        let lists = (sub.uses(list: 0) ? 1 : 0) + (sub.uses(list: 1) ? 2 : 0)
        return Int32(sub.width * 100 + sub.height * 10 + lists)
    }

    /// Eight intra modes of 4 bits, the first lowest; −1 outside intra.
    private static func modes(_ macroblock: Macroblock, _ half: Int) -> Int32 {
        guard macroblock.type.isIntra else { return -1 }
        var packed: UInt32 = 0
        for block in 0..<8 {
            guard let mode = macroblock.intraMode(x: block % 4, y: half * 2 + block / 4) else { return -1 }
            packed |= UInt32(mode) << UInt32(block * 4)
        }
        return Int32(bitPattern: packed)
    }
}
