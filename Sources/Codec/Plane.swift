import CFFmpeg

/// One plane of a picture. ``Picture/withPlane(_:_:)`` lends the plane to a closure, which can neither copy nor keep
/// it.
///
/// Its pointers are valid in the closure only.
public struct Plane: ~Copyable {
    /// The first byte of the top left pixel.
    public let base: UnsafeMutablePointer<UInt8>
    /// Bytes from one row to the next; negative where the rows lie bottom up.
    public let stride: Int
    /// Pixels per row. A chroma plane has ceil(W/2) where chroma is halved across.
    public let width: Int
    /// Rows. A chroma plane has ceil(H/2) where chroma is halved down.
    public let height: Int
    /// Bytes per row that hold pixels: `width` of 8-bit samples, 2 · `width` of 10-bit ones, 3 · `width` of RGB.
    public let rowBytes: Int

    /// A plane over memory that the caller owns.
    ///
    /// - Parameters:
    ///   - rowBytes: nil for a byte per pixel.
    ///   - width: pixels per row.
    ///   - base: the first byte.
    ///   - stride: bytes from a row to the next.
    ///   - height: rows.
    public init(base: UnsafeMutablePointer<UInt8>, stride: Int, width: Int, height: Int, rowBytes: Int? = nil) {
        self.base = base
        self.stride = stride
        self.width = width
        self.height = height
        self.rowBytes = rowBytes ?? width
    }

    /// The bytes of row `y` that hold pixels.
    public func row(_ y: Int) -> UnsafeMutableBufferPointer<UInt8> {
        precondition(0..<height ~= y, "row \(y) of a plane of \(height)")
        return UnsafeMutableBufferPointer(start: base + y * stride, count: rowBytes)
    }
}

@available(*, unavailable)
extension Plane: Sendable {}

/// The width and height of something, in pixels.
public struct Size: Sendable, Hashable, CustomStringConvertible {
    /// Pixels a row.
    public var width: Int
    /// Rows.
    public var height: Int

    /// Creates a size.
    public init(width: Int, height: Int) {
        self.width = width
        self.height = height
    }

    /// Reads `256x128`, or `128` for a square; nil for any other text, and for sides below 1.
    public init?(_ text: String) {
        let sides = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
        guard (1...2).contains(sides.count), let width = sides[0], let height = sides[sides.count - 1], width > 0,
            height > 0
        else { return nil }
        self.init(width: width, height: height)
    }

    /// `1280x720`.
    public var description: String { "\(width)x\(height)" }

    /// The size of a 4:2:0 chroma plane: ceil(W/2) × ceil(H/2).
    public var chroma: Size { Size(width: (width + 1) / 2, height: (height + 1) / 2) }
}

extension Picture {
    /// Planes that hold samples: 3 of planar YCbCr, 2 where Cb and Cr are interleaved, 1 of RGB and grey. A palette is none.
    public var planeCount: Int { max(0, Int(av_pix_fmt_count_planes(AVPixelFormat(frame.pointee.format)))) }

    /// Lends a plane of the picture, of any pixel format.
    ///
    /// - Parameters:
    ///   - index: below ``planeCount``.
    ///   - body: gets the plane, which is valid until it returns.
    /// - Throws: what `body` throws.
    public func withPlane<Result: ~Copyable, Failure: Error>(
        _ index: Int, _ body: (borrowing Plane) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // The optimiser may otherwise release the picture after its last use, which is to tell where the plane lies.
        defer { extendLifetime(self) }
        return try body(plane(index))
    }

    /// Lends luma, Cb and Cr of a planar YCbCr picture.
    ///
    /// - Throws: what `body` throws.
    public func withPlanes<Result: ~Copyable, Failure: Error>(
        _ body: (_ luma: borrowing Plane, _ cb: borrowing Plane, _ cr: borrowing Plane) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        defer { extendLifetime(self) }
        return try body(plane(0), plane(1), plane(2))
    }

    /// Extents are those of `av_image_get_linesize` and `av_image_fill_plane_sizes`.
    private func plane(_ index: Int) -> Plane {
        precondition(0..<planeCount ~= index, "plane \(index) of a \(formatName) picture, which has \(planeCount)")
        let (data, strides) = (frame.pointee.data, frame.pointee.linesize)
        let (base, stride) =
            switch index {
            case 0: (data.0, strides.0)
            case 1: (data.1, strides.1)
            case 2: (data.2, strides.2)
            default: (data.3, strides.3)
            }
        let format = AVPixelFormat(frame.pointee.format)
        guard let base, let facts = av_pix_fmt_desc_get(format) else {
            preconditionFailure("a \(formatName) picture without plane \(index)")
        }
        var (steps, components): ([Int32], [Int32]) = ([0, 0, 0, 0], [0, 0, 0, 0])
        av_image_fill_max_pixsteps(&steps, &components, facts)
        // Across, libavutil goes by the component that takes the most room: that of packed 4:2:2 is chroma, so that its
        // pixel is a pair of them.
        let across = 1...2 ~= components[index] ? Int(facts.pointee.log2_chroma_w) : 0
        let down = 1...2 ~= index ? Int(facts.pointee.log2_chroma_h) : 0
        return Plane(
            base: base, stride: Int(stride), width: size.width.dividedUp(by: across),
            height: size.height.dividedUp(by: down),
            rowBytes: Int(av_image_get_linesize(format, frame.pointee.width, Int32(index))))
    }
}

extension Int {
    /// ceil(self / 2^shift).
    fileprivate func dividedUp(by shift: Int) -> Int { (self + (1 << shift) - 1) >> shift }
}
