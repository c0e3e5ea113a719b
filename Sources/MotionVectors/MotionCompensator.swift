import CKernels
public import Codec
public import Storage

/// Forms the prediction of a picture from vectors and reference pictures: `p(x) = ref(x + mv / 4)`, coordinates clamped
/// to the edge of the coded picture (H.264, 8.4.2.2), two lists averaged as `(a + b + 1) >> 1`.
///
/// Pixels of blocks without a vector, or whose references are gone, are predicted as 0.
public final class MotionCompensator {
    private let rule: PredictionRule
    private let scratch = UnsafeMutablePointer<UInt8>.allocate(capacity: 2 * 256)
    /// The prediction formed last, of the coded size.
    public let prediction: Picture

    /// Prepares predictions of a size.
    ///
    /// - Throws: `CodecError` when memory is short.
    public init(size: Size, rule: PredictionRule) throws(CodecError) {
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
    public func predict(_ rows: UnsafeMutableBufferPointer<MotionRow>, from references: [ReferencePicture]) {
        let targets = (prediction.plane(0), prediction.plane(1), prediction.plane(2))
        clear(targets.0)
        clear(targets.1)
        clear(targets.2)
        let planes = references.map { ReferencePlanes($0) }
        withExtendedLifetime(references) {
            rows.forEachBlock { block in
                let first = planes.firstIndex { $0.display == rows[block.first].reference }
                let second = block.second.flatMap { row in planes.firstIndex { $0.display == rows[row].reference } }
                if let first, let second, let row = block.second {
                    let (a, b) = (rows[block.first].vector, rows[row].vector)
                    predict(a, planes[first].luma, b, planes[second].luma, into: targets.0, isChroma: false)
                    predict(a, planes[first].u, b, planes[second].u, into: targets.1, isChroma: true)
                    predict(a, planes[first].v, b, planes[second].v, into: targets.2, isChroma: true)
                } else if let only = first ?? second {
                    let vector = rows[first == nil ? block.second ?? block.first : block.first].vector
                    predict(vector, planes[only].luma, into: targets.0, isChroma: false)
                    predict(vector, planes[only].u, into: targets.1, isChroma: true)
                    predict(vector, planes[only].v, into: targets.2, isChroma: true)
                }
            }
        }
    }

    /// Predicts a picture as a copy of another: zero vectors everywhere.
    public func predictUnmoved(from reference: Picture) {
        for index in 0..<3 {
            let (source, target) = (reference.plane(index), prediction.plane(index))
            for row in 0..<target.height {
                (target.base + row * target.stride).update(from: source.base + row * source.stride, count: target.width)
            }
        }
    }

    private func predict(_ vector: MotionVector, _ reference: pframe_plane, into target: Plane, isChroma: Bool) {
        guard let area = BlockArea(vector, plane: target, isChroma: isChroma) else { return }
        let out = target.base + area.y * target.stride + area.x
        interpolate(vector, area, reference, into: out, stride: target.stride, isChroma)
    }

    private func predict(
        _ a: MotionVector, _ first: pframe_plane, _ b: MotionVector, _ second: pframe_plane, into target: Plane,
        isChroma: Bool
    ) {
        guard let area = BlockArea(a, plane: target, isChroma: isChroma) else { return }
        let out = target.base + area.y * target.stride + area.x
        interpolate(a, area, first, into: scratch, stride: 16, isChroma)
        interpolate(b, area, second, into: scratch + 256, stride: 16, isChroma)
        pframe_average(out, target.stride, scratch, 16, scratch + 256, 16, Int32(area.width), Int32(area.height))
    }

    private func interpolate(
        _ vector: MotionVector, _ area: BlockArea, _ reference: pframe_plane, into out: UnsafeMutablePointer<UInt8>,
        stride: Int, _ isChroma: Bool
    ) {
        if isChroma {
            rule.predictChroma(vector, area, from: reference, into: out, stride: stride)
        } else {
            rule.predictLuma(vector, area, from: reference, into: out, stride: stride)
        }
    }

    private func clear(_ plane: Plane) {
        for row in 0..<plane.height { (plane.base + row * plane.stride).update(repeating: 0, count: plane.width) }
    }
}

@available(*, unavailable)
extension MotionCompensator: Sendable {}

/// The three planes of a reference picture, lent while the picture lives.
private struct ReferencePlanes {
    let display: Int32
    let luma: pframe_plane
    let u: pframe_plane
    let v: pframe_plane

    init(_ reference: ReferencePicture) {
        display = reference.display
        luma = reference.picture.plane(0).kernel
        u = reference.picture.plane(1).kernel
        v = reference.picture.plane(2).kernel
    }
}
