import Bitstream
import CKernels
package import Codec
package import Storage

/// Forms the prediction of a picture from vectors and reference pictures: `p(x) = ref(x + mv / 4)`, coordinates clamped
/// to the edge of the coded picture (H.264, 8.4.2.2), two lists averaged as `(a + b + 1) >> 1`, or both weighted (8.4.2.3).
///
/// Pixels of blocks without a vector, or whose references are gone, are predicted as 0.
package final class MotionCompensator {
    private let rule: PredictionRule
    private let scratch = UnsafeMutablePointer<UInt8>.allocate(capacity: 2 * 256)
    /// The prediction formed last, of the coded size.
    package let prediction: Picture

    /// Prepares predictions of a size.
    ///
    /// - Throws: `PFrameError` when memory is short.
    package init(size: Size, rule: PredictionRule) throws(PFrameError) {
        self.rule = rule
        prediction = try Picture(size: size, format: .yuv420p)
        scratch.initialize(repeating: 0, count: 2 * 256)
    }

    deinit { scratch.deallocate() }

    /// Predicts a picture into `prediction`.
    ///
    /// - Parameters:
    ///   - rows: the picture's rows of `motion.npy`; those whose reference is negative take no part.
    ///   - references: the pictures that the rows may name.
    ///   - weights: of the picture's blocks; nil where all predictions count alike. A block that lost one of its two
    ///     references is predicted from the other as it is.
    package func predict(
        _ rows: UnsafeMutableBufferPointer<MotionRow>, from references: [ReferencePicture], weights: RowWeights? = nil
    ) {
        prediction.withPlanes { luma, u, v in
            clear(luma)
            clear(u)
            clear(v)
            ReferencePlanes.lend(references[...]) { planes in
                rows.forEachBlock { block in
                    let first = planes.firstIndex { $0.display == rows[block.first].reference }
                    let second = block.second.flatMap { row in planes.firstIndex { $0.display == rows[row].reference } }
                    if let first, let second, let row = block.second {
                        let weights = weights?.block(block.first, row)
                        let (a, b) = (rows[block.first].vector, rows[row].vector)
                        predict(a, planes[first].luma, b, planes[second].luma, weights, into: luma, plane: 0)
                        predict(a, planes[first].u, b, planes[second].u, weights, into: u, plane: 1)
                        predict(a, planes[first].v, b, planes[second].v, weights, into: v, plane: 2)
                    } else if let only = first ?? second {
                        let row = first == nil ? block.second ?? block.first : block.first
                        let vector = rows[row].vector
                        let weights =
                            block.second == nil ? weights?.block(row, isFirstList: vector.source < 0) : nil
                        predict(vector, planes[only].luma, weights, into: luma, plane: 0)
                        predict(vector, planes[only].u, weights, into: u, plane: 1)
                        predict(vector, planes[only].v, weights, into: v, plane: 2)
                    }
                }
            }
        }
    }

    /// Predicts a picture as a copy of another: zero vectors everywhere.
    package func predictUnmoved(from reference: Picture) {
        for index in 0..<3 {
            reference.withPlane(index) { source in
                prediction.withPlane(index) { target in
                    for row in 0..<target.height {
                        let out = target.base + row * target.stride
                        out.update(from: source.base + row * source.stride, count: target.width)
                    }
                }
            }
        }
    }

    private func predict(
        _ vector: MotionVector, _ reference: pframe_plane, _ weights: BlockWeights?, into target: borrowing Plane,
        plane: Int
    ) {
        guard let area = BlockArea(vector, plane: target, isChroma: plane > 0) else { return }
        let out = target.base + area.y * target.stride + area.x
        interpolate(vector, area, reference, into: out, stride: target.stride, isChroma: plane > 0)
        guard let weights else { return }
        let isFirst = vector.source < 0
        pframe_weigh(
            out, target.stride, out, target.stride, Int32(area.width), Int32(area.height),
            isFirst ? weights.first[plane] : weights.second[plane],
            isFirst ? weights.firstOffset[plane] : weights.secondOffset[plane], weights.shift[plane])
    }

    private func predict(
        _ a: MotionVector, _ first: pframe_plane, _ b: MotionVector, _ second: pframe_plane, _ weights: BlockWeights?,
        into target: borrowing Plane, plane: Int
    ) {
        guard let area = BlockArea(a, plane: target, isChroma: plane > 0) else { return }
        let out = target.base + area.y * target.stride + area.x
        let (width, height) = (Int32(area.width), Int32(area.height))
        interpolate(a, area, first, into: scratch, stride: 16, isChroma: plane > 0)
        interpolate(b, area, second, into: scratch + 256, stride: 16, isChroma: plane > 0)
        guard let weights else {
            pframe_average(out, target.stride, scratch, 16, scratch + 256, 16, width, height)
            return
        }
        pframe_weigh_pair(
            out, target.stride, scratch, 16, scratch + 256, 16, width, height, weights.first[plane],
            weights.second[plane], (weights.firstOffset[plane] + weights.secondOffset[plane] + 1) >> 1,
            weights.shift[plane])
    }

    private func interpolate(
        _ vector: MotionVector, _ area: BlockArea, _ reference: pframe_plane, into out: UnsafeMutablePointer<UInt8>,
        stride: Int, isChroma: Bool
    ) {
        if isChroma {
            rule.predictChroma(vector, area, from: reference, into: out, stride: stride)
        } else {
            rule.predictLuma(vector, area, from: reference, into: out, stride: stride)
        }
    }

    private func clear(_ plane: borrowing Plane) {
        for row in 0..<plane.height { (plane.base + row * plane.stride).update(repeating: 0, count: plane.width) }
    }
}

@available(*, unavailable)
extension MotionCompensator: Sendable {}
