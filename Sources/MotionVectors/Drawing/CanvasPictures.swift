public import Codec
import Storage

extension Canvas {
    /// How an enlarged picture fills the pixels between its own.
    public enum Interpolation: Sendable, Hashable {
        /// Every pixel becomes a square.
        case nearest
        /// Linear in both directions, between pixel centres.
        case bilinear
    }

    /// Draws a picture whose left top corner lies at `(x, y)`, enlarged by a whole factor.
    public mutating func draw(
        _ picture: RGBImage, x: Int, y: Int, enlargedBy factor: Int = 1, interpolation: Interpolation = .nearest
    ) {
        precondition(factor > 0, "a picture is enlarged by a positive factor")
        let columns = max(0, x)..<max(0, x, min(width, x + picture.width * factor))
        let rows = max(0, y)..<max(0, y, min(height, y + picture.height * factor))
        guard !columns.isEmpty, !rows.isEmpty else { return }
        let across = taps(columns, from: x, factor, picture.width, interpolation)
        let down = taps(rows, from: y, factor, picture.height, interpolation)
        let stride = 3 * width
        let sourceStride = 3 * picture.width
        withPixels { pixels in
            picture.pixels.withUnsafeBufferPointer { source in
                for (row, vertical) in zip(rows, down) {
                    let upper = vertical.near * sourceStride
                    let lower = vertical.far * sourceStride
                    var at = row * stride + 3 * columns.lowerBound
                    if factor == 1 {
                        let start = upper + 3 * across[0].near
                        let bytes = start..<(start + 3 * columns.count)
                        _ = pixels[at..<(at + bytes.count)].update(fromContentsOf: source[bytes])
                        continue
                    }
                    for horizontal in across {
                        let (near, far) = (3 * horizontal.near, 3 * horizontal.far)
                        for channel in 0..<3 {
                            let top = mix(
                                source[upper + near + channel], source[upper + far + channel], horizontal.weight)
                            let bottom = mix(
                                source[lower + near + channel], source[lower + far + channel], horizontal.weight)
                            let value = top * (256 - vertical.weight) + bottom * vertical.weight
                            pixels[at] = UInt8(truncatingIfNeeded: (value + 32768) >> 16)
                            at += 1
                        }
                    }
                }
            }
        }
    }

    /// Draws a picture whose left top corner lies at `(x, y)`, reduced by a whole factor: the mean of each square of
    /// `factor` pixels a side. Rows and columns left over at the right and bottom are dropped.
    public mutating func draw(_ picture: RGBImage, x: Int, y: Int, reducedBy factor: Int) {
        precondition(factor > 0, "a picture is reduced by a positive factor")
        let columns = max(0, x)..<max(0, x, min(width, x + picture.width / factor))
        let rows = max(0, y)..<max(0, y, min(height, y + picture.height / factor))
        let stride = 3 * width
        let area = factor * factor
        withPixels { pixels in
            picture.pixels.withUnsafeBufferPointer { source in
                for row in rows {
                    for column in columns {
                        var (red, green, blue) = (area / 2, area / 2, area / 2)
                        for line in 0..<factor {
                            var at = 3 * (((row - y) * factor + line) * picture.width + (column - x) * factor)
                            for _ in 0..<factor {
                                red += Int(source[at])
                                green += Int(source[at + 1])
                                blue += Int(source[at + 2])
                                at += 3
                            }
                        }
                        let at = row * stride + 3 * column
                        pixels[at] = UInt8(truncatingIfNeeded: red / area)
                        pixels[at + 1] = UInt8(truncatingIfNeeded: green / area)
                        pixels[at + 2] = UInt8(truncatingIfNeeded: blue / area)
                    }
                }
            }
        }
    }
}

/// The two source pixels that make one enlarged pixel, and the far one's share in 256ths.
private struct Tap {
    let near, far, weight: Int
}

/// The taps of the canvas pixels `positions` of a picture that starts at `origin`.
private func taps(
    _ positions: Range<Int>, from origin: Int, _ factor: Int, _ count: Int, _ interpolation: Canvas.Interpolation
) -> [Tap] {
    positions.map { position in
        let offset = position - origin
        guard interpolation == .bilinear else {
            return Tap(near: offset / factor, far: offset / factor, weight: 0)
        }
        // In units of half an enlarged pixel, so that centres stay whole numbers.
        let center = max(0, 2 * offset + 1 - factor)
        let near = min(count - 1, center / (2 * factor))
        return Tap(near: near, far: min(count - 1, near + 1), weight: center % (2 * factor) * 128 / factor)
    }
}

/// A value `weight` 256ths of the way from `a` to `b`, times 256.
@inline(__always)
private func mix(_ a: UInt8, _ b: UInt8, _ weight: Int) -> Int {
    Int(a) * (256 - weight) + Int(b) * weight
}
