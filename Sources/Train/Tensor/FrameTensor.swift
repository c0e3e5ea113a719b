public import Codec

extension Tensor {
    /// Copies frames to a tensor on the CPU, uint8 `(N, H, W, 3)`.
    ///
    /// - Parameters:
    ///   - frames: uint8 RGB `(N, H, W, 3)`, contiguous.
    ///   - size: W and H in pixels.
    /// - Throws: where these are no whole frames.
    public static func frames(_ frames: Span<UInt8>, size: Size) throws(TrainError) -> Tensor {
        let area = size.width * size.height * 3
        guard area > 0, frames.count % area == 0 else {
            throw TrainError("\(frames.count) bytes are no whole RGB frames of \(size)")
        }
        let shape = [frames.count / area, size.height, size.width, 3]
        return try frames.withUnsafeBytes { bytes throws(TrainError) in
            try Tensor(bytes: bytes, type: .uint8, shape: shape)
        }
    }
}
