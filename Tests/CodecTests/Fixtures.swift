import Codec
import Foundation
import Storage
import SystemPackage
import TestSupport
import Testing

/// The names in a folder, hidden ones included.
func names(in folder: FilePath) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.string).sorted()
}

/// What `body` throws, as a `PFrameError`; any other outcome is a failed expectation.
func codecError(
    _ sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) throws -> PFrameError {
    try #require(#expect(throws: PFrameError.self, sourceLocation: sourceLocation, performing: body))
}

extension Picture {
    /// A picture of smooth waves that move by (dx, dy) pixels, sampled at any sub-pixel position.
    static func waves(_ size: Size, dx: Double = 0, dy: Double = 0, format: PixelFormat = .yuv420p) throws -> Picture {
        let picture = try Picture(size: size, format: format)
        for index in 0..<3 {
            let scale = index == 0 ? 1.0 : 2.0
            picture.fill(index) { x, y in
                let (u, v) = (Double(x) * scale + dx, Double(y) * scale + dy)
                let wave = sine(u * 0.31 + v * 0.17 + Double(index)) + sine(u * -0.09 + v * 0.23)
                return 128 + Int((wave * 45).rounded())
            }
        }
        return picture
    }

    /// A picture of clouds that move by whole pixels.
    static func clouds(_ size: Size, dx: Int = 0, dy: Int = 0) throws -> Picture {
        let picture = try Picture(size: size, format: .yuv420p)
        for index in 0..<3 {
            let scale = index == 0 ? 1 : 2
            picture.fill(index) { x, y in TestSupport.clouds(scale * x + dx, scale * y + dy) }
        }
        return picture
    }

    /// A picture of random samples of `bits` bits.
    static func noise(_ size: Size, format: PixelFormat = .yuv420p, bits: Int = 8, seed: UInt64) throws -> Picture {
        var random = SplitMix64(seed: seed)
        let picture = try Picture(size: size, format: format)
        for index in 0..<3 { picture.fill(index) { _, _ in Int.random(in: 0..<(1 << bits), using: &random) } }
        return picture
    }

    /// Sets every sample of a plane.
    func fill(_ index: Int, _ value: (Int, Int) -> Int) {
        withPlane(index) { plane in
            for y in 0..<plane.height {
                let row = UnsafeMutableRawBufferPointer(plane.row(y))
                for x in 0..<plane.width {
                    if format == .yuv420p10 {
                        row.storeBytes(of: UInt16(value(x, y)).littleEndian, toByteOffset: 2 * x, as: UInt16.self)
                    } else {
                        row.storeBytes(of: UInt8(clamping: value(x, y)), toByteOffset: x, as: UInt8.self)
                    }
                }
            }
        }
    }

    /// The bytes of a plane, without the gaps between rows.
    func bytes(_ index: Int) -> [UInt8] {
        withPlane(index) { plane in (0..<plane.height).flatMap { Array(plane.row($0)) } }
    }

    /// The samples of a plane, without the gaps between rows.
    func samples(_ index: Int) -> [Int] {
        let bytes = bytes(index)
        guard format == .yuv420p10 else { return bytes.map { Int($0) } }
        return stride(from: 0, to: bytes.count, by: 2).map { Int(bytes[$0]) | Int(bytes[$0 + 1]) << 8 }
    }

    /// The samples of the three planes.
    var allSamples: [[Int]] { (0..<3).map(samples) }
}

/// Every picture of a video.
func decodeAll(_ path: FilePath, options: DecoderOptions = DecoderOptions()) throws -> [Picture] {
    let reader = try VideoReader(path: path, options: options)
    var pictures: [Picture] = []
    while let picture = try reader.next() { pictures.append(picture) }
    return pictures
}

/// 10 log10(255² / MSE).
func peakSignalToNoise(_ one: [UInt8], _ other: [UInt8]) -> Double {
    precondition(one.count == other.count)
    let error = zip(one, other).reduce(0) { $0 + (Int($1.0) - Int($1.1)) * (Int($1.0) - Int($1.1)) }
    // log2 by halving keeps libm out; a tenth of a decibel is enough.
    var (ratio, decibels) = (255.0 * 255 * Double(one.count) / Double(max(error, 1)), 0.0)
    while ratio > 1.02329 { (ratio, decibels) = (ratio / 1.02329, decibels + 0.1) }
    return decibels
}

/// A smooth RGB picture.
func smoothImage(width: Int, height: Int) -> RGBImage {
    var image = RGBImage(width: width, height: height)
    for index in image.pixels.indices {
        let (x, y, channel) = (index / 3 % width, index / 3 / width, index % 3)
        image.pixels[index] = UInt8(128 + 60 * sine(Double(x) * 0.11 + Double(y) * 0.07 + Double(channel) * 2))
    }
    return image
}

/// Encodes a clip of moving waves with libx264, one picture a tick.
func writeClip(
    _ path: FilePath, frames: Int = 10, size: Size = Size(width: 64, height: 48), parameters: String = ""
) throws {
    let writer = try VideoWriter(
        path: path, settings: .h264(parameters: parameters), size: size, timeBase: Rational(1, 25),
        frameRate: Rational(25, 1))
    for index in 0..<frames {
        try writer.write(try .waves(size, dx: Double(index) * 1.75, dy: Double(index) * 0.5), at: index)
    }
    try writer.finish()
}

/// Runs the ffmpeg program.
func ffmpeg(_ arguments: [String]) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["ffmpeg", "-nostdin", "-v", "error"] + arguments
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
}
