public import SystemPackage

extension RGBImage {
    /// Reads a picture of any format that libavcodec decodes, RGB formats exactly; of a video its first picture.
    ///
    /// - Throws: `CodecError` where the file cannot be opened, or its first picture is damaged or cut off.
    public init(contentsOf path: FilePath) throws(CodecError) {
        var options = DecoderOptions()
        options.cropping = true
        let reader = try VideoReader(path: path, options: options)
        guard let picture = try reader.next(), !picture.isDamaged, !reader.hasDamagedPackets else {
            throw CodecError(path: path, "holds no picture that is whole")
        }
        let size = picture.size
        let rgb = try Picture(size: size, format: .rgb24)
        try Scaler(from: picture, to: size, .rgb24).scale(picture, into: rgb)
        let plane = rgb.plane(0)
        var pixels: [UInt8] = []
        pixels.reserveCapacity(size.width * size.height * 3)
        withExtendedLifetime(rgb) {
            for row in 0..<size.height {
                let line = plane.base + row * plane.stride
                pixels.append(contentsOf: UnsafeBufferPointer(start: line, count: size.width * 3))
            }
        }
        self.init(width: size.width, height: size.height, pixels: pixels)
    }
}
