import Codec
import FoundationEssentials
import MotionVectors
import Storage
import SystemPackage
import TestSupport
import Testing

/// What `body` throws, as a `PFrameError`; any other outcome is a failed expectation.
func codecError(
    _ sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) throws -> PFrameError {
    try #require(#expect(throws: PFrameError.self, sourceLocation: sourceLocation, performing: body))
}

/// A plane of pixels with a value type's safety.
struct Pixels: Equatable {
    let width: Int
    let height: Int
    var values: [UInt8]

    init(_ width: Int, _ height: Int, _ value: (Int, Int) -> Int) {
        self.width = width
        self.height = height
        values = (0..<width * height).map { UInt8(clamping: value($0 % width, $0 / width)) }
    }

    /// A copy of a picture's plane.
    init(_ picture: Picture, _ index: Int) {
        self = picture.withPlane(index) { plane in
            Pixels(plane.width, plane.height) { x, y in Int(plane.row(y)[x]) }
        }
    }

    /// Random pixels up to a value: 255 is noise, 1 gives ties everywhere.
    static func noise(_ width: Int, _ height: Int, upTo most: Int = 255, seed: UInt64) -> Pixels {
        var random = SplitMix64(seed: seed)
        return Pixels(width, height) { _, _ in Int.random(in: 0...most, using: &random) }
    }

    /// The pixel, or the nearest edge pixel.
    func at(_ x: Int, _ y: Int) -> Int {
        Int(values[min(max(y, 0), height - 1) * width + min(max(x, 0), width - 1)])
    }

    /// Lends the pixels as a plane.
    func withPlane<Result>(_ body: (borrowing Plane) throws -> Result) throws -> Result {
        var copy = values
        return try copy.withUnsafeMutableBufferPointer { buffer in
            try body(Plane(base: try #require(buffer.baseAddress), stride: width, width: width, height: height))
        }
    }
}

/// Soft grain without end: a whole-pixel texture that looks the same nowhere twice.
func grain(_ x: Int, _ y: Int, seed: Int = 0) -> Int {
    var sum = 0
    for step in 0..<9 {
        let place = (y + step / 3) * 100_003 + x + step % 3 + seed * 7_368_787
        var hash = SplitMix64(seed: UInt64(truncatingIfNeeded: place))
        sum += Int(hash.next() & 255)
    }
    return sum / 9
}

/// Smooth waves without end, for sub-pixel motion: wavelengths of 8 pixels and more.
func waves(_ x: Double, _ y: Double) -> Int {
    let sum =
        sine(x * 0.61 + y * 0.17) + sine(x * -0.19 + y * 0.53) + sine(x * 0.11 + y * -0.31 + 1)
        + sine(x * 0.37 + y * 0.41 + 2)
    return 128 + Int((sum * 24).rounded())
}

extension Picture {
    /// A 4:2:0 picture whose luma is `value(x, y)`; chroma samples it at its own places, blended with its complement.
    static func make(_ size: Size, _ value: (Int, Int) -> Int) throws -> Picture {
        let picture = try Picture(size: size, format: .yuv420p)
        for index in 0..<3 {
            picture.withPlane(index) { plane in
                for y in 0..<plane.height {
                    for x in 0..<plane.width {
                        let sample = index == 0 ? value(x, y) : value(2 * x, 2 * y)
                        plane.row(y)[x] = UInt8(clamping: index == 2 ? 255 - sample : sample)
                    }
                }
            }
        }
        return picture
    }

    /// Copies of the three planes.
    var pixels: [Pixels] { (0..<3).map { Pixels(self, $0) } }
}

/// Encodes pictures with libx264, one a tick.
func encode(_ pictures: [Picture], to path: FilePath, _ parameters: String, crf: Double = 18) throws {
    let writer = try VideoWriter(
        path: path, settings: .h264(crf: crf, parameters: parameters), size: try #require(pictures.first).size,
        timeBase: Rational(1, 25), frameRate: Rational(25, 1))
    for (index, picture) in pictures.enumerated() { try writer.write(picture, at: index) }
    try writer.finish()
}

/// Everything of an extraction.
func extractAll(_ path: FilePath, _ options: ExtractionOptions) throws -> [ExtractedFrame] {
    let extraction = try Extraction(path: path, options: options)
    var frames: [ExtractedFrame] = []
    while let frame = try extraction.next() { frames.append(frame) }
    return frames
}
