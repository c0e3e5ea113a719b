public import Codec
import Dataset
public import MotionVectors
public import Shards
public import Storage

/// Turns a batch into the tensors that a family diffuses, and diffused tensors into video.
///
/// Arrays travel to the model's device as the records hold them; what is computed of them is computed there.
public protocol ClipCodec {
    /// The diffused clips x₀ of a batch: float32 `(B·T, h, w, channels)`, about −1…1 or of deviation 1, on the device.
    ///
    /// - Throws: `PFrameError` if the arrays are not of the model's size.
    func clean(_ batch: Batch) throws(PFrameError) -> Tensor

    /// The first frames of a batch: uint8 `(B, H, W, 3)`, on the device.
    ///
    /// - Throws: `PFrameError` if the arrays are not of the model's size.
    func first(_ batch: Batch) throws(PFrameError) -> Tensor

    /// Video of diffused clips.
    ///
    /// - Parameters:
    ///   - x: `(B·T, h, w, channels)`, float32.
    ///   - first: the given frames, one per clip.
    func rebuild(_ x: Tensor, first: [RGBImage]) throws(PFrameError) -> [Clip]
}

/// The arrays of a batch as tensors of a size that a model takes, on its device.
struct ClipArrays {
    /// Frames of a clip, the given one included.
    let frames: Int
    /// Frames of a diffused clip.
    let changes: Int
    private let sizes: [Size]
    private let factor: Int
    private let device: Device

    init<Family>(_ options: DiffusionOptions<Family>, _ device: Device) {
        self.device = device
        (frames, changes, sizes) = (options.frames, options.diffusedFrames, options.frameSizes)
        factor = Family.factor
    }

    /// An array of diffused clips, folded into the batch: `(B·T, h, w, channels)` of its own type.
    func folded(_ batch: Batch, _ member: String, channels: Int) throws(PFrameError) -> Tensor {
        let result = try tensor(batch, member)
        let shape = Array(result.shape.dropFirst())
        let wanted = sizes.map { [changes, $0.height / factor, $0.width / factor, channels] }
        guard wanted.contains(shape) else { throw unfit(member, shape, wanted) }
        return try result.reshaped([batch.count * changes] + shape.dropFirst())
    }

    /// `first.npy`: uint8 `(B, H, W, 3)`.
    func first(_ batch: Batch) throws(PFrameError) -> Tensor {
        let result = try tensor(batch, "first.npy")
        let shape = Array(result.shape.dropFirst())
        let wanted = sizes.map { [$0.height, $0.width, 3] }
        guard wanted.contains(shape) else { throw unfit("first.npy", shape, wanted) }
        return result
    }

    private func unfit(_ member: String, _ found: [Int], _ wanted: [[Int]]) -> PFrameError {
        PFrameError(
            .conflict,
            "\(member) of the data set is \(found), but the model takes "
                + "\(wanted.map { "\($0)" }.joined(separator: " or ")): build the set with "
                + "\(frames) frames of \(sizes[0]), or train a model of its size")
    }

    private func tensor(_ batch: Batch, _ member: String) throws(PFrameError) -> Tensor {
        try batch.withArray(member) { (bytes, type, shape) throws(PFrameError) in
            guard let element = ElementType(type) else {
                throw PFrameError(
                    .unsupported, "\(member) has elements of type \(type.rawValue), which tensors do not have")
            }
            return try Tensor(bytes: bytes, type: element, shape: shape, device: device)
        }
    }
}

extension ElementType {
    /// The type of elements of a `.npy` file; nil for those that tensors do not have.
    init?(_ type: NPYType) {
        switch type {
        case .float32: self = .float32
        case .float64: self = .float64
        case .float16: self = .float16
        case .int8: self = .int8
        case .int16: self = .int16
        case .int32: self = .int32
        case .int64: self = .int64
        case .uint8: self = .uint8
        case .bool: self = .bool
        default: return nil
        }
    }
}
