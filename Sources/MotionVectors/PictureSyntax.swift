import Bitstream
import Codec
import Storage

/// What the bitstream says of one picture, kept until the picture's turn.
///
/// Beside a decoder, pictures have the numbers of their packets until ``renumber(frame:_:)``; else the numbers are
/// display indices.
struct PictureSyntax {
    /// Its coded size.
    let size: Size
    /// The rows of `motion.npy`: by macroblock, then list, then block.
    private(set) var rows: [MotionRow] = []
    /// The slice and the reference index of every row.
    private(set) var indices: [RowIndices] = []
    /// Its slices.
    private(set) var slices: [SliceSyntax]
    /// How it predicts: as the slice does that predicts from most lists.
    let type: PictureType
    /// Its picture order count.
    let order: Int
    /// `nal_ref_idc`.
    let referenceIDC: Int
    /// Whether the stream does not hold all of it.
    let isDamaged: Bool
    /// The pictures that later ones may predict from once this one is decoded.
    let kept: [Int]
    /// Its macroblocks, where asked for.
    private(set) var macroblocks: MacroblockTables?
    /// What the decoder adds to its prediction, where asked for.
    let residual: Residual?

    /// Copies what is lent.
    ///
    /// - Parameters:
    ///   - picture: the picture.
    ///   - keepsMacroblocks: keep a row of every macroblock.
    ///   - residual: where the coded residual goes; nil for none.
    init(_ picture: BitstreamPicture, keepsMacroblocks: Bool, residual: Residual?) {
        size = picture.size
        slices = picture.slices.map { SliceSyntax($0) }
        type =
            switch picture.type {
            case .p: .predicted
            case .b: .bidirectional
            default: .intra
            }
        (order, referenceIDC, isDamaged) = (picture.order, picture.referenceIDC, picture.isDamaged)
        kept = picture.kept
        macroblocks = keepsMacroblocks ? MacroblockTables(picture) : nil
        if let residual, let coded = picture.residual { residual.copy(coded) }
        self.residual = residual
        appendRows(of: picture)
    }

    /// The blocks of a macroblock in list 0, then in list 1.
    private mutating func appendRows(of picture: BitstreamPicture) {
        var second: (rows: [MotionRow], indices: [RowIndices]) = ([], [])
        picture.withMacroblocks { macroblocks in
            // A macroblock has more than one row where it has parts or two lists.
            let capacity = macroblocks.count * (picture.type == .b ? 2 : 1) + macroblocks.count / 2
            rows.reserveCapacity(capacity)
            indices.reserveCapacity(capacity)
            var (macroblock, slice) = (-1, Int16(-1))
            picture.forEachBlock { block in
                if block.macroblock != macroblock {
                    if !second.rows.isEmpty {
                        rows += second.rows
                        indices += second.indices
                        second.rows.removeAll(keepingCapacity: true)
                        second.indices.removeAll(keepingCapacity: true)
                    }
                    macroblock = block.macroblock
                    slice = Int16(truncatingIfNeeded: macroblocks[macroblock].slice)
                }
                if block.indices[0] >= 0 {
                    rows.append(MotionRow(block, list: 0, block.first, frame: picture.display))
                    indices.append(RowIndices(slice: slice, index: Int16(block.indices[0])))
                }
                if block.indices[1] >= 0 {
                    second.rows.append(MotionRow(block, list: 1, block.second, frame: picture.display))
                    second.indices.append(RowIndices(slice: slice, index: Int16(block.indices[1])))
                }
            }
        }
        rows += second.rows
        indices += second.indices
    }

    /// Gives the rows away.
    mutating func takeRows() -> [MotionRow] {
        defer { rows = [] }
        return rows
    }

    /// Replaces the numbers of pictures.
    ///
    /// - Parameters:
    ///   - frame: the picture's own new number.
    ///   - number: the new number of a picture, or `MotionRow.unused`.
    mutating func renumber(frame: Int32, _ number: (Int) -> Int32) {
        var known: (old: Int32, new: Int32) = (-1, MotionRow.unused)
        for index in rows.indices {
            let old = rows[index].reference
            if old != known.old { known = (old, number(Int(old))) }
            (rows[index].frame, rows[index].reference) = (frame, known.new)
        }
        macroblocks?.setFrame(frame)
        for slice in slices.indices {
            for list in 0..<2 {
                slices[slice].references[list] = slices[slice].references[list].map { Int(number($0)) }
            }
        }
    }
}

