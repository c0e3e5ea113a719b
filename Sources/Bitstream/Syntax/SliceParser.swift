/// Parses the macroblocks of a slice one by one (ITU-T H.264, 7.3.4 and 7.3.5), for either entropy coding.
///
/// What it finds stands in ``PictureMotion``: the record of the macroblock, its vector differences in the place of its
/// vectors, and its reference indices. Levels stand in ``ParserMemory`` until the next macroblock.
struct SliceParser<Entropy: EntropyReader> {
    var entropy: Entropy
    let width: Int
    private let macroblocks: Int
    let type: SliceType
    let slice: Int32
    let records: UnsafeMutablePointer<Macroblock>
    let counts: NeighbourCounts
    let differences: (NeighbourDifferences, NeighbourDifferences)
    private let bottomCounts: UnsafeMutablePointer<UInt8>
    private let bottomDifferences: UnsafeMutablePointer<UInt16>
    private let vectors: UnsafeMutablePointer<BlockVector>
    private let indices: UnsafeMutablePointer<Int8>
    let levels: UnsafeMutablePointer<Int16>
    let scans = Scans.shared
    private let activeReferences: (Int, Int)
    private let chromaOffsets: (Int, Int)
    private let chromaQP: UnsafePointer<Int16>
    let hasChroma: Bool
    let allows8x8: Bool
    let directInfers8x8: Bool
    let constrainedIntra: Bool
    private let bypassesAtZero: Bool
    private(set) var place: MacroblockPlace
    /// Lists of the partitions of a macroblock without sub-macroblocks, as bits.
    private(set) var partitionLists = (0, 0)
    /// Whether coefficients of the current macroblock lie in `levels`.
    private(set) var hasLevels = false
    private var qp: Int
    private var lastDeltaIsZero = true
    private var isFirst = true
    /// Whether the last macroblock was reached in order.
    private(set) var isDone = false

    /// Begins a slice of a picture.
    ///
    /// - Precondition: the slice begins in the picture.
    init(_ payload: Payload, _ header: SliceHeader, number: Int, memory: ParserMemory, motion: PictureMotion) {
        precondition(header.firstMacroblock < memory.width * memory.height, "the slice is of another picture")
        entropy = Entropy(payload, header: header, scratch: memory.scratch)
        (records, vectors, indices) = (motion.records, motion.vectors, motion.indices)
        (width, macroblocks) = (memory.width, memory.width * memory.height)
        bottomCounts = memory.bottomCounts
        bottomDifferences = memory.bottomDifferences
        type = header.type
        slice = Int32(truncatingIfNeeded: number)
        counts = memory.counts
        differences = (memory.differences[0], memory.differences[1])
        levels = memory.levels
        activeReferences = (header.activeReferences[0], header.activeReferences[1])
        chromaOffsets = (header.picture.chromaOffset, header.picture.secondChromaOffset)
        chromaQP = ChromaQP.table
        hasChroma = header.sequence.chromaFormat > 0
        allows8x8 = header.picture.transform8x8
        directInfers8x8 = header.sequence.direct8x8Inference
        constrainedIntra = header.picture.constrainedIntra
        bypassesAtZero = header.sequence.bypassesTransformAtZero
        place = MacroblockPlace(before: header.firstMacroblock, width: memory.width)
        qp = header.qp
        position = header.dataPosition
        stop = payload.stopBit
    }

    /// Where the current macroblock's bits begin.
    private var position: Int
    /// Where the slice's bits end.
    private let stop: Int

    /// Parses the next macroblock; false at the end of the slice and where it is damaged, which `isDone` tells apart.
    @inline(__always) mutating func next() -> Bool {
        if !isFirst, !entropy.hasMore() {
            isDone = entropy.endsRight
            if isDone {
                records[address].headerBits &+= UInt32(truncatingIfNeeded: entropy.bitPosition &- position)
            } else {
                // What was read last led here.
                records[address].slice = -1
            }
            return false
        }
        isFirst = false
        place.advance(records, width: width, slice: slice)
        // A macroblock that is there already belongs to a slice before this one: slices may not overlap.
        guard address < macroblocks, records[address].slice < 0 else { return false }
        parse()
        guard !entropy.isBroken, position <= stop, (0...51).contains(qp) else { return false }
        records[address].slice = slice
        return true
    }

