import Storage

/// How the macroblocks of a slice predict.
public enum SliceType: UInt8, Sendable {
    /// From one list of references.
    case p
    /// From two lists.
    case b
    /// From no other picture.
    case i
    /// SP and SI: outside what the library reads.
    case switching

    init?(syntax number: Int) {
        guard number < 10 else { return nil }
        self = [.p, .b, .i, .switching, .switching][number % 5]
    }
}

/// A slice header (ITU-T H.264, 7.3.3).
struct SliceHeader {
    /// One command of `ref_pic_list_modification`.
    struct Modification {
        /// `modification_of_pic_nums_idc`: 0 and 1 subtract and add, 2 names a long-term picture.
        let kind: Int
        /// `abs_diff_pic_num_minus1` or `long_term_pic_num`.
        let value: Int
    }

    /// One command of `dec_ref_pic_marking`: the operation, and its one or two operands.
    struct MemoryControl: Equatable {
        let operation: Int
        let first: Int
        let second: Int
    }

    let sequence: SequenceParameters
    let picture: PictureParameters
    let unitType: Int
    let referenceIDC: Int
    let firstMacroblock: Int
    let type: SliceType
    let frameNumber: Int
    let isField: Bool
    private(set) var idrPictureID = 0
    /// `pic_order_cnt_lsb`.
    private(set) var orderBits = 0
    /// `delta_pic_order_cnt_bottom`, or both `delta_pic_order_cnt`.
    private(set) var orderDelta = [0, 0]
    private(set) var redundantCount = 0
    private(set) var directIsSpatial = false
    /// Pictures in list 0 and list 1.
    private(set) var activeReferences = [0, 0]
    private(set) var modifications: [[Modification]] = [[], []]
    private(set) var weights: WeightTable?
    private(set) var longTermReference = false
    /// Nil for the sliding window.
    private(set) var memoryControl: [MemoryControl]?
    /// 0 for I slices, `cabac_init_idc` + 1 for others.
    private(set) var contextKind = 0
    private(set) var qp = 0
    /// Where slice data begins, in bits of the payload.
    private(set) var dataPosition = 0

    var isIDR: Bool { unitType == 5 }
    var isReference: Bool { referenceIDC > 0 }
    /// Operation 5 of memory control: the picture forgets all before it, as an IDR does.
    var hasReset: Bool { memoryControl?.contains { $0.operation == 5 } ?? false }

    /// What makes the library refuse the slice's stream, by name; nil where it is in scope.
    var outOfScope: String? {
        if let reason = sequence.outOfScope ?? picture.outOfScope { return reason }
        return isField ? "field pictures" : nil
    }

    /// Reads the header of a payload of type 1 or 5; that of a slice out of scope only as far as to say so.
    ///
    /// - Throws: `PFrameError` for what cannot be, and where a parameter set is missing.
    init(_ payload: Payload, sets: ParameterSets) throws(PFrameError) {
        var bits = payload.bits
        unitType = payload.type
        referenceIDC = payload.referenceIDC
        firstMacroblock = bits.unsigned()
        let typeNumber = bits.unsigned()
        let setNumber = bits.unsigned()
        guard !bits.isExhausted, let type = SliceType(syntax: typeNumber) else { throw Self.damage }
        guard let (sequence, picture) = sets.sets(setNumber) else {
            throw PFrameError(.damaged, "a slice names picture parameter set \(setNumber), which was not sent")
        }
        (self.type, self.sequence, self.picture) = (type, sequence, picture)
        frameNumber = bits.read(sequence.frameNumberBits)
        isField = !sequence.framesOnly && bits.flag()
        guard outOfScope == nil, type != .switching else { return }
        readOrder(&bits)
        try readReferences(&bits)
        if isReference { try readMarking(&bits) }
        if picture.isCABAC, type != .i { contextKind = bits.unsigned() + 1 }
        qp = picture.qp &+ bits.signed()
        if picture.hasDeblockingControl, bits.unsigned() != 1 { (_, _) = (bits.signed(), bits.signed()) }
        dataPosition = bits.position
        guard !bits.isExhausted, contextKind <= 3, (0...51).contains(qp), firstMacroblock < sequence.macroblocks,
            dataPosition <= payload.stopBit
        else { throw Self.damage }
    }

    private static var damage: PFrameError { PFrameError(.damaged, "a slice header is damaged") }

