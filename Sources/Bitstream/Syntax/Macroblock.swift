/// How a macroblock is predicted (ITU-T H.264, tables 7-11, 7-13 and 7-14).
public enum MacroblockType: UInt8, Sendable, CaseIterable, BitwiseCopyable {
    /// Sixteen intra blocks of 4×4.
    case intra4x4
    /// Four intra blocks of 8×8.
    case intra8x8
    /// One intra block of 16×16.
    case intra16x16
    /// Samples without prediction and transform (`I_PCM`).
    case pcm
    /// One partition, in a P slice.
    case p16x16
    /// Two partitions one above the other, in a P slice.
    case p16x8
    /// Two partitions side by side, in a P slice.
    case p8x16
    /// Four sub-macroblocks, in a P slice.
    case p8x8
    /// `P_Skip`: no syntax, one predicted vector.
    case pSkip
    /// One partition, in a B slice.
    case b16x16
    /// Two partitions one above the other, in a B slice.
    case b16x8
    /// Two partitions side by side, in a B slice.
    case b8x16
    /// Four sub-macroblocks, in a B slice.
    case b8x8
    /// `B_Direct_16x16`: derived vectors and a coded residual.
    case bDirect
    /// `B_Skip`: derived vectors, no syntax.
    case bSkip

    /// Whether no other picture takes part.
    public var isIntra: Bool { rawValue <= MacroblockType.pcm.rawValue }
    /// `P_Skip` or `B_Skip`.
    public var isSkipped: Bool { self == .pSkip || self == .bSkip }
    /// Whether the whole macroblock takes derived vectors (`B_Skip`, `B_Direct_16x16`).
    public var isDirect: Bool { rawValue >= MacroblockType.bDirect.rawValue }
    /// Whether it has sub-macroblocks.
    public var hasSubMacroblocks: Bool { self == .p8x8 || self == .b8x8 }
}

/// How a sub-macroblock is divided and predicted (ITU-T H.264, tables 7-17 and 7-18).
public struct SubMacroblock: Sendable, Equatable {
    let code: UInt8

    init(code: UInt8) { self.code = code }

    init(shape: Int, lists: Int) { code = UInt8(shape | lists << 2) }

    /// `B_Direct_8x8`.
    static let direct = SubMacroblock(code: 16)

    /// Whether its vectors are derived (`B_Direct_8x8`).
    public var isDirect: Bool { code & 16 != 0 }
    /// The width of its partitions in pixels; those of a direct one are not told.
    public var width: Int { code & 2 != 0 ? 4 : 8 }
    /// The height of its partitions in pixels.
    public var height: Int { code & 1 != 0 ? 4 : 8 }
    /// Whether it predicts from a list, 0 or 1; always false for a direct one.
    public func uses(list: Int) -> Bool { code >> (2 + list) & 1 == 1 }
    /// 0: 8×8, 1: 8×4, 2: 4×8, 3: 4×4.
    @inline(__always) var shape: Int { Int(code & 3) }
}

/// A vector from a block to its prediction in quarter pixels: +x right, +y down.
@frozen public struct BlockVector: Sendable, Equatable, BitwiseCopyable {
    /// Quarter pixels to the right.
    public var x: Int16
    /// Quarter pixels down.
    public var y: Int16

    /// Creates a vector.
    public init(x: Int16, y: Int16) { (self.x, self.y) = (x, y) }

    static let zero = BlockVector(x: 0, y: 0)
    /// The sum, modulo 2¹⁶.
    @inline(__always) static func + (a: BlockVector, b: BlockVector) -> BlockVector {
        BlockVector(x: a.x &+ b.x, y: a.y &+ b.y)
    }
}

/// What the stream says of one macroblock.
public struct Macroblock: Sendable, BitwiseCopyable {
    /// The number of its slice in the picture; −1 where the stream does not hold it, or holds it damaged.
    public internal(set) var slice: Int32 = -1
    /// Bits of its syntax before coefficients: types, intra modes, references, vectors, coded block pattern, QP; in a
    /// CAVLC slice with the run of skipped macroblocks that it begins.
    public internal(set) var headerBits: UInt32 = 0
    /// Bits of its coefficients, or of its PCM samples.
    public internal(set) var coefficientBits: UInt32 = 0
    var intraModes: UInt64 = 0
    var subTypes: UInt32 = 0
    /// The type. It means nothing where `slice` is negative.
    public internal(set) var type = MacroblockType.intra4x4
    /// `intra_chroma_pred_mode`, 0…3; 0 outside intra.
    public internal(set) var intraChromaMode: UInt8 = 0
    /// Luma 8×8 blocks with coefficients in bits 0…3, chroma 0…2 in bits 4 and 5.
    public internal(set) var codedBlockPattern: UInt8 = 0
    /// QP of luma (QPY), 0…51.
    public internal(set) var qp: Int8 = 0
    /// QP of Cb and Cr (QPC).
    public internal(set) var chromaQP: SIMD2<Int8> = SIMD2()
    var flags: UInt8 = 0
    /// A bit per list and 8×8 block: its reference index was coded and is above 0.
    var positiveReferences: UInt8 = 0
    /// `coded_block_flag` of luma DC, Cb DC and Cr DC.
    var codedDC: UInt8 = 0

    static let usesTransform8x8: UInt8 = 1
    static let bypassesTransform: UInt8 = 2

    /// What the stream does not hold.
    public init() {}

    /// `transform_size_8x8_flag`.
    public var hasTransform8x8: Bool { flags & Self.usesTransform8x8 != 0 }
    /// Whether its residual is coded without loss (`TransformBypassModeFlag`).
    public var isLossless: Bool { flags & Self.bypassesTransform != 0 }
    /// The sub-macroblock of quarter 0…3, where ``type`` has some.
    public func subMacroblock(_ quarter: Int) -> SubMacroblock {
        SubMacroblock(code: UInt8(truncatingIfNeeded: subTypes >> (quarter * 8)))
    }
    /// The intra prediction mode of the 4×4 block in column `x` and row `y`, 0…3 each: `Intra4x4PredMode`,
    /// `Intra8x8PredMode` or `Intra16x16PredMode`; nil outside intra and of PCM.
    public func intraMode(x: Int, y: Int) -> Int? {
        type.isIntra && type != .pcm ? Int(intraModes >> (UInt64(y * 4 + x) * 4) & 15) : nil
    }
}
