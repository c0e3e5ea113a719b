import Glibc

/// The machine's best matrix product: what training is compared with.
public enum GEMMPeak: Sendable {
    /// Operations a second of a square product, the best of three runs after one to warm up.
    ///
    /// - Parameter size: rows and columns; from 2,048 on it changes little.
    public static func measure(
        _ precision: Precision, device: Device, size: Int = 2048
    ) throws(TrainError) -> Double {
        let left = try Tensor.uniform([size, size], seed: 1).to(device).to(precision.type)
        let right = try Tensor.uniform([size, size], seed: 2).to(device).to(precision.type)
        var best = Double.infinity
        for run in 0..<4 {
            let start = now()
            _ = try withoutGradients { () throws(TrainError) in try left.matmul(right) }
            try device.synchronize()
            if run > 0 { best = min(best, now() - start) }
        }
        let size = Double(size)
        return 2 * size * size * size / best
    }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
