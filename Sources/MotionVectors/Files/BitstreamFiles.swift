import Bitstream
import Codec
import Storage
import SystemPackage

/// The open files of an extraction from the bitstream.
final class BitstreamFiles {
    /// The files that only such an extraction writes.
    static let names = ["macroblocks.npy", "bits.npy", "qp.npy", "slices.csv", "weights.csv"]

    private var folder: StagedFolder
    private let motion: MotionWriter
    private let macroblocks: NPYWriter
    private let bits: NPYWriter
    private let quantisers: NPYWriter
    private var slices: OutputFile
    private var weights: OutputFile
    private let size: Size
    private let fieldCellSize: Int?
    private var field: (vectors: NPYWriter, mask: NPYWriter)?

    init(_ path: FilePath, size: Size, _ output: ExtractionOutput) throws(PFrameError) {
        var folder = try StagedFolder(path: path)
        let grid = [size.height / 16, size.width / 16]
        motion = try MotionWriter(path: folder.stage("motion.npy"), format: output.motionFormat)
        macroblocks = try NPYWriter(
            path: folder.stage("macroblocks.npy"), type: .int32, itemShape: [MacroblockRow.columns.count])
        bits = try NPYWriter(path: folder.stage("bits.npy"), type: .uint32, itemShape: grid)
        quantisers = try NPYWriter(path: folder.stage("qp.npy"), type: .int8, itemShape: grid)
        var slices = try OutputFile(path: folder.stage("slices.csv"))
        try slices.write(SliceLines.header + "\n")
        self.slices = slices
        var weights = try OutputFile(path: folder.stage("weights.csv"))
        try weights.write(SliceLines.weightHeader + "\n")
        self.weights = weights
        self.folder = folder
        (self.size, fieldCellSize) = (size, output.fieldCellSize)
    }

    func write(_ frame: BitstreamFrame) throws(PFrameError) {
        try motion.append(frame.rows)
        try macroblocks.append(frame.macroblocks)
        try bits.append(frame.bits)
        try quantisers.append(frame.quantisers)
        for line in frame.slices { try slices.write(line + "\n") }
        for line in frame.weights { try weights.write(line + "\n") }
        guard let fieldCellSize else { return }
        let dense = MotionField(frame.rows, size: size, cellSize: fieldCellSize)
        if field == nil {
            let vectors = try NPYWriter(
                path: folder.stage("field.npy"), type: .int16, itemShape: [dense.rows, dense.columns, 2])
            let mask = try NPYWriter(
                path: folder.stage("mask.npy"), type: .uint8, itemShape: [dense.rows, dense.columns])
            field = (vectors, mask)
        }
        try field?.vectors.append(dense.vectors)
        try field?.mask.append(dense.mask)
    }

    /// Completes every file; returns their size in bytes.
    func finish(_ records: [FrameRecord], _ description: StreamDescription) throws(PFrameError) -> Int {
        try motion.close()
        for file in [macroblocks, bits, quantisers, field?.vectors, field?.mask] { try file?.close() }
        try slices.close()
        try weights.close()
        return try folder.complete(records, description)
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

/// Lines of `slices.csv` and `weights.csv`.
enum SliceLines {
    static let header =
        "frame,slice,type,first_macroblock,order,nal_ref_idc,qp,header_bits,bits,references0,references1"
    static let weightHeader =
        "frame,slice,kind,index0,index1,reference0,reference1,plane,shift,weight0,weight1,offset0,offset1"

    static func slice(_ number: Int, of picture: BitstreamPicture) -> String {
        let slice = picture.slices[number]
        let references = slice.references.map { $0.map { "\($0)" }.joined(separator: " ") }
        let type =
            switch slice.type {
            case .p: "P"
            case .b: "B"
            default: "I"
            }
        let fields: [Any] = [
            picture.display, number, type, slice.firstMacroblock, picture.order, picture.referenceIDC, slice.qp,
            slice.headerBits, slice.bits, references[0], references[1],
        ]
        return fields.map { "\($0)" }.joined(separator: ",")
    }

    /// Explicit weights by list and index, implicit ones by pairs of indices.
    static func weights(_ number: Int, of picture: BitstreamPicture) -> [String] {
        let slice = picture.slices[number]
        let (first, second) = (slice.references[0], slice.references[1])
        var pairs: [(Int, Int)] = []
        switch slice.weighting {
        case .none: return []
        case .explicit: pairs = first.indices.map { ($0, -1) } + second.indices.map { (-1, $0) }
        case .implicit: pairs = first.indices.flatMap { one in second.indices.map { (one, $0) } }
        }
        return pairs.flatMap { one, two -> [String] in
            guard let weights = slice.weights(first: one, second: two) else { return [] }
            return (0..<3).map { plane in
                func of(_ index: Int, _ value: Int32) -> String { index < 0 ? "" : "\(value)" }
                let fields = [
                    "\(picture.display)", "\(number)", slice.weighting.rawValue, of(one, Int32(one)),
                    of(two, Int32(two)), one < 0 ? "" : "\(first[one])", two < 0 ? "" : "\(second[two])",
                    ["y", "cb", "cr"][plane], "\(weights.shift[plane])", of(one, weights.first[plane]),
                    of(two, weights.second[plane]), of(one, weights.firstOffset[plane]),
                    of(two, weights.secondOffset[plane]),
                ]
                return fields.joined(separator: ",")
            }
        }
    }
}
