import Codec
import Dataset
import MotionVectors
import SystemPackage
import TestSupport
import Testing

/// The motion of a video's own vectors in clips: scaled, cropped and turned as the frames are.
@Suite struct TracedClipTests {
    /// A pan, lossless, so that files that differ in orientation alone hold the same pictures and vectors.
    private static func write(
        _ step: (x: Int, y: Int), to path: FilePath, orientation: Orientation = .upright, _ parameters: String = ""
    ) throws {
        let size = Size(width: 64, height: 48)
        let writer = try VideoWriter(
            path: path,
            settings: .h264(
                crf: 0, preset: "fast",
                parameters: "threads=1:qp=0:keyint=infinite:scenecut=0:ref=1:bframes=0:weightp=0\(parameters)"),
            size: size, timeBase: Rational(1, 25), frameRate: Rational(25, 1), orientation: orientation)
        for index in 0..<14 {
            var image = RGBImage(width: size.width, height: size.height)
            for pixel in 0..<(size.width * size.height) {
                let place = (x: pixel % size.width - step.x * index, y: pixel / size.width - step.y * index)
                for channel in 0..<3 { image.pixels[pixel * 3 + channel] = UInt8(clouds(place.x, place.y)) }
            }
            try writer.write(try image.yuv420p(), at: index)
        }
        try writer.finish()
    }

    private static func clips(_ path: FilePath, _ options: ClipOptions) throws -> [SourceClip] {
        let reader = try ClipReader(path: path, options: options, tracesMotion: true)
        var clips: [SourceClip] = []
        while let clip = try reader.next() { clips.append(clip) }
        return clips
    }

    private static func options(stride: Int = 3, fit: ClipOptions.Fit = .crop) -> ClipOptions {
        var options = ClipOptions()
        (options.width, options.height, options.frames, options.stride) = (32, 32, 4, stride)
        (options.fit, options.cuts) = (fit, nil)
        return options
    }

    /// The pan's own vector, at the scale of the clip: 48 of 64×48 pixels become 32 in a crop.
    @Test(
        arguments: [
            (ClipOptions.Fit.crop, 1 / 1.5, 1 / 1.5), (.pad, 0.5, 0.5), (.stretch, 0.5, 1 / 1.5),
        ])
    func scalesWithTheFrames(_ fit: ClipOptions.Fit, _ across: Double, _ down: Double) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("video.mp4")
            try Self.write((2, -1), to: path)
            let clips = try Self.clips(path, Self.options(fit: fit))
            #expect(clips.count == 1)
            let expected = SIMD2(
                Int16((-2 * 3 * across).rounded()) * 4, Int16((3 * down).rounded()) * 4)
            for clip in clips {
                #expect(clip.candidates.count == 3)
                for candidates in clip.candidates {
                    #expect(candidates.vectors.count == 4)
                    #expect(candidates.vectors.count { $0.contains(expected) } >= 3, "\(candidates), \(expected)")
                }
            }
        }
    }

    @Test func framesAreThoseWithoutTracing() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("video.mp4")
            try Self.write((2, -1), to: path, ":bframes=2:ref=2")
            var options = Self.options(stride: 1)
            options.hop = 2
            let plain = try ClipReaderTests.clips(path, options)
            let traced = try Self.clips(path, options)
            #expect(plain.clips.map(\.frames) == traced.map(\.frames) && traced.count == 6)
            #expect(plain.clips.map(\.meanContent) == traced.map(\.meanContent))
            #expect(plain.clips.allSatisfy { $0.candidates.isEmpty })
            // The frames that clips share have the same motion in both.
            for (one, next) in zip(traced, traced.dropFirst()) { #expect(one.candidates[2] == next.candidates[0]) }
        }
    }

    /// A picture that two instants choose has not moved.
    @Test func repeatedPicturesStandStill() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("video.mp4")
            try Self.write((2, -1), to: path)
            var options = Self.options()
            (options.stride, options.framesPerSecond) = (nil, 50)
            let clips = try Self.clips(path, options)
            #expect(clips.count >= 6)
            for clip in clips {
                for (index, candidates) in clip.candidates.enumerated() {
                    let isStill = clip.seconds[index] == clip.seconds[index + 1]
                    if isStill { #expect(candidates.vectors.allSatisfy { $0 == [.zero] }) }
                }
            }
            #expect(clips.contains { zip($0.seconds, $0.seconds.dropFirst()).contains { $0 == $1 } })
        }
    }

    /// Turned pictures move as they are turned.
    @Test(arguments: Orientation.all, [ClipOptions.Fit.crop, .pad, .stretch])
    func turnsWithTheFrames(_ orientation: Orientation, _ fit: ClipOptions.Fit) throws {
        try withTemporaryFolder { folder in
            let (plain, turned) = (folder.appending("plain.mp4"), folder.appending("turned.mp4"))
            try Self.write((2, -1), to: plain)
            try Self.write((2, -1), to: turned, orientation: orientation)
            let a = try #require(try Self.clips(plain, Self.options(fit: fit)).first)
            let b = try #require(try Self.clips(turned, Self.options(fit: fit)).first)
            for (one, other) in zip(a.candidates, b.candidates) {
                for cell in one.vectors.indices {
                    // Cells as places around the middle of 2×2.
                    let place = Self.turn(SIMD2(Int16(cell % 2 * 2 - 1), Int16(cell / 2 * 2 - 1)), orientation)
                    let there = other.vectors[(Int(place.y) + 1) / 2 * 2 + (Int(place.x) + 1) / 2]
                    #expect(Set(one.vectors[cell].map { Self.turn($0, orientation) }) == Set(there), "cell \(cell)")
                }
            }
            #expect(a.candidates.count == 3 && b.candidates.count == 3)
            #expect(a.candidates.contains { $0.vectors.contains { $0.contains { $0 != .zero } } })
        }
    }

    /// A step in a picture that is flipped and then turned clockwise.
    private static func turn(_ step: SIMD2<Int16>, _ orientation: Orientation) -> SIMD2<Int16> {
        let (x, y) = (step.x, orientation.isFlipped ? -step.y : step.y)
        return switch orientation.rotation {
        case 90: SIMD2(-y, x)
        case 180: SIMD2(-x, -y)
        case 270: SIMD2(y, -x)
        default: SIMD2(x, y)
        }
    }
}