    private mutating func readOrder(_ bits: inout BitReader) {
        if isIDR { idrPictureID = bits.unsigned() }
        switch sequence.orderCount {
        case .leastBits(let size):
            orderBits = bits.read(size)
            if picture.hasBottomOrder { orderDelta[0] = bits.signed() }
        case .cycle(alwaysZero: false, nonReference: _, topToBottom: _, offsets: _):
            orderDelta[0] = bits.signed()
            if picture.hasBottomOrder { orderDelta[1] = bits.signed() }
        default: break
        }
        if picture.hasRedundantPictures { redundantCount = bits.unsigned() }
    }

    private mutating func readReferences(_ bits: inout BitReader) throws(PFrameError) {
        if type == .b { directIsSpatial = bits.flag() }
        guard type != .i else { return }
        let lists = type == .b ? 2 : 1
        activeReferences = [picture.activeReferences[0], lists == 2 ? picture.activeReferences[1] : 0]
        if bits.flag() {
            for list in 0..<lists { activeReferences[list] = bits.unsigned() + 1 }
        }
        // Only fields have more.
        guard activeReferences.allSatisfy({ $0 <= 16 }) else { throw Self.damage }
        for list in 0..<lists where bits.flag() {
            while true {
                let kind = bits.unsigned()
                if kind == 3 { break }
                guard kind < 3, modifications[list].count <= 66 else { throw Self.damage }
                modifications[list].append(Modification(kind: kind, value: bits.unsigned()))
            }
        }
        if type == .p ? picture.weightsP : picture.weightsB == 1 {
            weights = try WeightTable(&bits, counts: activeReferences, hasChroma: sequence.chromaFormat > 0)
        }
    }

    private mutating func readMarking(_ bits: inout BitReader) throws(PFrameError) {
        if isIDR {
            // no_output_of_prior_pics_flag: all pictures are kept here.
            _ = bits.flag()
            longTermReference = bits.flag()
            return
        }
        guard bits.flag() else { return }
        var commands: [MemoryControl] = []
        while true {
            let operation = bits.unsigned()
            if operation == 0 { break }
            guard operation <= 6, commands.count < 66 else { throw Self.damage }
            let first = operation == 5 ? 0 : bits.unsigned()
            let second = operation == 3 ? bits.unsigned() : 0
            commands.append(MemoryControl(operation: operation, first: first, second: second))
        }
        memoryControl = commands
    }

    /// Whether the slice begins another primary picture than an earlier slice did (7.4.1.2.4).
    func beginsPicture(after other: SliceHeader) -> Bool {
        frameNumber != other.frameNumber || picture.id != other.picture.id || isReference != other.isReference
            || orderBits != other.orderBits || orderDelta != other.orderDelta || isIDR != other.isIDR
            || (isIDR && idrPictureID != other.idrPictureID)
    }
}

/// `pred_weight_table` (ITU-T H.264, 7.3.3.2): weights and offsets of luma, Cb and Cr of each reference.
package struct WeightTable: Sendable {
    /// The weights of one reference.
    struct Entry: Equatable {
        /// Of luma, Cb and Cr.
        let weights: SIMD4<Int32>
        let offsets: SIMD4<Int32>
    }

    let lumaShift: Int
    let chromaShift: Int
    /// By list and reference index.
    var entries: [[Entry]] = [[], []]

    /// A table without entries.
    init(lumaShift: Int, chromaShift: Int) { (self.lumaShift, self.chromaShift) = (lumaShift, chromaShift) }

    fileprivate init(_ bits: inout BitReader, counts: [Int], hasChroma: Bool) throws(PFrameError) {
        lumaShift = bits.unsigned()
        chromaShift = hasChroma ? bits.unsigned() : 0
        guard lumaShift <= 7, chromaShift <= 7 else { throw PFrameError(.damaged, "a weight table is damaged") }
        for list in 0..<2 {
            for _ in 0..<counts[list] {
                var weights = SIMD4<Int32>(1 << Int32(lumaShift), 1 << Int32(chromaShift), 1 << Int32(chromaShift), 0)
                var offsets = SIMD4<Int32>()
                if bits.flag() {
                    weights[0] = Int32(truncatingIfNeeded: bits.signed())
                    offsets[0] = Int32(truncatingIfNeeded: bits.signed())
                }
                if hasChroma, bits.flag() {
                    for plane in 1...2 {
                        weights[plane] = Int32(truncatingIfNeeded: bits.signed())
                        offsets[plane] = Int32(truncatingIfNeeded: bits.signed())
                    }
                }
                let limit = SIMD4<Int32>(repeating: 128)
                guard all(weights .>= 0 &- limit), all(weights .<= limit), all(offsets .>= 0 &- limit),
                    all(offsets .< limit)
                else { throw PFrameError(.damaged, "a weight table is damaged") }
                entries[list].append(Entry(weights: weights, offsets: offsets))
            }
        }
    }
}
