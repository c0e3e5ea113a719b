import CFFmpeg
public import Storage

/// A picture type as the codec names it.
public enum PictureType: String, Sendable {
    /// Intra: predicted from nothing.
    case intra = "I"
    /// Predicted from one list of references.
    case predicted = "P"
    /// Predicted from two lists.
    case bidirectional = "B"
    /// Anything else (switching pictures, sprites).
    case other = "S"
}

/// A pixel layout that PFrame reads or writes.
public enum PixelFormat: Sendable, Hashable {
    /// 8-bit 4:2:0, limited range.
    case yuv420p
    /// 8-bit 4:2:0, full range (`yuvj420p`).
    case yuv420pFullRange
    /// 8-bit 4:4:4, limited range.
    case yuv444p
    /// 10-bit 4:2:0, little-endian 16-bit words: what `residual.mkv` holds.
    case yuv420p10
    /// 8-bit RGB, interleaved.
    case rgb24
    /// 8-bit BGR, interleaved: what OpenCV reads.
    case bgr24

    var raw: AVPixelFormat {
        switch self {
        case .yuv420p: AV_PIX_FMT_YUV420P
        case .yuv420pFullRange: AV_PIX_FMT_YUVJ420P
        case .yuv444p: AV_PIX_FMT_YUV444P
        case .yuv420p10: AV_PIX_FMT_YUV420P10LE
        case .rgb24: AV_PIX_FMT_RGB24
        case .bgr24: AV_PIX_FMT_BGR24
        }
    }

    /// Whether all of 0…255 is used, as RGB does.
    var isFullRange: Bool {
        switch self {
        case .yuv420p, .yuv444p, .yuv420p10: false
        case .yuv420pFullRange, .rgb24, .bgr24: true
        }
    }

    init?(_ raw: AVPixelFormat) {
        switch raw {
        case AV_PIX_FMT_YUV420P: self = .yuv420p
        case AV_PIX_FMT_YUVJ420P: self = .yuv420pFullRange
        case AV_PIX_FMT_YUV444P: self = .yuv444p
        case AV_PIX_FMT_YUV420P10LE: self = .yuv420p10
        case AV_PIX_FMT_RGB24: self = .rgb24
        case AV_PIX_FMT_BGR24: self = .bgr24
        default: return nil
        }
    }
}

/// One picture, decoded or made here: the owner of an `AVFrame`.
///
/// Not `Sendable`: a picture belongs to the job that decodes it.
public final class Picture {
    let frame: UnsafeMutablePointer<AVFrame>
    /// The number of the packet that held it, from 0: its place in decode order. Nil where libavcodec lost it.
    public internal(set) var packetNumber: Int?
    /// Presentation time in the stream's time base as ffprobe tells it (`best_effort_timestamp`): from the container's
    /// pts and dts; nil if it has neither.
    public internal(set) var time: Int?

    /// Takes over an empty frame that the decoder fills.
    init() throws(PFrameError) {
        frame = try allocated(av_frame_alloc())
    }

    /// A picture with its own, uninitialised memory (`av_frame_get_buffer`).
    ///
    /// - Throws: `PFrameError` when memory is short.
    public init(size: Size, format: PixelFormat) throws(PFrameError) {
        frame = try allocated(av_frame_alloc())
        frame.pointee.width = Int32(size.width)
        frame.pointee.height = Int32(size.height)
        frame.pointee.format = format.raw.rawValue
        try check(av_frame_get_buffer(frame, 0), nil, "cannot allocate a \(size) picture")
    }

    deinit {
        var owned: UnsafeMutablePointer<AVFrame>? = frame
        av_frame_free(&owned)
    }

    /// The size of the planes: the coded size if the decoder does not crop.
    public var size: Size { Size(width: Int(frame.pointee.width), height: Int(frame.pointee.height)) }
    /// The pixel layout, nil where PFrame has no name for it.
    public var format: PixelFormat? { PixelFormat(AVPixelFormat(frame.pointee.format)) }
    /// The pixel layout by libavutil's name, for messages.
    public var formatName: String {
        av_get_pix_fmt_name(AVPixelFormat(frame.pointee.format)).map { String(cString: $0) } ?? "unknown"
    }
    /// The share of the planes to show.
    public var crop: Crop {
        Crop(
            left: Int(frame.pointee.crop_left), top: Int(frame.pointee.crop_top), right: Int(frame.pointee.crop_right),
            bottom: Int(frame.pointee.crop_bottom))
    }
    /// I, P or B.
    public var type: PictureType {
        switch frame.pointee.pict_type {
        case AV_PICTURE_TYPE_I, AV_PICTURE_TYPE_SI, AV_PICTURE_TYPE_BI: .intra
        case AV_PICTURE_TYPE_P, AV_PICTURE_TYPE_SP: .predicted
        case AV_PICTURE_TYPE_B: .bidirectional
        default: .other
        }
    }
    /// Whether decoding can start here.
    public var isKey: Bool { pframe_is_key(frame) != 0 }
    /// Whether it is coded in fields or MBAFF.
    public var isInterlaced: Bool { pframe_is_interlaced(frame) != 0 }
    /// Whether the decoder concealed errors in it.
    public var isDamaged: Bool {
        frame.pointee.decode_error_flags != 0 || frame.pointee.flags & AV_FRAME_FLAG_CORRUPT != 0
    }
    /// How this picture and those after it are turned for display by its own display matrix, nil if it has none.
    var orientation: Orientation? { pframe_frame_matrix(frame).flatMap { Orientation(matrix: $0) } }
    /// Presentation time in the unit of whoever set it (a writer's time base; the decoder's is the packet number).
    var timestamp: Int64 {
        get { frame.pointee.pts }
        set { frame.pointee.pts = newValue }
    }

