import Storage

/// A sequence parameter set (ITU-T H.264, 7.3.2.1.1).
struct SequenceParameters: Equatable {
    /// How pictures get their order.
    enum OrderCount: Equatable {
        /// Type 0, with `log2_max_pic_order_cnt_lsb`.
        case leastBits(Int)
        /// Type 1.
        case cycle(alwaysZero: Bool, nonReference: Int, topToBottom: Int, offsets: [Int])
        /// Type 2: the order of decoding.
        case decodeOrder
    }

    let id: Int
    /// Whether the profile allows SP and SI slices and data partitioning: Extended, and not Main at once (A.2.3).
    let isExtended: Bool
    /// Whether the profile allows slices in arbitrary order: Baseline or Extended, and not Main at once (A.2.1).
    let allowsArbitraryOrder: Bool
    private(set) var chromaFormat = 1
    private(set) var lumaDepth = 8
    private(set) var chromaDepth = 8
    private(set) var bypassesTransformAtZero = false
    /// Nil where none are sent: flat ones.
    private(set) var scalingLists: ScalingLists?
    let frameNumberBits: Int
    let orderCount: OrderCount
    let referenceFrames: Int
    let width: Int
    let height: Int
    let framesOnly: Bool
    let adaptiveFrameField: Bool
    let direct8x8Inference: Bool

    private static let highProfiles: Set = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]

    /// Macroblocks of a frame.
    var macroblocks: Int { width * height }

    /// Why the library does not read the sequence's pictures; nil where it does.
    var outOfScope: String? {
        if chromaFormat > 1 { return "4:\(chromaFormat == 2 ? "2:2" : "4:4") pictures" }
        if lumaDepth > 8 || chromaDepth > 8 { return "\(max(lumaDepth, chromaDepth))-bit pictures" }
        if !framesOnly && adaptiveFrameField { return "MBAFF pictures" }
        return nil
    }

    /// Reads a payload of type 7.
    ///
    /// - Throws: `PFrameError` for what cannot be.
    init(_ payload: Payload) throws(PFrameError) {
        var bits = payload.bits
        let profile = bits.read(8)
        _ = bits.flag()
        // constraint_set1_flag: the stream obeys the Main profile too.
        let isMain = bits.flag()
        _ = bits.read(14)
        isExtended = profile == 88 && !isMain
        allowsArbitraryOrder = (profile == 66 || profile == 88) && !isMain
        id = bits.unsigned()
        if Self.highProfiles.contains(profile) {
            chromaFormat = bits.unsigned()
            if chromaFormat == 3 { _ = bits.flag() }
            lumaDepth = 8 + bits.unsigned()
            chromaDepth = 8 + bits.unsigned()
            bypassesTransformAtZero = bits.flag()
            if bits.flag() {
                scalingLists = ScalingLists(&bits, sequence: nil, count8x8: chromaFormat == 3 ? 6 : 2)
            }
        }
        frameNumberBits = 4 + bits.unsigned()
        let orderType = bits.unsigned()
        var orderBits = 4
        switch orderType {
        case 0:
            orderBits = 4 + bits.unsigned()
            orderCount = .leastBits(orderBits)
        case 1:
            let alwaysZero = bits.flag()
            let (nonReference, topToBottom) = (bits.signed(), bits.signed())
            let count = bits.unsigned()
            guard count <= 255 else { throw PFrameError(.damaged, "a sequence parameter set is damaged") }
            orderCount = .cycle(
                alwaysZero: alwaysZero, nonReference: nonReference, topToBottom: topToBottom,
                offsets: (0..<count).map { _ in bits.signed() })
        default: orderCount = .decodeOrder
        }
        referenceFrames = bits.unsigned()
        // gaps_in_frame_num_value_allowed_flag: a gap by permission and one by loss are filled alike.
        _ = bits.flag()
        width = bits.unsigned() + 1
        let units = bits.unsigned() + 1
        framesOnly = bits.flag()
        height = framesOnly ? units : units &* 2
        adaptiveFrameField = !framesOnly && bits.flag()
        direct8x8Inference = bits.flag()
        let isWhole = !bits.isExhausted
        let isSane =
            isWhole && id < 32 && orderType <= 2 && chromaFormat <= 3 && max(frameNumberBits, orderBits) <= 16
            && lumaDepth <= 14 && chromaDepth <= 14 && referenceFrames <= 16 && width <= 1024 && height <= 1024
            && macroblocks <= 139_264
        guard isSane else { throw PFrameError(.damaged, "a sequence parameter set is damaged") }
    }
}
