import CTorch
public import Storage

/// Conversions and shapes.
extension Tensor {
    /// The same elements as another type.
    public func to(_ type: ElementType) throws(PFrameError) -> Tensor {
        type == self.type
            ? self : try Self.made("converting \(shape)") { ct_convert(handle, type.code, device.code, $0) }
    }

    /// The same elements on another device.
    public func to(_ device: Device) throws(PFrameError) -> Tensor {
        device == self.device
            ? self : try Self.made("moving \(shape)") { ct_convert(handle, type.code, device.code, $0) }
    }

    /// The same elements in C order with another shape; one length may be −1.
    public func reshaped(_ shape: [Int]) throws(PFrameError) -> Tensor {
        let sizes = shape.map(Int64.init)
        return try Self.made("reshaping \(self.shape) to \(shape)") {
            ct_reshape(handle, sizes, Int32(sizes.count), $0)
        }
    }

    /// Dimensions in another order.
    public func permuted(_ order: [Int]) throws(PFrameError) -> Tensor {
        let sizes = order.map(Int64.init)
        return try Self.made("permuting \(shape)") { ct_permute(handle, sizes, Int32(sizes.count), $0) }
    }

    /// Dimensions of length 1 repeated, without copying.
    public func expanded(_ shape: [Int]) throws(PFrameError) -> Tensor {
        let sizes = shape.map(Int64.init)
        return try Self.made("expanding \(self.shape) to \(shape)") { ct_expand(handle, sizes, Int32(sizes.count), $0) }
    }

    /// Elements `range` along a dimension, which may count from the end.
    public func sliced(_ range: Range<Int>, along dimension: Int) throws(PFrameError) -> Tensor {
        try Self.made("slicing \(shape)") {
            ct_narrow(handle, Int64(dimension), Int64(range.lowerBound), Int64(range.count), $0)
        }
    }

    /// Tensors one after the other along a dimension.
    public static func concatenated(_ tensors: [Tensor], along dimension: Int) throws(PFrameError) -> Tensor {
        let handles = tensors.map { Optional($0.handle) }
        return try made("concatenating \(tensors.map(\.shape))") { out in
            handles.withUnsafeBufferPointer {
                guard let base = $0.baseAddress else { return CT_FAILED }
                return ct_concatenate(base, Int32(handles.count), Int64(dimension), out)
            }
        }
    }

    /// The same in C order in memory.
    public func contiguous() throws(PFrameError) -> Tensor {
        try Self.made("ordering \(shape)") { ct_contiguous(handle, false, $0) }
    }

    /// The same with the second of four dimensions last in memory: the order that convolutions want of their weights.
    func channelsLastInMemory() throws(PFrameError) -> Tensor {
        try Self.made("ordering \(shape)") { ct_contiguous(handle, true, $0) }
    }

    /// Zeros of the same shape and order in memory.
    public func zerosLike(_ type: ElementType? = nil) throws(PFrameError) -> Tensor {
        let type = type ?? self.type
        return try Self.made("making \(shape)") { ct_zeros_like(handle, type.code, $0) }
    }

    /// A copy of its own.
    public func copy() throws(PFrameError) -> Tensor { try Self.made("copying \(shape)") { ct_clone(handle, $0) } }

    /// Slices by index along a dimension.
    public func selected(_ indices: Tensor, along dimension: Int = 0) throws(PFrameError) -> Tensor {
        try Self.made("selecting from \(shape)") { ct_index_select(handle, Int64(dimension), indices.handle, $0) }
    }

    /// Running sums along a dimension.
    public func cumulativeSum(along dimension: Int) throws(PFrameError) -> Tensor {
        try Self.made("summing \(shape)") { ct_cumulative_sum(handle, Int64(dimension), $0) }
    }
}

/// Arithmetic with the broadcasting of numpy.
extension Tensor {
    private func apply(_ operation: ct_unary) throws(PFrameError) -> Tensor {
        try Self.made("computing on \(shape)") { ct_apply(operation, handle, $0) }
    }

    private static func combine(_ operation: ct_binary, _ left: Tensor, _ right: Tensor) throws(PFrameError) -> Tensor {
        try made("combining \(left.shape) and \(right.shape)") { ct_combine(operation, left.handle, right.handle, $0) }
    }

    /// Element by element.
    public static func + (left: Tensor, right: Tensor) throws(PFrameError) -> Tensor {
        try combine(CT_ADD, left, right)
    }
    /// Element by element.
    public static func - (left: Tensor, right: Tensor) throws(PFrameError) -> Tensor {
        try combine(CT_SUBTRACT, left, right)
    }
    /// Element by element.
    public static func * (left: Tensor, right: Tensor) throws(PFrameError) -> Tensor {
        try combine(CT_MULTIPLY, left, right)
    }
    /// Element by element.
    public static func / (left: Tensor, right: Tensor) throws(PFrameError) -> Tensor {
        try combine(CT_DIVIDE, left, right)
    }
    /// Whether the left element is less, element by element: bool.
    public static func .< (left: Tensor, right: Tensor) throws(PFrameError) -> Tensor {
        try combine(CT_LESS, left, right)
    }
    /// Every element times a number.
    public static func * (left: Tensor, right: Double) throws(PFrameError) -> Tensor { try left.affine(right, 0) }
    /// Every element plus a number.
    public static func + (left: Tensor, right: Double) throws(PFrameError) -> Tensor { try left.affine(1, right) }

