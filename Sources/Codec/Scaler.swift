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
    /// - Throws: `PFrameError` if libswscale cannot do it.
    public convenience init(
        from size: Size, _ format: PixelFormat, to targetSize: Size, _ targetFormat: PixelFormat,
        quality: Quality = .exact
    ) throws(PFrameError) {
        try self.init(Source(size, format.raw), targetSize, targetFormat, quality)
    }

    /// Prepares a conversion of pictures with the size, pixel format, colour matrix, range and chroma positions of a
    /// picture. The pixel format may be one that PFrame has no name for.
    ///
    /// A target in YCbCr keeps the matrix.
    ///
    /// - Throws: `PFrameError` if libswscale cannot do it.
    public convenience init(
        from picture: Picture, to targetSize: Size, _ targetFormat: PixelFormat, quality: Quality = .exact
    ) throws(PFrameError) {
        try self.init(Source(picture), targetSize, targetFormat, quality)
    }

    private init(
        _ source: Source, _ targetSize: Size, _ targetFormat: PixelFormat, _ quality: Quality
    ) throws(PFrameError) {
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
