import CKernels
import Codec
import Storage

/// A block of the picture, cut to the plane: what one kernel call predicts.
struct BlockArea {
    let x: Int
    let y: Int
    let width: Int
    let height: Int

    /// The part of a vector's block that lies in plane 0 (luma) or 1, 2 (chroma); nil if none does.
    init?(_ vector: MotionVector, plane: borrowing Plane, isChroma: Bool) {
        let shift = isChroma ? 1 : 0
        x = vector.left >> shift
        y = vector.top >> shift
        width = min(Int(vector.width) >> shift, plane.width - x)
        height = min(Int(vector.height) >> shift, plane.height - y)
        guard x >= 0, y >= 0, width > 0, height > 0, width <= 16, height <= 16 else { return nil }
    }
}

extension Plane {
    /// The plane as kernels take it. The pointer is valid while the plane is lent.
    var kernel: pframe_plane {
        pframe_plane(base: UnsafePointer(base), stride: stride, width: Int32(width), height: Int32(height))
    }
}

extension PredictionRule {
    /// Predicts the luma of a block from `reference` into `out`.
    func predictLuma(
        _ vector: MotionVector, _ area: BlockArea, from reference: pframe_plane, into out: UnsafeMutablePointer<UInt8>,
        stride: Int
    ) {
        let (x, y, w, h) = (Int32(area.x), Int32(area.y), Int32(area.width), Int32(area.height))
        switch self {
        case .mpeg4 where vector.motionScale == 2, .mpeg2 where vector.motionScale == 2:
            pframe_predict_half(
                out, stride, reference, x &* 2 &+ vector.motionX, y &* 2 &+ vector.motionY, w, h, 0)
        case .h264, .mpeg4, .mpeg2:
            let motion = vector.quarterPel
            pframe_predict_luma(out, stride, reference, x &* 4 &+ motion.x, y &* 4 &+ motion.y, w, h)
        }
    }

    /// Predicts one chroma plane of a block from `reference` into `out`.
    func predictChroma(
        _ vector: MotionVector, _ area: BlockArea, from reference: pframe_plane, into out: UnsafeMutablePointer<UInt8>,
        stride: Int
    ) {
        let (x, y, w, h) = (Int32(area.x), Int32(area.y), Int32(area.width), Int32(area.height))
        let motion = vector.quarterPel
        switch self {
        case .mpeg4 where vector.motionScale == 2:
            // H.263: quarter-pel chroma positions round to the half-pel ones (as `mpeg_motion` in libavcodec does).
            let (dx, dy) = (vector.motionX, vector.motionY)
            pframe_predict_half(
                out, stride, reference, x &* 2 &+ (dx >> 1 | dx & 1), y &* 2 &+ (dy >> 1 | dy & 1), w, h, 0)
        case .mpeg2 where vector.motionScale == 2:
            pframe_predict_half(
                out, stride, reference, x &* 2 &+ vector.motionX / 2, y &* 2 &+ vector.motionY / 2, w, h, 0)
        case .h264, .mpeg4, .mpeg2:
            pframe_predict_chroma(out, stride, reference, x &* 8 &+ motion.x, y &* 8 &+ motion.y, w, h)
        }
    }
}
