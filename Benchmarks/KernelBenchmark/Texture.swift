import Codec

/// Frames of a synthetic scene: value noise of four octaves that flows differently in different places, plus grain.
struct Texture {
    let width: Int
    let height: Int

    /// Calls `body` with frame number `time`, lent.
    func withFrame<Result>(_ time: Int, _ body: (borrowing Plane) -> Result) -> Result {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: width * height) { pixels in
            pixels.initialize(repeating: 0)
            for y in 0..<height {
                for x in 0..<width { pixels[y * width + x] = pixel(x, y, time) }
            }
            guard let base = pixels.baseAddress else { preconditionFailure("an empty texture") }
            return body(Plane(base: base, stride: width, width: width, height: height))
        }
    }

    private func pixel(_ x: Int, _ y: Int, _ time: Int) -> UInt8 {
        // Bands of 96 rows and columns of 160 each move at their own speed, up to ±9.5 pixels a frame.
        let (speedX, speedY) = (Double(Int(hash(y / 96, 1)) % 20) - 9.5, Double(Int(hash(x / 160, 2)) % 14) - 6.5)
        let (u, v) = (Double(x) + speedX * Double(time), Double(y) + speedY * Double(time))
        var value = 0.0
        for (octave, cell) in [64.0, 24, 9, 4].enumerated() {
            value += noise(u / cell, v / cell, octave) / Double(octave + 1)
        }
        let grain = Double(hash(x &+ time &* 7919, y) & 3) - 1.5
        return UInt8(min(max(value / 2.083 + grain, 0), 255))
    }

    /// Bilinear value noise, 0…255.
    private func noise(_ x: Double, _ y: Double, _ seed: Int) -> Double {
        let (left, top) = (x.rounded(.down), y.rounded(.down))
        let (fx, fy) = (x - left, y - top)
        let (column, row) = (Int(left), Int(top))
        func corner(_ dx: Int, _ dy: Int) -> Double { Double(hash(column + dx &+ seed &* 104_729, row + dy) & 255) }
        let upper = corner(0, 0) * (1 - fx) + corner(1, 0) * fx
        let lower = corner(0, 1) * (1 - fx) + corner(1, 1) * fx
        return upper * (1 - fy) + lower * fy
    }

    private func hash(_ x: Int, _ y: Int) -> UInt32 {
        var value = UInt32(truncatingIfNeeded: x &* 73_856_093 ^ y &* 19_349_663)
        value = (value ^ value >> 15) &* 0x2c1b_3c6d
        value = (value ^ value >> 12) &* 0x297a_2d39
        return value ^ value >> 15
    }
}
