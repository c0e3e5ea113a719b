import Codec

/// Rows of frames side by side, as one picture.
enum PictureStrip {
    /// Pixels between frames.
    private static let gap = 2

    /// Puts rows one under the other; all frames have one size.
    static func of(_ rows: [[RGBImage]]) -> RGBImage {
        guard let first = rows.first?.first else { return RGBImage(width: 1, height: 1) }
        let columns = rows.map(\.count).max() ?? 1
        let (width, height) = (first.width, first.height)
        var strip = RGBImage(
            width: columns * (width + gap) - gap, height: rows.count * (height + gap) - gap)
        for index in strip.pixels.indices { strip.pixels[index] = 255 }
        for (row, frames) in rows.enumerated() {
            for (column, frame) in frames.enumerated() {
                for y in 0..<height {
                    let target = ((row * (height + gap) + y) * strip.width + column * (width + gap)) * 3
                    strip.pixels.replaceSubrange(
                        target..<(target + width * 3), with: frame.pixels[(y * width * 3)..<((y + 1) * width * 3)])
                }
            }
        }
        return strip
    }

    /// A residual as a picture: grey for 0.
    static func picture(ofResidual values: some Collection<Int16>, width: Int, height: Int) -> RGBImage {
        RGBImage(width: width, height: height, pixels: values.map { UInt8(clamping: Int($0) + 128) })
    }
}
