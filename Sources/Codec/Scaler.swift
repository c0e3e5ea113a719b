import CFFmpeg
public import Storage

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
    private let source: Source
    private let target: (size: Size, format: PixelFormat)

    /// What pictures must have in common to go through one context.
    private struct Source: Equatable {
        let size: Size
        let format: AVPixelFormat
        /// Nil where every picture counts as BT.601 in the range of its format.
        var colour: ColourConversion?
        var chromaX: Int64?
        var chromaY: Int64?

        init(_ size: Size, _ format: AVPixelFormat) { (self.size, self.format) = (size, format) }

        init(_ picture: Picture) {
            self.init(picture.size, AVPixelFormat(picture.frame.pointee.format))
            guard let facts = av_pix_fmt_desc_get(format) else { return }
            colour = picture.colourConversion
            if facts.pointee.log2_chroma_w == 1 { chromaX = picture.chromaPosition.x }
            if facts.pointee.log2_chroma_h == 1 { chromaY = picture.chromaPosition.y }
        }
    }

    /// Prepares a conversion of pictures that count as BT.601 in the range of their format.
    ///
    /// - Throws: `CodecError` if libswscale cannot do it.
    public convenience init(
        from size: Size, _ format: PixelFormat, to targetSize: Size, _ targetFormat: PixelFormat,
        quality: Quality = .exact
    ) throws(CodecError) {
        try self.init(Source(size, format.raw), targetSize, targetFormat, quality)
    }

    /// Prepares a conversion of pictures with the size, pixel format, colour matrix, range and chroma positions of a
    /// picture. The pixel format may be one that PFrame has no name for.
    ///
    /// A target in YCbCr keeps the matrix.
    ///
    /// - Throws: `CodecError` if libswscale cannot do it.
    public convenience init(
        from picture: Picture, to targetSize: Size, _ targetFormat: PixelFormat, quality: Quality = .exact
    ) throws(CodecError) {
        try self.init(Source(picture), targetSize, targetFormat, quality)
    }

    private init(
        _ source: Source, _ targetSize: Size, _ targetFormat: PixelFormat, _ quality: Quality
    ) throws(CodecError) {
        self.source = source
        target = (targetSize, targetFormat)
        context = try allocated(sws_alloc_context())
        let options: [(String, Int64?)] = [
            ("srcw", Int64(source.size.width)), ("srch", Int64(source.size.height)),
            ("src_format", Int64(source.format.rawValue)), ("dstw", Int64(targetSize.width)),
            ("dsth", Int64(targetSize.height)), ("dst_format", Int64(targetFormat.raw.rawValue)),
            ("sws_flags", Int64(quality.flags)), ("src_h_chr_pos", source.chromaX),
            ("src_v_chr_pos", source.chromaY),
        ]
        let name = av_get_pix_fmt_name(source.format).map { String(cString: $0) } ?? "unknown"
        let doing = "cannot scale \(source.size) \(name) to \(targetSize) \(targetFormat)"
        for (option, value) in options {
            guard let value else { continue }
            try check(av_opt_set_int(UnsafeMutableRawPointer(context), option, value, 0), nil, doing)
        }
        try check(sws_init_context(context, nil, nil), nil, doing)
        if let colour = source.colour {
            // A negative result says that there is no YCbCr, or nothing to change: no failure.
            _ = sws_setColorspaceDetails(
                context, colour.table, colour.isFullRange ? 1 : 0, colour.table, targetFormat.isFullRange ? 1 : 0, 0,
                1 << 16, 1 << 16)
        }
    }

    deinit { sws_freeContext(context) }

    /// Whether this scaler converts pictures like this one.
    public func accepts(_ picture: Picture) -> Bool {
        source.colour == nil
            ? source == Source(picture.size, AVPixelFormat(picture.frame.pointee.format)) : source == Source(picture)
    }

    /// Converts a picture into another of the target's size and format.
    public func scale(_ picture: Picture, into result: Picture) {
        precondition(accepts(picture), "not the picture this scaler is for")
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
    /// Converts the part of a picture that remains after `crop` to RGB of the same size, by the picture's own colour
    /// matrix and range. RGB formats are converted exactly.
    ///
    /// - Throws: `CodecError` if libswscale cannot convert the format, or memory is short.
    public init(_ picture: Picture, crop: Crop = Crop()) throws(CodecError) {
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
    /// - Throws: `CodecError` when memory is short.
    public func yuv420p() throws(CodecError) -> Picture {
        let size = Size(width: width, height: height)
        let result = try Picture(size: size, format: .yuv420p)
        try Scaler(from: size, .rgb24, to: size, .yuv420p).scale(try rgbPicture(), into: result)
        return result
    }

    /// Converts by a scaler that was made for pictures of this size, so that many share it.
    ///
    /// - Throws: `CodecError` when memory is short.
    public func converted(by scaler: Scaler, to format: PixelFormat) throws(CodecError) -> Picture {
        let result = try Picture(size: Size(width: width, height: height), format: format)
        scaler.scale(try rgbPicture(), into: result)
        return result
    }

    /// The picture in another size, bicubic.
    ///
    /// - Throws: `CodecError` when memory is short.
    public func scaled(to size: Size) throws(CodecError) -> RGBImage {
        let result = try Picture(size: size, format: .rgb24)
        try Scaler(from: Size(width: width, height: height), .rgb24, to: size, .rgb24)
            .scale(try rgbPicture(), into: result)
        return RGBImage(rgb: result)
    }

    func rgbPicture() throws(CodecError) -> Picture {
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
