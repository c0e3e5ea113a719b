import Storage

/// A textured shape drawn once, ready to be laid over a ground at any sixteenth of a pixel.
struct ShapePatch: Sendable {
    /// Steps per pixel in which the patch can be placed.
    static let stepsPerPixel = 16

    /// Pixels from the centre to the farthest point of the outline.
    let radius: Int

    /// Pixels along each side, `2 * radius + 3`: the shape, its centre pixel and a transparent border of one pixel.
    let side: Int

    /// Red, green, blue and coverage, 0...255, shape (side, side, 4), row-major.
    ///
    /// The texture runs on under the transparent part, so colour and coverage can be interpolated apart.
    private let texels: [UInt8]

    /// Draws a shape of the given radius in pixels; `seed` selects the texture.
    init(shape: SyntheticShape, ramp: TextureRamp, radius: Int, seed: UInt64) {
        let side = 2 * radius + 3
        let levels = ValueNoise.levels(width: side, height: side, seed: seed)
        var texels = [UInt8](repeating: 0, count: side * side * 4)
        for y in 0..<side {
            for x in 0..<side {
                let index = y * side + x
                let colour = ramp.colour(at: levels[index])
                texels[4 * index] = UInt8(clamping: colour.x)
                texels[4 * index + 1] = UInt8(clamping: colour.y)
                texels[4 * index + 2] = UInt8(clamping: colour.z)
                texels[4 * index + 3] = Self.coverage(
                    of: shape, x: x - radius - 1, y: y - radius - 1, radius: radius)
            }
        }
        self.radius = radius
        self.side = side
        self.texels = texels
    }

    /// The share of a pixel inside the outline, 0...255, from a grid of 4×4 points; `x` and `y` are measured in pixels
    /// from the centre pixel.
    private static func coverage(of shape: SyntheticShape, x: Int, y: Int, radius: Int) -> UInt8 {
        var inside = 0
        // In eighths of a pixel the points of the grid have whole coordinates.
        for dy in stride(from: -3, through: 3, by: 2) {
            for dx in stride(from: -3, through: 3, by: 2)
            where shape.contains(x: 8 * x + dx, y: 8 * y + dy, radius: 8 * radius) {
                inside += 1
            }
        }
        return UInt8(inside * 255 / 16)
    }

    /// Lays the patch over an image, shape (height, `width`, 3), with the centre at (`x`, `y`) in sixteenths of a pixel.
    ///
    /// At most one of the two may lie between pixels, as it does in motion along an axis, so that bilinear interpolation
    /// has two taps. The whole patch must lie inside the image.
    func draw(x: Int, y: Int, onto pixels: inout [UInt8], width: Int) {
        let steps = Self.stepsPerPixel
        let fractionX = x & (steps - 1)
        let fractionY = y & (steps - 1)
        precondition(fractionX == 0 || fractionY == 0, "a patch can lie between pixels along one axis only")

        let late = fractionX + fractionY
        let early = steps - late
        let neighbour = fractionY == 0 ? 4 : 4 * side
        let left = (x - fractionX) / steps - radius - 1
        let top = (y - fractionY) / steps - radius - 1
        let opaque = 255 * steps
        let whole = opaque * steps

        for row in 1..<side {
            var texel = (row * side + 1) * 4
            var target = ((top + row) * width + left + 1) * 3
            for _ in 1..<side {
                let cover = Int(texels[texel + 3]) * early + Int(texels[texel - neighbour + 3]) * late
                if cover > 0 {
                    for channel in 0..<3 {
                        let near = Int(texels[texel + channel]) * early
                        let far = Int(texels[texel - neighbour + channel]) * late
                        let ground = Int(pixels[target + channel]) * steps
                        let mixed = (near + far) * cover + ground * (opaque - cover)
                        pixels[target + channel] = UInt8(truncatingIfNeeded: (mixed + whole / 2) / whole)
                    }
                }
                texel += 4
                target += 3
            }
        }
    }
}