    /// `scale · x + offset`.
    public func affine(_ scale: Double, _ offset: Double) throws(PFrameError) -> Tensor {
        try Self.made("scaling \(shape)") { ct_affine(handle, scale, offset, $0) }
    }

    /// Every element between `low` and `high`.
    public func clamped(_ low: Double, _ high: Double) throws(PFrameError) -> Tensor {
        try Self.made("clamping \(shape)") { ct_clamp(handle, low, high, $0) }
    }

    /// Adds `scale · source` in place, unrecorded.
    public func accumulate(_ source: Tensor, scale: Double = 1) throws(PFrameError) {
        try check(ct_accumulate(handle, source.handle, scale), "adding \(source.shape) to \(shape)")
    }

    /// Divides in place, unrecorded.
    public func divide(by divisor: Tensor) throws(PFrameError) {
        try check(ct_divide(handle, divisor.handle), "dividing \(shape) by \(divisor.shape)")
    }

    /// |x|.
    public func absolute() throws(PFrameError) -> Tensor { try apply(CT_ABS) }
    /// To the nearest whole number, ties to even.
    public func rounded() throws(PFrameError) -> Tensor { try apply(CT_ROUND) }
    /// x².
    public func squared() throws(PFrameError) -> Tensor { try apply(CT_SQUARE) }
    /// √x.
    public func squareRoot() throws(PFrameError) -> Tensor { try apply(CT_SQRT) }
    /// eˣ.
    public func exponential() throws(PFrameError) -> Tensor { try apply(CT_EXP) }
    /// ln x.
    public func logarithm() throws(PFrameError) -> Tensor { try apply(CT_LOG) }
    /// tanh x.
    public func tanh() throws(PFrameError) -> Tensor { try apply(CT_TANH) }
    /// 1 / (1 + e⁻ˣ).
    public func sigmoid() throws(PFrameError) -> Tensor { try apply(CT_SIGMOID) }
    /// x · sigmoid(x).
    public func silu() throws(PFrameError) -> Tensor { try apply(CT_SILU) }
    /// x · Φ(x), with the error function.
    public func gelu() throws(PFrameError) -> Tensor { try apply(CT_GELU) }
    /// x · sigmoid(1.702 x), CLIP's.
    public func quickGELU() throws(PFrameError) -> Tensor { try apply(CT_QUICK_GELU) }

    /// 1 if every element is a finite number, else 0: one float32 number.
    public func isFinite() throws(PFrameError) -> Tensor {
        try apply(CT_IS_FINITE).to(.float32).reduced(CT_MIN, [], keep: false)
    }
}

/// Reductions: over the dimensions given, over all where none is.
extension Tensor {
    func reduced(_ operation: ct_reduction, _ dimensions: [Int], keep: Bool) throws(PFrameError) -> Tensor {
        let chosen = dimensions.map(Int64.init)
        return try Self.made("reducing \(shape)") {
            ct_reduce(operation, handle, chosen, Int32(chosen.count), keep, $0)
        }
    }

    /// The sum.
    public func sum(_ dimensions: [Int] = [], keep: Bool = false) throws(PFrameError) -> Tensor {
        try reduced(CT_SUM, dimensions, keep: keep)
    }

    /// The mean.
    public func mean(_ dimensions: [Int] = [], keep: Bool = false) throws(PFrameError) -> Tensor {
        try reduced(CT_MEAN, dimensions, keep: keep)
    }

    /// The greatest element.
    public func max(_ dimensions: [Int] = [], keep: Bool = false) throws(PFrameError) -> Tensor {
        try reduced(CT_MAX, dimensions, keep: keep)
    }

    /// eˣ over its sum along a dimension.
    public func softmax(along dimension: Int) throws(PFrameError) -> Tensor {
        try Self.made("softmax of \(shape)") { ct_softmax(handle, Int64(dimension), $0) }
    }

    /// The index of the greatest element along a dimension, int64.
    public func indexOfMax(along dimension: Int) throws(PFrameError) -> Tensor {
        try Self.made("finding the greatest of \(shape)") { ct_argmax(handle, Int64(dimension), $0) }
    }

    /// The cross-entropy −log softmax(x) of logits x `(…, C)` at the classes int64 `(…)`, of the shape of `classes`.
    public func crossEntropy(_ classes: Tensor) throws(PFrameError) -> Tensor {
        try Self.made("cross-entropy of \(shape) at \(classes.shape)") {
            ct_cross_entropy(handle, classes.handle, $0)
        }
    }
}

/// Products and what layers are made of.
extension Tensor {
    /// The matrix product over the last two dimensions.
    public func matmul(_ right: Tensor) throws(PFrameError) -> Tensor {
        try Self.made("product of \(shape) and \(right.shape)") { ct_matmul(handle, right.handle, $0) }
    }

