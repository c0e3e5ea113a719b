public import Storage

/// Images as square patches, and back.
extension Tensor {
    /// `(N, H, W, C)` as `(N, H/edge, W/edge, edge·edge·C)`, each patch `(y, x, C)` in C order.
    public func patches(_ edge: Int) throws(PFrameError) -> Tensor {
        let (images, rows, columns, channels) = (shape[0], shape[1] / edge, shape[2] / edge, shape[3])
        return try reshaped([images, rows, edge, columns, edge, channels]).permuted([0, 1, 3, 2, 4, 5])
            .reshaped([images, rows, columns, edge * edge * channels])
    }

    /// `(N, h, w, edge·edge·C)` as `(N, h·edge, w·edge, C)`: the way back.
    public func pixels(ofPatches edge: Int) throws(PFrameError) -> Tensor {
        let (images, rows, columns, channels) = (shape[0], shape[1], shape[2], shape[3] / (edge * edge))
        return try reshaped([images, rows, columns, edge, edge, channels]).permuted([0, 1, 3, 2, 4, 5])
            .reshaped([images, rows * edge, columns * edge, channels])
    }
}
