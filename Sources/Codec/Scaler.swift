import CFFmpeg

/// Converts pixel format and size (libswscale).
public final class Scaler {
    /// How libswscale interpolates and rounds.
    public enum Quality: Sendable {
        /// libswscale's own default: bicubic, fast rounding. For parity with tools that ask for nothing else.
        case swscaleDefault
        /// Bicubic with `SWS_ACCURATE_RND | SWS_BITEXACT | SWS_FULL_CHR_H_INT`: the same result on every machine.
        case exact

        var flags: Int32 {
            switch self {
            case .swscaleDefault: Int32(SWS_BICUBIC)
            case .exact: Int32(SWS_BICUBIC | SWS_ACCURATE_RND | SWS_BITEXACT | SWS_FULL_CHR_H_INT)
            }
        }
    }

    private let context: OpaquePointer
    private let source: (size: Size, format: PixelFormat)
    private let target: (size: Size, format: PixelFormat)

    /// Prepares a conversion.
    ///
    /// - Throws: `CodecError` where libswscale cannot do it.
    public init(
        from size: Size, _ format: PixelFormat, to targetSize: Size, _ targetFormat: PixelFormat,
        quality: Quality = .exact
    ) throws(CodecError) {
        source = (size, format)
        target = (targetSize, targetFormat)
        let created = sws_getContext(
            Int32(size.width), Int32(size.height), format.raw, Int32(targetSize.width), Int32(targetSize.height),
            targetFormat.raw, quality.flags, nil, nil, nil)
        guard let created else {
            throw CodecError(path: nil, "cannot scale \(size) \(format) to \(targetSize) \(targetFormat)")
        }
        context = created
    }

    deinit { sws_freeContext(context) }

    /// Converts a picture into another of the target's size and format.
    public func scale(_ picture: Picture, into result: Picture) {
        precondition(
            picture.size == source.size && picture.format == source.format, "not the picture this scaler is for")
        precondition(result.size == target.size && result.format == target.format, "not the target this scaler is for")
        withPointers(picture) { data, strides in
            withPointers(result) { outData, outStrides in
                _ = sws_scale(
                    context, data.map { UnsafePointer($0) }, strides, 0, Int32(source.size.height), outData, outStrides)
            }
        }
    }

    private func withPointers(_ picture: Picture, _ body: ([UnsafeMutablePointer<UInt8>?], [Int32]) -> Void) {
        let (data, strides) = (picture.frame.pointee.data, picture.frame.pointee.linesize)
        body([data.0, data.1, data.2, data.3], [strides.0, strides.1, strides.2, strides.3])
    }
}

@available(*, unavailable)
extension Scaler: Sendable {}

extension RGBImage {
    /// Converts a 4:2:0 picture to RGB of its own size, showing what remains after `crop`.
    ///
    /// - Throws: `CodecError` for a picture that is not 8-bit 4:2:0.
    public init(_ picture: Picture, crop: Crop = Crop()) throws(CodecError) {
        guard let format = picture.format else {
            throw CodecError(path: nil, "no conversion of \(picture.formatName) pictures to RGB")
        }
        let rgb = try Picture(size: picture.size, format: .rgb24)
        try Scaler(from: picture.size, format, to: picture.size, .rgb24).scale(picture, into: rgb)
        let shown = crop.applied(to: picture.size)
        let plane = rgb.plane(0)
        var pixels: [UInt8] = []
        pixels.reserveCapacity(shown.width * shown.height * 3)
        withExtendedLifetime(rgb) {
            for row in 0..<shown.height {
                let start = plane.base + (row + crop.top) * plane.stride + crop.left * 3
                pixels.append(contentsOf: UnsafeBufferPointer(start: start, count: shown.width * 3))
            }
        }
        self.init(width: shown.width, height: shown.height, pixels: pixels)
    }

    /// Converts to a 4:2:0 picture, 8-bit limited range, BT.601 as libswscale assumes.
    ///
    /// - Throws: `CodecError` when memory is short.
    public func yuv420p() throws(CodecError) -> Picture {
        let size = Size(width: width, height: height)
        let result = try Picture(size: size, format: .yuv420p)
        try Scaler(from: size, .rgb24, to: size, .yuv420p).scale(try rgbPicture(), into: result)
        return result
    }

    func rgbPicture() throws(CodecError) -> Picture {
        let rgb = try Picture(size: Size(width: width, height: height), format: .rgb24)
        let plane = rgb.plane(0)
        pixels.withUnsafeBufferPointer { values in
            guard let base = values.baseAddress else { return }
            for row in 0..<height {
                (plane.base + row * plane.stride).update(from: base + row * width * 3, count: width * 3)
            }
        }
        return rgb
    }
}
