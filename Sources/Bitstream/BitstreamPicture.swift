/// A slice that does not end where its data end, or that names pictures which the stream does not hold.
public struct BitstreamDamage: Sendable, Equatable {
    /// The number of the slice in its picture.
    public let slice: Int
    /// The macroblock at which parsing stopped: none from there on is known of this slice. It is the number of
    /// macroblocks where data follow the last one.
    public let macroblock: Int
}

/// A slice of a picture.
public struct BitstreamSlice {
    /// Where weights come from.
    public enum Weighting: String, Sendable {
        /// All predictions count alike.
        case none
        /// The slice header sends them.
        case explicit
        /// They follow from distances in order count, for blocks with two references.
        case implicit
    }

    /// How its macroblocks predict.
    public let type: SliceType
    /// Its first macroblock in raster order.
    public let firstMacroblock: Int
    /// QP before the first macroblock's own change.
    public let qp: Int
    /// Bits of the NAL unit's header byte and the slice header.
    public let headerBits: Int
    /// Bits of its NAL unit without emulation prevention and trailing bits: those of the header and of the macroblocks.
    public let bits: Int
    /// The display indices of list 0 and list 1 by reference index; −1 for a picture that the stream does not hold, below
    /// −1 for a hidden one.
    public let references: [[Int]]
    /// The weights of its predictions.
    package let weights: SliceWeights

    init(_ header: SliceHeader, bits: Int, references: [[Reference]], order: Int) {
        type = header.type
        self.bits = bits
        firstMacroblock = header.firstMacroblock
        qp = header.qp
        headerBits = header.dataPosition
        self.references = references.map { $0.map { Int($0.number) } }
        weights = SliceWeights(header, references: references, order: order)
    }

    /// Where the weights of its predictions come from.
    public var weighting: Weighting {
        switch weights {
        case .none: .none
        case .explicit: .explicit
        case .implicit: .implicit
        }
    }

    /// How the predictions of a block add up (ITU-T H.264, 8.4.2.3).
    ///
    /// - Parameters:
    ///   - first: the index in list 0, negative for none.
    ///   - second: the index in list 1, negative for none.
    /// - Returns: nil where the prediction is the only one, or the mean `(a + b + 1) >> 1`.
    public func weights(first: Int, second: Int) -> BlockWeights? { weights.block(first, second) }
}

@available(*, unavailable)
extension BitstreamSlice: Sendable {}

/// A block of one macroblock that is predicted as a whole.
public struct PredictedBlock: Sendable, Equatable {
    /// Its macroblock in raster order.
    public var macroblock: Int
    /// Its left edge in pixels of the coded picture.
    public var x: Int
    /// Its upper edge.
    public var y: Int
    /// Pixels across: 16, 8 or 4.
    public var width: Int
    /// Pixels down: 16, 8 or 4.
    public var height: Int
    /// The reference index in list 0 and in list 1; −1 where it does not use the list.
    public var indices: SIMD2<Int8>
    /// The display indices of the references; −1 where it does not use the list, below −1 for a hidden picture.
    public var references: SIMD2<Int32>
    /// The vector to the prediction in list 0.
    public var first: BlockVector
    /// The vector to the prediction in list 1.
    public var second: BlockVector
}

/// What the stream says of one picture, lent by ``BitstreamReader/next()`` and valid until the next call.
public struct BitstreamPicture {
    /// The number of its packet, from 0.
    public let packet: Int
    /// The size of its packet.
    public let bytes: Int
    /// Presentation time in the stream's time base, as the container tells it; nil if it does not.
    public let time: Int?
    /// Decoding time in the stream's time base, as the container tells it; nil if it does not.
    public let decodingTime: Int?
    /// Whether decoding can start here.
    public let isKey: Bool
    /// Its place in output order, from 0. A hidden picture has no place, but a number of its own below −1.
    public let display: Int
    /// Its picture order count.
    public let order: Int
    /// Whether it is an IDR picture: no picture behind it predicts from one before it.
    public let isIDR: Bool
    /// `nal_ref_idc`: above 0 where later pictures may predict from it.
    public let referenceIDC: Int
    /// Macroblocks per row.
    public let width: Int
    /// Rows of macroblocks.
    public let height: Int
    /// Its slices.
    public let slices: [BitstreamSlice]
    /// Slices that are damaged. Slices that are lost as a whole leave macroblocks without a slice.
    public let damage: [BitstreamDamage]
    /// Slices of it whose headers could not be read.
    public let lostSlices: Int
    /// The pictures that later ones may predict from once this one is decoded, itself included, by display index.
    public let kept: [Int]
    /// What is added to its prediction; nil where it was not asked for.
    public let residual: CodedResidual?
    private let motion: PictureMotion

    init(
        _ coded: CodedPicture, display: Int, motion: PictureMotion, slices: [BitstreamSlice],
        damage: [BitstreamDamage], kept: [Int], residual: CodedResidual?
    ) {
        packet = coded.packet.number
        (bytes, isKey) = (coded.packet.bytes, coded.packet.isKey || coded.header.isIDR)
        (time, decodingTime) = (coded.packet.time, coded.packet.decodingTime)
        self.display = display
        order = coded.order
        isIDR = coded.header.isIDR
        lostSlices = coded.lostSlices
        referenceIDC = coded.header.referenceIDC
        (width, height) = (motion.width, motion.height)
        (self.slices, self.damage, self.kept) = (slices, damage, kept)
        (self.residual, self.motion) = (residual, motion)
    }

