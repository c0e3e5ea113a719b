/// What the stream adds to the prediction of a picture: dequantised and transformed (ITU-T H.264, 8.5), of 4:2:0 at
/// coded size. Of a PCM macroblock it holds the samples themselves, whose prediction is 0.
public final class CodedResidual {
    /// Luma samples per row.
    public let width: Int
    /// Luma rows.
    public let height: Int
    let planes: [UnsafeMutablePointer<Int16>]
    private let blocks: UnsafeMutablePointer<Int32> = .zeros(MacroblockLevels.size)

    init(width: Int, height: Int) {
        (self.width, self.height) = (width * 16, height * 16)
        planes = [.zeros(width * height * 256), .zeros(width * height * 64), .zeros(width * height * 64)]
    }

    deinit {
        for plane in planes { plane.deallocate() }
        blocks.deallocate()
    }

    /// Lends plane 0 (luma), 1 (Cb) or 2 (Cr): rows of ``width``, or half of it, in raster order.
    ///
    /// - Throws: what `body` throws.
    public func withPlane<Result, Failure: Error>(
        _ index: Int, _ body: (UnsafeBufferPointer<Int16>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        defer { extendLifetime(self) }
        let count = index == 0 ? width * height : width * height / 4
        return try body(UnsafeBufferPointer(start: planes[index], count: count))
    }

    /// Whether it is of pictures of so many macroblocks.
    func fits(width: Int, height: Int) -> Bool { (self.width, self.height) == (width * 16, height * 16) }

    func clear() {
        for (index, plane) in planes.enumerated() {
            plane.update(repeating: 0, count: index == 0 ? width * height : width * height / 4)
        }
    }

    /// Adds a macroblock; takes its levels and leaves zeros.
    func add(_ record: Macroblock, x: Int, y: Int, levels: UnsafeMutablePointer<Int16>, scales: LevelScales) {
        for index in 0..<MacroblockLevels.size {
            blocks[index] = Int32(levels[index])
            levels[index] = 0
        }
        if record.type == .pcm {
            addSamples(x, y)
            return
        }
        let form = Form(record: record, scales: scales)
        addLuma(form, x, y)
        if record.codedBlockPattern >> 4 > 0 {
            for plane in 1...2 { addChroma(form, plane, x, y) }
        }
    }

    /// A macroblock and what its blocks are scaled by.
    private struct Form {
        let record: Macroblock
        let scales: LevelScales
        var isIntra: Bool { record.type.isIntra }
    }

    private func addSamples(_ x: Int, _ y: Int) {
        copy(blocks, size: 16, plane: 0, x * 16, y * 16)
        for plane in 1...2 { copy(blocks + 192 + plane * 64, size: 8, plane: plane, x * 8, y * 8) }
    }

    private func copy(_ block: UnsafePointer<Int32>, size: Int, plane: Int, _ x: Int, _ y: Int) {
        let stride = plane == 0 ? width : width / 2
        let out = planes[plane] + y * stride + x
        for row in 0..<size {
            for column in 0..<size {
                out[row * stride + column] = Int16(truncatingIfNeeded: block[row * size + column])
            }
        }
    }

    private func addLuma(_ form: Form, _ x: Int, _ y: Int) {
        let record = form.record
        let qp = Int(record.qp)
        if record.hasTransform8x8 {
            for quarter in 0..<4 where record.codedBlockPattern >> UInt8(quarter) & 1 == 1 {
                let block = blocks + quarter * 64
                let (left, top) = ((quarter & 1) * 8, (quarter >> 1) * 8)
                if record.isLossless {
                    accumulate(block, size: 8, record.intraMode(x: left / 4, y: top / 4))
                } else {
                    InverseTransform.scale8x8(block, form.scales.scales8x8(isIntra: form.isIntra, qp: qp), qp: qp)
                    InverseTransform.transform8x8(block)
                }
                copy(block, size: 8, plane: 0, x * 16 + left, y * 16 + top)
            }
            return
        }
        let scales = form.scales.scales4x4(isIntra: form.isIntra, plane: 0, qp: qp)
        let dc = blocks + MacroblockLevels.lumaDC
        let is16x16 = record.type == .intra16x16
        if is16x16, !record.isLossless { InverseTransform.lumaDC(dc, scale: scales[0], qp: qp) }
        let order = Scans.shared.blocks
        if is16x16 {
            for index in 0..<16 { blocks[index * 16] = dc[Int(order[index])] }
        }
        for index in 0..<16 where is16x16 || record.codedBlockPattern >> UInt8(index / 4) & 1 == 1 {
            let block = blocks + index * 16
            let (left, top) = (Int(order[index] & 3), Int(order[index] >> 2))
            if !record.isLossless {
                InverseTransform.scale4x4(block, scales, qp: qp, from: is16x16 ? 1 : 0)
                InverseTransform.transform4x4(block)
            } else if !is16x16 {
                accumulate(block, size: 4, record.intraMode(x: left, y: top))
            }
            copy(block, size: 4, plane: 0, x * 16 + left * 4, y * 16 + top * 4)
        }
        if record.isLossless, is16x16 { accumulatePlane(0, size: 16, x, y, record.intraMode(x: 0, y: 0)) }
    }

    private func addChroma(_ form: Form, _ plane: Int, _ x: Int, _ y: Int) {
        let record = form.record
        let qp = Int(record.chromaQP[plane - 1])
        let scales = form.scales.scales4x4(isIntra: form.isIntra, plane: plane, qp: qp)
        let dc = blocks + MacroblockLevels.chromaDC + (plane - 1) * 4
        if !record.isLossless { InverseTransform.chromaDC(dc, scale: scales[0], qp: qp) }
        for index in 0..<4 {
            let block = blocks + MacroblockLevels.chromaAC + ((plane - 1) * 4 + index) * 16
            block[0] = dc[index]
            if !record.isLossless {
                InverseTransform.scale4x4(block, scales, qp: qp, from: 1)
                InverseTransform.transform4x4(block)
            }
            copy(block, size: 4, plane: plane, x * 8 + (index & 1) * 4, y * 8 + (index >> 1) * 4)
        }
        // Chroma numbers its modes in another order: 1 is horizontal, 2 vertical.
        if record.isLossless, form.isIntra {
            let mode = record.intraChromaMode == 2 ? 0 : record.intraChromaMode == 1 ? 1 : nil
            accumulatePlane(plane, size: 8, x, y, mode)
        }
    }

    /// 8.5.15: lossless blocks of vertical (0) and horizontal (1) intra modes hold differences along the prediction.
    private func accumulate(_ block: UnsafeMutablePointer<Int32>, size: Int, _ mode: Int?) {
        guard let mode, mode < 2 else { return }
        for index in 0..<(size * size) where mode == 0 ? index >= size : index % size > 0 {
            block[index] &+= block[index - (mode == 0 ? size : 1)]
        }
    }

    private func accumulatePlane(_ plane: Int, size: Int, _ x: Int, _ y: Int, _ mode: Int?) {
        guard let mode, mode < 2 else { return }
        let stride = plane == 0 ? width : width / 2
        let out = planes[plane] + y * size * stride + x * size
        for row in (mode == 0 ? 1 : 0)..<size {
            for column in (mode == 0 ? 0 : 1)..<size {
                let place = row * stride + column
                out[place] &+= out[place - (mode == 0 ? stride : 1)]
            }
        }
    }
}

@available(*, unavailable)
extension CodedResidual: Sendable {}
