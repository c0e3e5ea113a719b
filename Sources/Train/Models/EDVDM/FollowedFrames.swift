package import Storage

/// The given frame as motion alone carries it on: what all later frames are without residuals.
package enum FollowedFrames {
    /// x̃ₙ = P(x̃ₙ₋₁, mvₙ) from x̃₀, the given frame, with P of `WholePixelCompensation`.
    ///
    /// Compensation only moves pixels. The place in the given frame that a pixel comes from is followed through all
    /// frames, and the pixels are fetched once.
    ///
    /// - Parameters:
    ///   - first: uint8 `(B, H, W, 3)`.
    ///   - motion: `(B·T, H/16, W/16, 2)`, x and y in whole pixels.
    /// - Returns: uint8 `(B·T, H, W, 3)`, unrecorded.
    package static func of(_ first: Tensor, motion: Tensor) throws(PFrameError) -> Tensor {
        try withoutGradients { () throws(PFrameError) in
            let (clips, height, width) = (first.shape[0], first.shape[1], first.shape[2])
            let (frames, pixels) = (motion.shape[0] / clips, height * width)
            // float64 holds every index.
            let offsets = try motion.to(.float64).upsampled(EDVDM.factor)
            func counted(_ shape: [Int], _ dimension: Int) throws(PFrameError) -> Tensor {
                try Tensor.full(shape, 1, type: .float64, device: first.device).cumulativeSum(along: dimension) + -1
            }
            let columns = try (offsets.sliced(0..<1, along: 3) + counted([1, 1, width, 1], 2))
                .clamped(0, Double(width - 1))
            let rows = try (offsets.sliced(1..<2, along: 3) + counted([1, height, 1, 1], 1))
                .clamped(0, Double(height - 1))
            let starts = try counted([clips, 1, 1], 0) * Double(pixels)
            let steps = try ((rows * Double(width) + columns).reshaped([clips, frames, pixels]) + starts).to(.int64)
            var origin = try counted([clips * pixels], 0).to(.int64)
            var origins: [Tensor] = []
            for frame in 0..<frames {
                origin = try origin.selected(
                    steps.sliced(frame..<frame + 1, along: 1).reshaped([clips * pixels]))
                origins.append(try origin.reshaped([clips, 1, pixels]))
            }
            let all = try Tensor.concatenated(origins, along: 1).reshaped([clips * frames * pixels])
            return try first.reshaped([clips * pixels, 3]).selected(all)
                .reshaped([clips * frames, height, width, 3])
        }
    }
}
