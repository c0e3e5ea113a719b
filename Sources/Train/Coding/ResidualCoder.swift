import Glibc
public import Storage

/// What turns residuals into 16 numbers for each 16×16 block, and back.
public protocol ResidualCoder {
    /// The name in tables.
    var name: String { get }
    /// Numbers of a block.
    var channels: Int { get }

    /// Latents of residuals in pixel values: `(N, H, W, 3)` float32 to `(N, H/16, W/16, channels)` float32, on the CPU.
    ///
    /// - Parameter prediction: what the residuals are added to, 0…255, `(N, H, W, 3)` float32. Decoding has it too.
    func encode(_ residual: Tensor, beside prediction: Tensor) throws(PFrameError) -> Tensor

    /// Residuals of latents, the other way round.
    func decode(_ latents: Tensor, beside prediction: Tensor) throws(PFrameError) -> Tensor
}

/// A coder of orthonormal vectors: coefficients are products with them, residuals their sum.
public struct LinearResidualCoder: ResidualCoder {
    /// The name in tables.
    public let name: String
    /// Numbers of a block.
    public let channels: Int
    /// `(channels, 768)`.
    private let vectors: Tensor

    /// Principal components, fitted on a training set.
    public init(_ basis: PrincipalComponents) throws(PFrameError) {
        (name, channels) = ("pca", basis.variances.count)
        vectors = try Tensor(basis.vectors, shape: [channels, PrincipalComponents.values])
    }

    /// The lowest coefficients of the discrete cosine transform (Ahmed et al. 1974) in luma and chroma: ten of luma (four
    /// diagonals) and three of each chroma, 16 in all.
    public init(cosine: Void) throws(PFrameError) {
        // Orthonormal rows near Y, Cb and Cr: grey, blue against yellow, red against green.
        let colours: [[Double]] = [[1, 1, 1], [-1, -1, 2], [1, -1, 0]].map { row in
            row.map { $0 / row.reduce(0) { $0 + $1 * $1 }.squareRoot() }
        }
        var values: [Float] = []
        for (colour, diagonals) in zip(colours, [4, 2, 2]) {
            for diagonal in 0..<diagonals {
                for v in 0...diagonal {
                    let u = diagonal - v
                    for y in 0..<16 {
                        for x in 0..<16 {
                            let wave = Self.wave(u, x) * Self.wave(v, y)
                            values += colour.map { Float($0 * wave) }
                        }
                    }
                }
            }
        }
        (name, channels) = ("dct", values.count / PrincipalComponents.values)
        vectors = try Tensor(values, shape: [channels, PrincipalComponents.values])
    }

    private static func wave(_ frequency: Int, _ place: Int) -> Double {
        let scale = (frequency == 0 ? 1.0 / 16 : 2.0 / 16).squareRoot()
        return scale * cos((Double(place) + 0.5) * Double(frequency) * .pi / 16)
    }

    /// Coefficients of each block.
    public func encode(_ residual: Tensor, beside prediction: Tensor) throws(PFrameError) -> Tensor {
        try residual.to(.float32).patches(PrincipalComponents.block).linear(vectors, nil)
    }

    /// Residuals of coefficients.
    public func decode(_ latents: Tensor, beside prediction: Tensor) throws(PFrameError) -> Tensor {
        try latents.to(.float32).matmul(vectors).pixels(ofPatches: PrincipalComponents.block)
    }
}

@available(*, unavailable)
extension LinearResidualCoder: Sendable {}