    /// `X` of `A X = B`, for this `A` `(…, n, n)` and `B` `(…, n, k)`; numbers that are not finite where `A` is singular.
    public func solved(_ right: Tensor) throws(PFrameError) -> Tensor {
        try Self.made("solving \(shape) for \(right.shape)") { ct_solve(handle, right.handle, $0) }
    }

    /// `x Wᵀ + b` over the last dimension, with the weight `(outputs, inputs)`.
    public func linear(_ weight: Tensor, _ bias: Tensor?) throws(PFrameError) -> Tensor {
        try Self.made("linear map of \(shape) by \(weight.shape)") {
            ct_linear(handle, weight.handle, bias?.handle, $0)
        }
    }

    /// Convolution of `(N, H, W, C)` with the weight `(O, C, h, w)`.
    public func convolution(
        _ weight: Tensor, _ bias: Tensor?, stride: Int, padding: Int
    ) throws(PFrameError) -> Tensor {
        try Self.made("convolution of \(shape) with \(weight.shape)") {
            ct_convolution(handle, weight.handle, bias?.handle, Int64(stride), Int64(padding), $0)
        }
    }

    /// Transposed convolution of `(N, H, W, C)` with the weight `(C, O, h, w)`.
    public func transposedConvolution(
        _ weight: Tensor, _ bias: Tensor?, stride: Int, padding: Int
    ) throws(PFrameError) -> Tensor {
        try Self.made("transposed convolution of \(shape) with \(weight.shape)") {
            ct_transposed_convolution(handle, weight.handle, bias?.handle, Int64(stride), Int64(padding), $0)
        }
    }

    /// Rows of a table `(rows, width)` by int64 or int32 indices of any shape.
    public func embedded(_ indices: Tensor) throws(PFrameError) -> Tensor {
        try Self.made("looking up in \(shape)") { ct_embedding(handle, indices.handle, $0) }
    }

    /// `(N, H, W, C)` with every pixel repeated `factor` times each way.
    public func upsampled(_ factor: Int) throws(PFrameError) -> Tensor {
        try Self.made("enlarging \(shape)") { ct_upsample_nearest(handle, Int64(factor), $0) }
    }

    /// `(N, H, W, C)` resized bilinearly, with antialiasing where it shrinks and that is asked for.
    public func resized(height: Int, width: Int, antialias: Bool) throws(PFrameError) -> Tensor {
        try Self.made("resizing \(shape)") { ct_resize_bilinear(handle, Int64(height), Int64(width), antialias, $0) }
    }

    /// `(N, H, W, C)` resized bicubically (a = −½), with antialiasing where it shrinks.
    public func resizedBicubically(height: Int, width: Int) throws(PFrameError) -> Tensor {
        try Self.made("resizing \(shape)") { ct_resize_bicubic(handle, Int64(height), Int64(width), $0) }
    }

    /// Layer normalisation over the last dimension.
    public func layerNorm(_ weight: Tensor?, _ bias: Tensor?, epsilon: Double = 1e-5) throws(PFrameError) -> Tensor {
        try Self.made("layer norm of \(shape)") { ct_layer_norm(handle, weight?.handle, bias?.handle, epsilon, $0) }
    }

    /// Group normalisation of `(N, P, C)` over P and the channels of a group, then `(1 + scale) · y + shift` where
    /// `modulation` `(N, 2C)` is given, then SiLU where asked.
    public func groupNorm(
        _ groups: Int, _ weight: Tensor, _ bias: Tensor, modulation: Tensor? = nil, silu: Bool, epsilon: Double = 1e-5
    ) throws(PFrameError) -> Tensor {
        try Self.made("group norm of \(shape)") {
            ct_group_norm(handle, Int64(groups), weight.handle, bias.handle, modulation?.handle, silu, epsilon, $0)
        }
    }

    /// Softmax attention along T of queries, keys and values `(B, T, P, 3·heads·d)` with the bias `(heads, T, T)`.
    public func sequenceAttention(heads: Int, bias: Tensor?) throws(PFrameError) -> Tensor {
        try Self.made("attention of \(shape)") { ct_sequence_attention(handle, bias?.handle, Int64(heads), $0) }
    }

    /// Softmax attention of these queries `(B, T, heads·d)` among keys and values `(B, S, heads·d)`, in memory that grows
    /// with T + S and not with their product.
    public func attention(keys: Tensor, values: Tensor, heads: Int) throws(PFrameError) -> Tensor {
        try Self.made("attention of \(shape) among \(keys.shape)") {
            ct_attention(handle, keys.handle, values.handle, Int64(heads), $0)
        }
    }

    /// Linear attention over P of queries, keys and values `(N, P, 3·heads·d)` (Shen et al. 2021).
    public func linearAttention(heads: Int) throws(PFrameError) -> Tensor {
        try Self.made("attention of \(shape)") { ct_linear_attention(handle, Int64(heads), $0) }
    }
}