    /// Whether the container hides it, as edit lists of MP4 do: players decode it and do not show it.
    public var isHidden: Bool { display < -1 }

    /// Whether the stream does not hold all of it.
    public var isDamaged: Bool {
        !damage.isEmpty || lostSlices > 0 || withMacroblocks { all in all.contains { $0.slice < 0 } }
    }

    /// How it predicts: as the slice does that predicts from most lists.
    public var type: SliceType {
        slices.contains { $0.type == .b } ? .b : slices.contains { $0.type == .p } ? .p : .i
    }

    /// Lends the macroblocks in raster order.
    ///
    /// - Throws: what `body` throws.
    public func withMacroblocks<Result, Failure: Error>(
        _ body: (UnsafeBufferPointer<Macroblock>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        defer { extendLifetime(motion) }
        return try body(UnsafeBufferPointer(start: motion.records, count: motion.count))
    }

    /// Calls `body` for every predicted block: macroblocks in raster order, their blocks in the order of the standard.
    ///
    /// Partitions are blocks. Directly predicted parts are as large as their vectors allow: the whole macroblock, else
    /// quarters, else 4×4 blocks.
    public func forEachBlock(_ body: (PredictedBlock) -> Void) {
        for row in 0..<height {
            for column in 0..<width {
                let place = Place(address: row &* width &+ column, left: column &* 16, top: row &* 16)
                let record = motion.records[place.address]
                guard record.slice >= 0, !record.type.isIntra else { continue }
                forEachBlock(of: record, place, body)
            }
        }
    }

    /// A macroblock, and its corner in pixels.
    private struct Place {
        let address: Int
        let left: Int
        let top: Int
    }

    private func forEachBlock(of record: Macroblock, _ place: Place, _ body: (PredictedBlock) -> Void) {
        switch record.type {
        case .p16x16, .pSkip, .b16x16: body(block(place, 0, 0, 16, 16))
        case .p16x8, .b16x8:
            for y in [0, 8] { body(block(place, 0, y, 16, 8)) }
        case .p8x16, .b8x16:
            for x in [0, 8] { body(block(place, x, 0, 8, 16)) }
        case .bDirect, .bSkip:
            if isUniform(place.address, 0, 0, blocks: 4) {
                body(block(place, 0, 0, 16, 16))
            } else {
                for quarter in 0..<4 { forEachDirectBlock(place, quarter, body) }
            }
        default:
            for quarter in 0..<4 {
                let sub = record.subMacroblock(quarter)
                if sub.isDirect {
                    forEachDirectBlock(place, quarter, body)
                    continue
                }
                let (left, top) = ((quarter & 1) * 8, (quarter >> 1) * 8)
                for y in stride(from: top, to: top + 8, by: sub.height) {
                    for x in stride(from: left, to: left + 8, by: sub.width) {
                        body(block(place, x, y, sub.width, sub.height))
                    }
                }
            }
        }
    }

    private func forEachDirectBlock(_ place: Place, _ quarter: Int, _ body: (PredictedBlock) -> Void) {
        let (left, top) = ((quarter & 1) * 8, (quarter >> 1) * 8)
        if isUniform(place.address, left / 4, top / 4, blocks: 2) {
            body(block(place, left, top, 8, 8))
        } else {
            for part in 0..<4 { body(block(place, left + (part & 1) * 4, top + (part >> 1) * 4, 4, 4)) }
        }
    }

    /// Whether the blocks of a square predict alike.
    private func isUniform(_ address: Int, _ x: Int, _ y: Int, blocks: Int) -> Bool {
        for list in 0..<2 {
            let (vectors, indices) = (motion.vectors(list, address), motion.indices(list, address))
            if blocks == 4, !(indices[0] == indices[1] && indices[0] == indices[2] && indices[0] == indices[3]) {
                return false
            }
            let first = vectors[y * 4 + x]
            for row in y..<(y + blocks) {
                for column in x..<(x + blocks) where vectors[row * 4 + column] != first { return false }
            }
        }
        return true
    }

    /// The block at a place in pixels of its macroblock.
    private func block(_ place: Place, _ x: Int, _ y: Int, _ blockWidth: Int, _ blockHeight: Int) -> PredictedBlock {
        let (quarter, first) = ((y >> 3) * 2 + x >> 3, (y >> 2) * 4 + x >> 2)
        let indices = SIMD2(
            motion.indices(0, place.address)[quarter], motion.indices(1, place.address)[quarter])
        return PredictedBlock(
            macroblock: place.address, x: place.left + x, y: place.top + y, width: blockWidth, height: blockHeight,
            indices: indices,
            references: SIMD2(
                motion.pictures(0, place.address)[quarter], motion.pictures(1, place.address)[quarter]),
            first: indices[0] < 0 ? .zero : motion.vectors(0, place.address)[first],
            second: indices[1] < 0 ? .zero : motion.vectors(1, place.address)[first])
    }
}

@available(*, unavailable)
extension BitstreamPicture: Sendable {}