    @inline(__always) var address: Int { place.address }
    @inline(__always) var hasLeft: Bool { place.hasLeft }
    @inline(__always) var hasTop: Bool { place.hasTop }
    @inline(__always) private var column: Int { place.column }

    /// Where the vector differences of the current macroblock go, and its reference indices, in a list.
    @inline(__always) func differencesOut(_ list: Int) -> UnsafeMutablePointer<BlockVector> {
        vectors + (list &* macroblocks &+ address) &* 16
    }

    @inline(__always) func indicesOut(_ list: Int) -> UnsafeMutablePointer<Int8> {
        indices + (list &* macroblocks &+ address) &* 4
    }

    private mutating func parse() {
        var record = Macroblock()
        let start = position
        hasLevels = false
        var isSkipped = false
        if type != .i {
            isSkipped = entropy.skips(context: context { !$0.pointee.type.isSkipped }, isB: type == .b)
        }
        if isSkipped {
            record.type = type == .b ? .bSkip : .pSkip
            partitionLists = (0, 0)
            lastDeltaIsZero = true
            beginCounts(isIntra: false)
            counts.setLuma(0)
            counts.setChroma(0)
            clearDifferences()
            setQuantiser(&record)
            position = entropy.bitPosition
            record.headerBits = UInt32(truncatingIfNeeded: position &- start)
        } else {
            parseCoded(&record)
            let end = position
            parseResidual(&record)
            position = entropy.bitPosition
            record.headerBits = UInt32(truncatingIfNeeded: end &- start)
            record.coefficientBits = UInt32(truncatingIfNeeded: position &- end)
        }
        counts.end(bottom: bottomCounts + column &* NeighbourCounts.bottomSize)
        records[address] = record
    }

    // What is inlined or mutating here takes no copy of the parser with it, once per macroblock.
    @inline(__always) private func beginCounts(isIntra: Bool) {
        let missing = Entropy.isCABAC ? (isIntra ? 1 : 0) : NeighbourCounts.unavailable
        let top = bottomCounts + column &* NeighbourCounts.bottomSize
        counts.begin(hasLeft: hasLeft, top: hasTop ? UnsafePointer(top) : nil, missing: missing)
    }

    /// Parses all but coefficients; leaves `position` behind it.
    private mutating func parseCoded(_ record: inout Macroblock) {
        let number: Int
        switch type {
        case .p: number = entropy.typeP()
        case .b: number = entropy.typeB(context: directContext)
        default: number = entropy.intraType(context: intraContext) &+ 5
        }
        let firstIntra = type == .b ? 23 : 5
        if number >= firstIntra {
            beginCounts(isIntra: true)
            if type != .i { clearDifferences() }
            parseIntra(number &- firstIntra, &record)
        } else {
            beginCounts(isIntra: false)
            parseInter(number, &record)
        }
        if record.type != .pcm { parseQuantiser(&record) }
        position = entropy.bitPosition
    }

    /// How many of the left and upper neighbours count.
    @inline(__always) private func context(_ counts: (UnsafePointer<Macroblock>) -> Bool) -> Int {
        (hasLeft && counts(records + (address &- 1)) ? 1 : 0)
            &+ (hasTop && counts(records + (address &- width)) ? 1 : 0)
    }

    @inline(__always) private var directContext: Int { context { !$0.pointee.type.isDirect } }

    @inline(__always) private var intraContext: Int {
        context { $0.pointee.type != .intra4x4 && $0.pointee.type != .intra8x8 }
    }

    private mutating func parseIntra(_ number: Int, _ record: inout Macroblock) {
        partitionLists = (0, 0)
        switch number {
        case 25:
            record.type = .pcm
            record.codedBlockPattern = hasChroma ? 0x2F : 0x0F
            return
        case 0:
            let uses8x8 = allows8x8 && entropy.transform8x8(context: transformContext)
            record.type = uses8x8 ? .intra8x8 : .intra4x4
            if uses8x8 { record.flags |= Macroblock.usesTransform8x8 }
            parseIntraModes(&record, uses8x8: uses8x8)
        default:
            record.type = .intra16x16
            record.intraModes = UInt64((number &- 1) & 3) &* 0x1111_1111_1111_1111
            let chroma = (number &- 1) &>> 2 % 3
            record.codedBlockPattern = UInt8((number > 12 ? 15 : 0) | chroma &<< 4)
        }
        if hasChroma {
            record.intraChromaMode = UInt8(entropy.chromaMode(context: context { $0.pointee.intraChromaMode != 0 }))
        }
        if number == 0 { parsePattern(&record, isIntra: true) }
    }

