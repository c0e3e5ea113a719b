import Bitstream
import CKernels
import Codec
import Storage

extension StreamCheck {
    /// Checks `out = clip(MC(out[reference], vector, weights) + coded residual)` of every inter macroblock.
    mutating func checkIdentity(
        _ picture: BitstreamPicture, _ other: Picture, _ decoded: inout DecodedPictures
    ) throws(PFrameError) {
        guard let residual = picture.residual else { return }
        var references: [Int32: Picture] = [:]
        for slice in picture.slices {
            for list in slice.references {
                for display in list where display >= 0 && references[Int32(display)] == nil {
                    references[Int32(display)] = try decoded.picture(display: display)
                }
            }
        }
        let planes = references.mapValues { $0.kernels }
        let out = other.kernels
        var wrong = Set<Int>()
        var counted = Set<Int>()
        var slices: [Int32] = []
        picture.withMacroblocks { slices = $0.map(\.slice) }
        let scratch = UnsafeMutablePointer<UInt8>.allocate(capacity: 512)
        defer { scratch.deallocate() }
        let isThere = { (block: PredictedBlock) in
            (0..<2).allSatisfy { block.indices[$0] < 0 || planes[block.references[$0]] != nil }
        }
        picture.forEachBlock { block in
            guard isThere(block) else { return }
            counted.insert(block.macroblock)
            let slice = picture.slices[Int(slices[block.macroblock])]
            let weights = slice.weights(first: Int(block.indices[0]), second: Int(block.indices[1]))
            for plane in out.indices where !wrong.contains(block.macroblock) {
                Self.predict(block, plane, planes, weights, scratch)
                if !Self.matches(block, plane, out[plane], residual, scratch) { wrong.insert(block.macroblock) }
            }
        }
        withExtendedLifetime((references, other)) {}
        for macroblock in counted {
            identity.add(!wrong.contains(macroblock))
        }
        if let first = wrong.min() {
            var type = MacroblockType.pcm
            picture.withMacroblocks { type = $0[first].type }
            note("packet \(picture.packet) display \(picture.display) macroblock \(first) \(type): identity")
        }
    }

    /// Forms the prediction of a block in a plane, at most 16×16, into the first 256 bytes.
    private static func predict(
        _ block: PredictedBlock, _ plane: Int, _ planes: [Int32: [pframe_plane]], _ weights: BlockWeights?,
        _ scratch: UnsafeMutablePointer<UInt8>
    ) {
        let shift = plane == 0 ? 0 : 1
        let (x, y) = (Int32(block.x >> shift), Int32(block.y >> shift))
        let (width, height) = (Int32(block.width >> shift), Int32(block.height >> shift))
        var used: [Int] = []
        for list in 0..<2 where block.indices[list] >= 0 {
            guard let reference = planes[block.references[list]]?[plane] else { continue }
            let vector = list == 0 ? block.first : block.second
            let out = scratch + list * 256
            if plane == 0 {
                pframe_predict_luma(out, 16, reference, x * 4 + Int32(vector.x), y * 4 + Int32(vector.y), width, height)
            } else {
                pframe_predict_chroma(
                    out, 16, reference, x * 8 + Int32(vector.x), y * 8 + Int32(vector.y), width, height)
            }
            used.append(list)
        }
        for row in 0..<Int(height) {
            for column in 0..<Int(width) {
                let place = row * 16 + column
                let (a, b) = (Int32(scratch[place]), Int32(scratch[256 + place]))
                scratch[place] = UInt8(max(0, min(255, blend(a, b, used, weights, plane))))
            }
        }
    }

    /// 8.4.2.3, word for word.
    private static func blend(_ a: Int32, _ b: Int32, _ used: [Int], _ weights: BlockWeights?, _ plane: Int) -> Int32 {
        guard let weights else { return used.count == 2 ? (a + b + 1) >> 1 : used == [0] ? a : b }
        let shift = weights.shift[plane]
        let (first, second) = (weights.first[plane], weights.second[plane])
        let (offset0, offset1) = (weights.firstOffset[plane], weights.secondOffset[plane])
        if used.count == 2 {
            return ((a * first + b * second + (1 << shift)) >> (shift + 1)) + ((offset0 + offset1 + 1) >> 1)
        }
        let (value, weight, offset) = used == [0] ? (a, first, offset0) : (b, second, offset1)
        return shift >= 1 ? ((value * weight + (1 << (shift - 1))) >> shift) + offset : value * weight + offset
    }

    private static func matches(
        _ block: PredictedBlock, _ plane: Int, _ out: pframe_plane, _ residual: CodedResidual,
        _ prediction: UnsafePointer<UInt8>
    ) -> Bool {
        let shift = plane == 0 ? 0 : 1
        let (left, top) = (block.x >> shift, block.y >> shift)
        let stride = residual.width >> shift
        return residual.withPlane(plane) { values in
            for row in 0..<(block.height >> shift) where top + row < Int(out.height) {
                for column in 0..<(block.width >> shift) where left + column < Int(out.width) {
                    let value = Int(prediction[row * 16 + column]) + Int(values[(top + row) * stride + left + column])
                    let sample = out.base[(top + row) * out.stride + left + column]
                    if max(0, min(255, value)) != Int(sample) { return false }
                }
            }
            return true
        }
    }
}

extension Picture {
    /// The planes of samples, as kernels take them; valid while the picture is.
    fileprivate var kernels: [pframe_plane] {
        (0..<planeCount).map { index in
            withPlane(index) { plane in
                pframe_plane(
                    base: UnsafePointer(plane.base), stride: plane.stride, width: Int32(plane.width),
                    height: Int32(plane.height))
            }
        }
    }
}