/// What the bitstream says of a slice.
struct SliceSyntax {
    let type: SliceType
    let firstMacroblock: Int
    let qp: Int
    let headerBits: Int
    let bits: Int
    /// The numbers of the pictures in list 0 and list 1; −1 for one that the stream does not hold.
    var references: [[Int]]
    let weighting: BitstreamSlice.Weighting
    let weights: SliceWeights

    init(_ slice: BitstreamSlice) {
        type = slice.type
        (firstMacroblock, qp) = (slice.firstMacroblock, slice.qp)
        (headerBits, bits) = (slice.headerBits, slice.bits)
        references = slice.references
        (weighting, weights) = (slice.weighting, slice.weights)
    }

    /// I, P or B.
    var letter: String {
        switch type {
        case .p: "P"
        case .b: "B"
        default: "I"
        }
    }
}

extension MotionRow {
    fileprivate init(_ block: Bitstream.PredictedBlock, list: Int, _ vector: BlockVector, frame: Int) {
        let (x, y) = (Int32(block.x + block.width / 2), Int32(block.y + block.height / 2))
        self.init(
            frame: Int32(truncatingIfNeeded: frame), reference: block.references[list],
            vector: MotionVector(
                source: list == 0 ? -1 : 1, width: Int32(block.width), height: Int32(block.height),
                sourceX: x + Int32(vector.x) / 4, sourceY: y + Int32(vector.y) / 4, destinationX: x, destinationY: y,
                motionX: Int32(vector.x), motionY: Int32(vector.y), motionScale: 4))
    }
}

extension Residual {
    /// Copies a coded residual of the same size.
    fileprivate func copy(_ coded: CodedResidual) {
        for index in 0..<3 {
            withPlane(index) { target in coded.withPlane(index) { _ = target.update(fromContentsOf: $0) } }
        }
    }
}

/// The columns of `frames.csv` that the bitstream adds.
public struct FrameSyntax: Sendable, Equatable {
    /// I, P and B, each once, in the order of the slices; empty where the bitstream does not tell.
    public var sliceTypes = ""
    /// The picture order count.
    public var order: Int?
    /// `nal_ref_idc`: above 0 where later pictures may predict from this one.
    public var referenceIDC: Int?
    /// Bits of the headers of all slices.
    public var headerBits: Int?
    /// The display indices of the frames that it may predict from: those in the active lists of its slices, list 0
    /// before list 1, each once.
    public var references: [Int]

    /// What is known of a picture whose references were inferred.
    init(_ rows: [MotionRow]) {
        references = Array(Set(rows.lazy.map { Int($0.reference) }.filter { $0 >= 0 })).sorted()
    }

    init(_ picture: PictureSyntax) {
        references = []
        for slice in picture.slices where !sliceTypes.contains(slice.letter) { sliceTypes += slice.letter }
        (order, referenceIDC) = (picture.order, picture.referenceIDC)
        headerBits = picture.slices.reduce(0) { $0 + $1.headerBits }
        for list in 0..<2 {
            for slice in picture.slices {
                for frame in slice.references[list] where frame >= 0 && !references.contains(frame) {
                    references.append(frame)
                }
            }
        }
    }

    /// The names of its columns.
    static let header = "slice_types,order,nal_ref_idc,slice_header_bits,references"
    static let columns = 5

    /// Its part of a line in `frames.csv`.
    var csvFields: [String] {
        func text(_ value: Int?) -> String { value.map { "\($0)" } ?? "" }
        return [
            sliceTypes, text(order), text(referenceIDC), text(headerBits),
            references.map { "\($0)" }.joined(separator: " "),
        ]
    }

    /// Reads its part of a line, nil if it is none.
    init?(csvFields fields: ArraySlice<Substring>) {
        let fields = Array(fields)
        let numbers = fields[4].split(separator: " ")
        references = numbers.compactMap { Int($0) }
        guard references.count == numbers.count, references.allSatisfy({ (0..<1 << 31).contains($0) }) else {
            return nil
        }
        (sliceTypes, order) = (String(fields[0]), Int(fields[1]))
        (referenceIDC, headerBits) = (Int(fields[2]), Int(fields[3]))
    }
}