    @inline(__always) var transformContext: Int { context { $0.pointee.hasTransform8x8 } }

    mutating func parsePattern(_ record: inout Macroblock, isIntra: Bool) {
        let left = hasLeft ? Int(records[address &- 1].codedBlockPattern) : 0x0F
        let top = hasTop ? Int(records[address &- width].codedBlockPattern) : 0x0F
        record.codedBlockPattern = UInt8(entropy.codedBlockPattern(isIntra: isIntra, left: left, top: top))
    }

    /// `mb_qp_delta` and what follows from it (7.4.5).
    private mutating func parseQuantiser(_ record: inout Macroblock) {
        if record.codedBlockPattern > 0 || record.type == .intra16x16 {
            let delta = entropy.qpDelta(context: lastDeltaIsZero ? 0 : 1)
            lastDeltaIsZero = delta == 0
            // Beyond the range of the standard the sum leaves 0…51 for good, which `next` reports.
            qp = (-26...25).contains(delta) ? (qp &+ delta &+ 52) % 52 : -1
        } else {
            lastDeltaIsZero = true
        }
        setQuantiser(&record)
    }

    private mutating func setQuantiser(_ record: inout Macroblock) {
        record.qp = Int8(truncatingIfNeeded: qp)
        guard hasChroma else { return }
        let (first, second) = (
            chromaQP[max(0, min(51, qp &+ chromaOffsets.0))], chromaQP[max(0, min(51, qp &+ chromaOffsets.1))]
        )
        record.chromaQP = SIMD2(Int8(truncatingIfNeeded: first), Int8(truncatingIfNeeded: second))
        if bypassesAtZero, qp == 0 { record.flags |= Macroblock.bypassesTransform }
    }

    /// PCM samples, or the levels of all blocks (7.3.5.3).
    private mutating func parseResidual(_ record: inout Macroblock) {
        guard record.type != .pcm else {
            entropy.pcm(hasChroma ? 384 : 256, into: levels)
            hasLevels = true
            counts.setLuma(16)
            counts.setChroma(16)
            record.codedDC = 7
            lastDeltaIsZero = true
            // QP of PCM is 0 to filters, and stays as it is for what follows.
            let kept = qp
            qp = 0
            setQuantiser(&record)
            qp = kept
            return
        }
        hasLevels = record.codedBlockPattern > 0 || record.type == .intra16x16
        guard hasLevels else {
            counts.setLuma(0)
            counts.setChroma(0)
            return
        }
        parseLuma(&record)
        parseChroma(&record)
    }

    private mutating func clearDifferences() {
        guard Entropy.isCABAC else { return }
        beginDifferences(list: 0)
        differences.0.clear()
        endDifferences(list: 0)
        guard type == .b else { return }
        beginDifferences(list: 1)
        differences.1.clear()
        endDifferences(list: 1)
    }

    @inline(__always) func beginDifferences(list: Int) {
        let top = bottomDifferences + (list &* width &+ column) &* 4
        let differences = list == 0 ? differences.0 : differences.1
        differences.begin(hasLeft: hasLeft, top: hasTop ? UnsafePointer(top) : nil)
    }

    @inline(__always) func endDifferences(list: Int) {
        let differences = list == 0 ? differences.0 : differences.1
        differences.end(bottom: bottomDifferences + (list &* width &+ column) &* 4)
    }

    /// Pictures in a list.
    @inline(__always) func active(_ list: Int) -> Int { list == 0 ? activeReferences.0 : activeReferences.1 }

    mutating func setPartitionLists(_ first: Int, _ second: Int) { partitionLists = (first, second) }
}

/// Table 8-15, in memory that is never freed.
enum ChromaQP {
    // Unsafe: nothing writes through the pointer.
    nonisolated(unsafe) static let table = StandardTables.chromaQP.permanentCopy()
}