    /// Sets the visible part of the picture and the meaning of its values, as a decoder does.
    public func describe(crop: Crop, tags: DisplayTags) {
        frame.pointee.crop_left = crop.left
        frame.pointee.crop_top = crop.top
        frame.pointee.crop_right = crop.right
        frame.pointee.crop_bottom = crop.bottom
        tags.apply(to: frame)
    }

    /// A copy of the part of an 8-bit 4:2:0 picture that remains after `crop`.
    ///
    /// - Throws: `PFrameError` when memory is short, or for another pixel format.
    public func cropped(_ crop: Crop) throws(PFrameError) -> Picture {
        guard let format, format == .yuv420p || format == .yuv420pFullRange else {
            throw PFrameError(.unsupported, "cannot crop a \(formatName) picture")
        }
        let result = try Picture(size: crop.applied(to: size), format: format)
        for index in 0..<3 {
            let shift = index == 0 ? 0 : 1
            let (left, top) = (crop.left >> shift, crop.top >> shift)
            withPlane(index) { source in
                result.withPlane(index) { target in
                    for row in 0..<target.height {
                        let start = source.base + (row + top) * source.stride + left
                        (target.base + row * target.stride).update(from: start, count: target.width)
                    }
                }
            }
        }
        return result
    }

    /// What remains after `crop`, of any pixel format, sharing this picture's memory (`av_frame_apply_cropping`).
    ///
    /// - Parameter crop: left and top are multiples of the chroma subsampling.
    /// - Throws: `PFrameError` when memory is short.
    public func cropping(_ crop: Crop) throws(PFrameError) -> Picture {
        let result = try Picture()
        try check(av_frame_ref(result.frame, frame), nil, "cannot share a picture")
        result.frame.pointee.crop_left = crop.left
        result.frame.pointee.crop_top = crop.top
        result.frame.pointee.crop_right = crop.right
        result.frame.pointee.crop_bottom = crop.bottom
        let unaligned = Int32(AV_FRAME_CROP_UNALIGNED)
        try check(av_frame_apply_cropping(result.frame, unaligned), nil, "cannot crop a \(formatName) picture")
        return result
    }

    /// The visible part, sharing this picture's memory: what the decoder gives with `DecoderOptions.cropping`.
    ///
    /// - Throws: `PFrameError` when memory is short.
    package func visible() throws(PFrameError) -> Picture {
        let result = try Picture()
        try check(av_frame_ref(result.frame, frame), nil, "cannot share a picture")
        try check(av_frame_apply_cropping(result.frame, 0), nil, "cannot crop a \(formatName) picture")
        (result.packetNumber, result.time) = (packetNumber, time)
        return result
    }

    /// A copy of an 8-bit 4:2:0 picture, enlarged to the right and bottom by repeating the edge pixels, for encoders that
    /// take no odd sizes.
    func padded(to size: Size) throws(PFrameError) -> Picture {
        guard let format else { throw PFrameError(.unsupported, "cannot pad a \(formatName) picture") }
        let result = try Picture(size: size, format: format)
        for index in 0..<3 {
            withPlane(index) { source in
                result.withPlane(index) { target in
                    for row in 0..<target.height {
                        let line = source.base + min(row, source.height - 1) * source.stride
                        let out = target.base + row * target.stride
                        out.update(from: line, count: min(source.width, target.width))
                        for column in stride(from: source.width, to: target.width, by: 1) {
                            out[column] = line[source.width - 1]
                        }
                    }
                }
            }
        }
        return result
    }

    /// Replaces `rows` with the exported motion vectors of this picture, in export order; empty for intra pictures.
    ///
    /// Reads the side data `AV_FRAME_DATA_MOTION_VECTORS`.
    public func readMotionVectors(into rows: inout [MotionVector]) {
        rows.removeAll(keepingCapacity: true)
        guard let side = av_frame_get_side_data(frame, AV_FRAME_DATA_MOTION_VECTORS), let data = side.pointee.data
        else {
            return
        }
        let count = Int(side.pointee.size) / MemoryLayout<AVMotionVector>.stride
        data.withMemoryRebound(to: AVMotionVector.self, capacity: count) { exported in
            rows.reserveCapacity(count)
            for index in 0..<count {
                let vector = exported[index]
                rows.append(
                    MotionVector(
                        source: vector.source, width: Int32(vector.w), height: Int32(vector.h),
                        sourceX: Int32(vector.src_x), sourceY: Int32(vector.src_y),
                        destinationX: Int32(vector.dst_x), destinationY: Int32(vector.dst_y),
                        motionX: vector.motion_x, motionY: vector.motion_y, motionScale: Int32(vector.motion_scale)))
            }
        }
    }

    /// The QP of every macroblock in raster order, as the decoder exported it; empty where it did not.
    package var quantisers: [Int8] {
        let count = Int(pframe_quantisers(frame, nil, 0))
        return Array(unsafeUninitializedCapacity: count) { values, initialized in
            pframe_quantisers(frame, values.baseAddress, Int32(count))
            initialized = count
        }
    }
}

@available(*, unavailable)
extension Picture: Sendable {}

/// Pixels to leave out at each edge of the coded picture.
public struct Crop: Sendable, Hashable, Codable {
    /// Columns at the left.
    public var left: Int
    /// Rows at the top.
    public var top: Int
    /// Columns at the right.
    public var right: Int
    /// Rows at the bottom.
    public var bottom: Int

    /// Creates a crop.
    public init(left: Int = 0, top: Int = 0, right: Int = 0, bottom: Int = 0) {
        self.left = left
        self.top = top
        self.right = right
        self.bottom = bottom
    }

    /// What remains of a picture of the given size.
    public func applied(to size: Size) -> Size {
        Size(width: size.width - left - right, height: size.height - top - bottom)
    }
}
