import Bitstream
import Codec
import Storage

/// What the bitstream says of one frame, kept until its turn in display order.
struct BitstreamFrame {
    let record: FrameRecord
    let rows: [MotionRow]
    /// Rows of `macroblocks.npy`.
    let macroblocks: [Int32]
    /// Bits and QP of each macroblock.
    let bits: [UInt32]
    let quantisers: [Int8]
    /// Lines of `slices.csv` and `weights.csv`.
    let slices: [String]
    let weights: [String]
}

/// Puts the pictures of a bitstream into display order, as rows and lines of files.
struct BitstreamFrames {
    private let timeBase: Rational
    private let limit: Int
    private var order = DisplayOrder<BitstreamFrame>()
    private var lengths = (sum: 0.0, frames: 0)
    private var intra = (pixels: 0, all: 0)
    /// The frames so far, in display order.
    private(set) var records: [FrameRecord] = []

    init(timeBase: Rational, limit: Int?) {
        self.timeBase = timeBase
        self.limit = limit ?? .max
    }

    /// Whether all frames that were asked for are there.
    var isComplete: Bool { records.count >= limit }

    var summary: ExtractionSummary {
        var summary = ExtractionSummary()
        summary.frames = records.count
        summary.vectors = records.reduce(0) { $0 + $1.vectors }
        summary.damaged = records.count { $0.isDamaged }
        summary.meanLength = lengths.sum / Double(max(1, lengths.frames))
        summary.intraShare = intra.all > 0 ? Double(intra.pixels) / Double(intra.all) : nil
        return summary
    }

    /// Takes a picture in decode order; gives the frames whose turn it is.
    mutating func insert(
        _ picture: BitstreamPicture, _ write: (BitstreamFrame) throws(PFrameError) -> Void
    ) throws(PFrameError) {
        order.insert(frame(picture), at: picture.display)
        while !isComplete, let frame = order.pop() {
            records.append(frame.record)
            if !frame.rows.isEmpty {
                lengths.sum += MotionStatistics.meanLength(frame.rows)
                lengths.frames += 1
            }
            if frame.record.type != .intra {
                intra.all += frame.bits.count
                intra.pixels += stride(from: 0, to: frame.macroblocks.count, by: MacroblockRow.columns.count)
                    .count { frame.macroblocks[$0 + MacroblockRow.typeColumn] < MacroblockType.p16x16.rawValue }
            }
            try write(frame)
        }
    }

    private func frame(_ picture: BitstreamPicture) -> BitstreamFrame {
        let rows = rows(picture)
        let count = picture.width * picture.height
        let columns = MacroblockRow.columns.count
        var bits: [UInt32] = []
        var quantisers: [Int8] = []
        bits.reserveCapacity(count)
        quantisers.reserveCapacity(count)
        let macroblocks = picture.withMacroblocks { all in
            [Int32](unsafeUninitializedCapacity: count * columns) { values, initialized in
                initialized = count * columns
                guard var row = values.baseAddress else { return }
                for (address, macroblock) in all.enumerated() {
                    let (y, x) = address.quotientAndRemainder(dividingBy: picture.width)
                    MacroblockRow.fill(row, macroblock, x: x, y: y, frame: picture.display)
                    row += columns
                    bits.append(macroblock.headerBits + macroblock.coefficientBits)
                    quantisers.append(macroblock.slice < 0 ? -1 : macroblock.qp)
                }
            }
        }
        return BitstreamFrame(
            record: FrameRecord(picture, vectors: rows.count, timeBase: timeBase), rows: rows,
            macroblocks: macroblocks, bits: bits, quantisers: quantisers,
            slices: picture.slices.indices.map { SliceLines.slice($0, of: picture) },
            weights: picture.slices.indices.flatMap { SliceLines.weights($0, of: picture) })
    }

    /// The rows of `motion.npy`: the blocks of a macroblock in list 0, then in list 1.
    private func rows(_ picture: BitstreamPicture) -> [MotionRow] {
        var rows: [MotionRow] = []
        var second: [MotionRow] = []
        var macroblock = -1
        picture.forEachBlock { block in
            if block.macroblock != macroblock {
                if !second.isEmpty {
                    rows += second
                    second.removeAll(keepingCapacity: true)
                }
                macroblock = block.macroblock
            }
            if block.indices[0] >= 0 { rows.append(row(picture, block, list: 0, block.first)) }
            if block.indices[1] >= 0 { second.append(row(picture, block, list: 1, block.second)) }
        }
        return rows + second
    }

    private func row(_ picture: BitstreamPicture, _ block: Bitstream.PredictedBlock, list: Int, _ vector: BlockVector)
        -> MotionRow
    {
        let (x, y) = (Int32(block.x + block.width / 2), Int32(block.y + block.height / 2))
        return MotionRow(
            frame: Int32(picture.display), reference: block.references[list],
            vector: MotionVector(
                source: list == 0 ? -1 : 1, width: Int32(block.width), height: Int32(block.height),
                sourceX: x + Int32(vector.x) / 4, sourceY: y + Int32(vector.y) / 4, destinationX: x, destinationY: y,
                motionX: Int32(vector.x), motionY: Int32(vector.y), motionScale: 4))
    }
}

extension FrameRecord {
    fileprivate init(_ picture: BitstreamPicture, vectors: Int, timeBase: Rational) {
        decode = picture.packet
        display = picture.display
        pts = picture.time
        seconds = pts.map { Double($0) * timeBase.value }
        type =
            switch picture.type {
            case .p: .predicted
            case .b: .bidirectional
            default: .intra
            }
        isKey = picture.isKey
        isInterlaced = false
        isDamaged = picture.isDamaged
        self.vectors = vectors
        bytes = picture.bytes
        isReference = picture.referenceIDC > 0
    }
}
