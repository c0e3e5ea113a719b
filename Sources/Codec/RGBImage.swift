public import Storage

/// An 8-bit RGB picture, `(H, W, 3)` row-major.
public struct RGBImage: Sendable, Equatable {
    /// Pixels a row.
    public let width: Int
    /// Rows.
    public let height: Int
    /// `height · width · 3` values, R, G, B.
    public var pixels: [UInt8]

    /// Wraps pixels; `pixels.count` must be `width · height · 3`.
    public init(width: Int, height: Int, pixels: [UInt8]) {
        precondition(pixels.count == width * height * 3, "\(pixels.count) values are no \(width)x\(height) RGB picture")
        self.width = width
        self.height = height
        self.pixels = pixels
    }

    /// A black picture.
    public init(width: Int, height: Int) {
        self.init(width: width, height: height, pixels: [UInt8](repeating: 0, count: width * height * 3))
    }

    /// The picture as an orientation shows it.
    public func turned(by orientation: Orientation) -> RGBImage {
        let stored = Size(width: width, height: height)
        let shown = orientation.shown(stored)
        return RGBImage(
            width: shown.width, height: shown.height, pixels: orientation.turn(pixels, of: stored, channels: 3))
    }
}

extension RGBImage {
    /// Converts the part of a picture that remains after `crop` to RGB of the same size, by the picture's own colour
    /// matrix and range. RGB formats are converted exactly.
    ///
    /// - Throws: `PFrameError` if libswscale cannot convert the format, or memory is short.
    public init(_ picture: Picture, crop: Crop = Crop()) throws(PFrameError) {
        let rgb = try Picture(size: picture.size, format: .rgb24)
        try Scaler(from: picture, to: picture.size, .rgb24).scale(picture, into: rgb)
        self.init(rgb: rgb, crop: crop)
    }

    private init(rgb: Picture, crop: Crop = Crop()) {
        let shown = crop.applied(to: rgb.size)
        var pixels: [UInt8] = []
        pixels.reserveCapacity(shown.width * shown.height * 3)
        rgb.withPlane(0) { plane in
            for row in 0..<shown.height {
                let start = plane.base + (row + crop.top) * plane.stride + crop.left * 3
                pixels.append(contentsOf: UnsafeBufferPointer(start: start, count: shown.width * 3))
            }
        }
        self.init(width: shown.width, height: shown.height, pixels: pixels)
    }

    /// Converts to a 4:2:0 picture, 8-bit limited range, BT.601 as libswscale assumes.
    ///
    /// - Throws: `PFrameError` when memory is short.
    public func yuv420p() throws(PFrameError) -> Picture {
        let size = Size(width: width, height: height)
        let result = try Picture(size: size, format: .yuv420p)
        try Scaler(from: size, .rgb24, to: size, .yuv420p).scale(try rgbPicture(), into: result)
        return result
    }

    /// Converts by a scaler that was made for pictures of this size, so that many share it.
    ///
    /// - Throws: `PFrameError` when memory is short.
    public func converted(by scaler: Scaler, to format: PixelFormat) throws(PFrameError) -> Picture {
        let result = try Picture(size: Size(width: width, height: height), format: format)
        scaler.scale(try rgbPicture(), into: result)
        return result
    }

    /// The picture in another size, bicubic.
    ///
    /// - Throws: `PFrameError` when memory is short.
    public func scaled(to size: Size) throws(PFrameError) -> RGBImage {
        let result = try Picture(size: size, format: .rgb24)
        try Scaler(from: Size(width: width, height: height), .rgb24, to: size, .rgb24)
            .scale(try rgbPicture(), into: result)
        return RGBImage(rgb: result)
    }

    func rgbPicture() throws(PFrameError) -> Picture {
        let rgb = try Picture(size: Size(width: width, height: height), format: .rgb24)
        pixels.withUnsafeBufferPointer { values in
            guard let base = values.baseAddress else { return }
            rgb.withPlane(0) { plane in
                for row in 0..<height {
                    let line = plane.base + row * plane.stride
                    line.update(from: base + row * width * 3, count: width * 3)
                    // Of an odd last column libswscale takes the pixel after it too into its chroma.
                    if !width.isMultiple(of: 2), plane.stride >= (width + 1) * 3 {
                        (line + width * 3).update(from: line + (width - 1) * 3, count: 3)
                    }
                }
            }
        }
        return rgb
    }
}
