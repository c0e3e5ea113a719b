package import Storage
package import SystemPackage

/// Writes 8-bit 4:2:0 pictures uncompressed: bare planes (`.yuv`) or YUV4MPEG2 (`.y4m`).
package struct RawVideoWriter: ~Copyable {
    private var file: OutputFile
    private let isY4M: Bool

    /// Creates the file; a path that ends in `.y4m` gets YUV4MPEG2's headers.
    ///
    /// - Parameters:
    ///   - size: of every picture after cropping.
    ///   - frameRate: for the Y4M header, which knows constant rates only.
    ///   - format: `.yuv420p` or `.yuv420pFullRange`.
    ///   - tags: a Y4M header holds only the sample aspect ratio, the range, and the position of chroma samples.
    /// - Throws: `PFrameError` if the file cannot be created.
    package init(
        path: FilePath, size: Size, frameRate: Rational, format: PixelFormat, tags: DisplayTags = DisplayTags()
    ) throws(PFrameError) {
        var file = try OutputFile(path: path)
        let hasHeaders = path.extension?.lowercased() == "y4m"
        if hasHeaders {
            let isFull = format == .yuv420pFullRange || tags.range == "pc"
            let rate = "F\(max(1, frameRate.numerator)):\(max(1, frameRate.denominator))"
            let aspect = tags.sampleAspectRatio ?? Rational(0, 0)
            let chroma = ["topleft": "420paldv", "center": "420jpeg"][tags.chromaLocation ?? ""] ?? "420mpeg2"
            try file.write(
                "YUV4MPEG2 W\(size.width) H\(size.height) \(rate) Ip A\(aspect.numerator):\(aspect.denominator) "
                    + "C\(chroma) XCOLORRANGE=\(isFull ? "FULL" : "LIMITED")\n")
        }
        self.file = file
        isY4M = hasHeaders
    }

    /// Appends the part of a picture that remains after `crop`.
    ///
    /// - Throws: `PFrameError`, a full disk included.
    package mutating func write(_ picture: Picture, crop: Crop) throws(PFrameError) {
        if isY4M { try file.write("FRAME\n") }
        let shown = crop.applied(to: picture.size)
        for index in 0..<3 {
            let extent = index == 0 ? shown : shown.chroma
            let (left, top) = index == 0 ? (crop.left, crop.top) : (crop.left / 2, crop.top / 2)
            try picture.withPlane(index) { plane throws(PFrameError) in
                for row in 0..<extent.height {
                    let start = plane.base + (top + row) * plane.stride + left
                    try file.write(UnsafeRawBufferPointer(start: start, count: extent.width))
                }
            }
        }
    }

    /// Completes the file.
    ///
    /// - Throws: `PFrameError`.
    package mutating func close() throws(PFrameError) { try file.close() }
}

@available(*, unavailable)
extension RawVideoWriter: Sendable {}
