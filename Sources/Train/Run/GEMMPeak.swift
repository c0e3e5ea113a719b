import Glibc
package import Storage

/// The machine's best matrix product: what training is compared with.
package enum GEMMPeak: Sendable {
    /// The sizes of the products that are tried, in rows and columns: from 2,048 on the speed of a CPU changes little.
    static let sizes = [128, 256, 512, 1024, 2048, 4096]
    /// Products of each size; the first one warms up.
    private static let runs = 4

    /// Operations per second of the fastest square product. Products grow until the next product would take too long.
    ///
    /// The type is the one that the device computes in: a processor without bfloat16 computes its products in float32.
    ///
    /// - Parameters:
    ///   - seconds: the longest time of the measurement, about.
    ///   - shouldStop: called before each product; the best result so far is returned.
    /// - Returns: 0 if it was stopped before the first product.
    package static func measure(
        _ precision: Precision, device: Device, seconds: Double = 1, shouldStop: () -> Bool = { false }
    ) throws(PFrameError) -> Double {
        let type = device.emulates(precision) ? .float32 : precision.type
        let begin = now()
        var best = 0.0
        for size in sizes {
            let left = try Tensor.uniform([size, size], seed: 1).to(device).to(type)
            let right = try Tensor.uniform([size, size], seed: 2).to(device).to(type)
            var fastest = Double.infinity
            for _ in 0..<runs {
                if shouldStop() { return best }
                let start = now()
                _ = try withoutGradients { () throws(PFrameError) in try left.matmul(right) }
                try device.synchronize()
                fastest = min(fastest, now() - start)
                best = max(best, 2 * Double(size * size * size) / fastest)
                if now() - begin > seconds { return best }
            }
            // The next products have eight times the operations.
            if now() - begin + Double(8 * runs) * fastest > seconds { return best }
        }
        return best
    }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
