import Dataset

/// PySceneDetect's content value written down pixel by pixel, in whole numbers and without a thought for speed.
struct PlainContent {
    /// Blue, green and red, row by row.
    let pixels: [SIMD3<Int>]
    let width: Int
    let height: Int

    init(width: Int, height: Int, _ pixel: (_ x: Int, _ y: Int) -> SIMD3<Int>) {
        (self.width, self.height) = (width, height)
        pixels = (0..<height).flatMap { y in (0..<width).map { x in pixel(x, y) } }
    }

    func at(_ x: Int, _ y: Int) -> SIMD3<Int> { pixels[y * width + x] }

    /// As displayed after a clockwise turn.
    func turned(_ degrees: Int) -> PlainContent {
        switch degrees {
        case 90: PlainContent(width: height, height: width) { at($1, height - 1 - $0) }
        case 180: PlainContent(width: width, height: height) { at(width - 1 - $0, height - 1 - $1) }
        case 270: PlainContent(width: height, height: width) { at(width - 1 - $1, $0) }
        default: self
        }
    }

    func shrunk(_ rule: ShrinkRule) -> PlainContent {
        let factor =
            switch rule {
            case .v06: Double(width / 256)
            case .v07: Double(max(width, height)) / 256
            case .none: 1.0
            }
        guard factor > 1 else { return self }
        func side(_ value: Int) -> Int { max(1, Int((Double(value) / factor).rounded(.toNearestOrEven))) }
        let (newWidth, newHeight) = (side(width), side(height))
        return PlainContent(width: newWidth, height: newHeight) { x, y in
            let (across, down) = (Self.place(x, newWidth, width), Self.place(y, newHeight, height))
            var result = SIMD3<Int>.zero
            for channel in 0..<3 {
                func line(_ row: Int) -> Int {
                    let next = min(across.index + 1, width - 1)
                    return (at(across.index, row)[channel] * across.near + at(next, row)[channel] * across.far) / 16
                }
                let (upper, lower) = (line(down.index), line(min(down.index + 1, height - 1)))
                result[channel] = (upper * down.near / 65536 + lower * down.far / 65536 + 2) / 4
            }
            return result
        }
    }

    /// Where output sample `index` of `count` lies among `length`, with the weights of that sample and the next in 1/2048.
    private static func place(_ index: Int, _ count: Int, _ length: Int) -> (index: Int, near: Int, far: Int) {
        let exact = Float((Double(index) + 0.5) * (Double(length) / Double(count)) - 0.5)
        if exact < 0 { return (0, 2048, 0) }
        let whole = Int(exact)
        if whole >= length - 1 { return (length - 1, 2048, 0) }
        let fraction = exact - Float(whole)
        func rounded(_ value: Float) -> Int { Int((value * 2048).rounded(.toNearestOrEven)) }
        return (whole, rounded(1 - fraction), rounded(fraction))
    }

    static func hsv(_ pixel: SIMD3<Int>) -> SIMD3<Int> {
        let (b, g, r) = (pixel[0], pixel[1], pixel[2])
        let value = max(b, g, r)
        let range = value - min(b, g, r)
        func reciprocal(_ numerator: Double, _ n: Int) -> Int {
            n == 0 ? 0 : Int((numerator * 4096 / Double(n)).rounded(.toNearestOrEven))
        }
        let sextant =
            if value == r { g - b } else if value == g { b - r + 2 * range } else { r - g + 4 * range }
        let hue = Int((Double(sextant * reciprocal(30, range) + 2048) / 4096).rounded(.down))
        let saturation = (range * reciprocal(255, value) + 2048) / 4096
        return [hue < 0 ? hue + 180 : hue, saturation, value]
    }

    /// The parts of the content value of this picture after another of the same size.
    func score(after other: PlainContent) -> ContentScore {
        var sums = SIMD3<Int>.zero
        for (now, before) in zip(pixels, other.pixels) {
            let (a, b) = (Self.hsv(now), Self.hsv(before))
            for channel in 0..<3 { sums[channel] += abs(a[channel] - b[channel]) }
        }
        let count = Double(width * height)
        return ContentScore(
            hue: Double(sums[0]) / count, saturation: Double(sums[1]) / count, luma: Double(sums[2]) / count)
    }
}
