/// Residual latents as they are diffused: `sign(z) √|z|`.
///
/// Where nothing moves latents are 0 within a hundredth; where something does they are 100 times that. A network that is
/// wrong by a third of their common deviation fills still ground with noise, and over the frames of a clip it adds up. Of
/// roots, the same error is a tenth near 0.
enum Companding {
    static func compressed(_ value: Double) -> Double { value < 0 ? -(-value).squareRoot() : value.squareRoot() }

    static func compressed(_ z: Tensor) throws(TrainError) -> Tensor {
        // z / √|z|; a value of 10⁻⁶ keeps 0 from dividing by itself.
        try z / (z.squared() + 1e-12).squareRoot().squareRoot()
    }

    static func expanded(_ x: Tensor) throws(TrainError) -> Tensor { try x * x.squared().squareRoot() }
}
