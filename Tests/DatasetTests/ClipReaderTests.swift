import Codec
import Dataset
import SystemPackage
import TestSupport
import Testing

/// Clips against their definition, worked out over all pictures of a video at once.
@Suite struct ClipReaderTests {
    /// A Matroska video of clouds whose pictures stand at the given milliseconds; from each picture in `cuts` on the
    /// brightness is another.
    static func write(_ milliseconds: [Int], cuts: [Int] = [], to path: FilePath) throws {
        let size = Size(width: 64, height: 48)
        let writer = try VideoWriter(
            path: path, settings: .h264(crf: 10, preset: "ultrafast", parameters: "threads=1:keyint=12"), size: size,
            timeBase: Rational(1, 1000), frameRate: Rational(25, 1))
        for (index, time) in milliseconds.enumerated() {
            let isBright = cuts.count { $0 <= index } % 2 == 1
            let picture = try Picture(size: size, format: .yuv420p)
            for plane in 0..<3 {
                picture.withPlane(plane) { lent in
                    for y in 0..<lent.height {
                        for x in 0..<lent.width {
                            let luma = clouds(x + index, y) / 4 + (isBright ? 180 : 20)
                            lent.base[y * lent.stride + x] = UInt8(plane == 0 ? luma : 128)
                        }
                    }
                }
            }
            try writer.write(picture, at: time)
        }
        try writer.finish()
    }

    /// The times of the clips of one shot by definition: instants `m / fps` after its start, each with the nearest
    /// picture, the earlier of two equally near; at a share of the source's rate each instant follows the picture before
    /// and takes a later one.
    static func expected(_ times: [Double], _ options: ClipOptions, sourceRate: Double = 25) -> [[Double]] {
        let hop = options.hop ?? options.frames
        var chosen: [Double] = []
        if let stride = options.stride {
            chosen = times.indices.filter { $0 % stride == 0 }.map { times[$0] }
        } else if let first = times.first, let last = times.last {
            let reach = times.count > 1 ? (last - times[times.count - 2]) / 2 : 0
            var instant = first
            if let divisor = options.sourceDivisor {
                while let next = times.filter({ $0 > chosen.last ?? -1 }).min(by: {
                    (abs($0 - instant), $0) < (abs($1 - instant), $1)
                }), instant <= last + reach {
                    chosen.append(next)
                    instant = next + Double(divisor) / sourceRate
                }
            } else {
                while instant <= last + reach {
                    chosen.append(
                        times.min { (abs($0 - instant), $0) < (abs($1 - instant), $1) } ?? first)
                    instant = first + Double(chosen.count) / options.framesPerSecond
                }
            }
        }
        return stride(from: 0, through: chosen.count - options.frames, by: hop).map {
            Array(chosen[$0..<($0 + options.frames)])
        }
    }

    static func clips(_ path: FilePath, _ options: ClipOptions) throws -> (
        clips: [SourceClip], counts: ClipReader.Counts
    ) {
        let reader = try ClipReader(path: path, options: options)
        var clips: [SourceClip] = []
        while let clip = try reader.next() { clips.append(clip) }
        return (clips, reader.counts)
    }

    static let timings: [(String, [Int])] = [
        ("25 frames per second", (0..<100).map { $0 * 40 }),
        ("30 frames per second from 5 s on", (0..<90).map { 5000 + $0 * 100 / 3 }),
        ("fewer frames than are wanted", (0..<24).map { $0 * 200 }),
        ("a variable rate", (0..<80).map { $0 * 40 + ($0 * $0 * 7) % 23 }),
        ("just enough", (0..<48).map { $0 * 40 }),
        ("one too few", (0..<46).map { $0 * 40 }),
    ]

    @Test(arguments: timings.map(\.0))
    func samplesTheNearestPictures(_ name: String) throws {
        let milliseconds = try #require(Self.timings.first { $0.0 == name }).1
        try withTemporaryFolder { folder in
            let path = folder.appending("video.mkv")
            try Self.write(milliseconds, to: path)
            let sourceRate = try VideoReader(path: path).stream.averageFrameRate.value
            for (frames, rate, hop, step) in [
                (16, 8.0, nil, nil), (4, 8, 2, nil), (5, 12.5, 9, nil), (8, 3, nil, nil), (6, 8, nil, 3), (6, 8, 2, 4),
                (6, -3, nil, nil), (4, -4, 2, nil), (5, -1, 7, nil),
            ] as [(Int, Double, Int?, Int?)] {
                var options = ClipOptions()
                (options.width, options.height) = (32, 32)
                (options.frames, options.hop, options.stride) = (frames, hop, step)
                // Below zero: a share of the source's rate.
                if rate > 0 { options.framesPerSecond = rate } else { options.sourceDivisor = Int(-rate) }
                let expected = Self.expected(milliseconds.map { Double($0) / 1000 }, options, sourceRate: sourceRate)
                let (clips, counts) = try Self.clips(path, options)
                #expect(clips.map(\.seconds) == expected, "\(frames) at \(rate), hop \(hop ?? frames), \(step ?? 0)")
                #expect(counts.frames == milliseconds.count && counts.clips == expected.count)
                #expect(counts.shortShots == (expected.isEmpty ? 1 : 0))
                for clip in clips {
                    #expect(clip.frames.count == frames && clip.frames[0].width == 32)
                    #expect(clip.seconds.first == Double(milliseconds[clip.sourceFrames.lowerBound]) / 1000)
                    #expect(clip.seconds.last == Double(milliseconds[clip.sourceFrames.upperBound]) / 1000)
                }
            }
        }
    }

    @Test func neverCrossesACut() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("cuts.mkv")
            let milliseconds = (0..<150).map { $0 * 40 }
            try Self.write(milliseconds, cuts: [30, 40, 95], to: path)
            var options = ClipOptions()
            (options.width, options.height, options.frames) = (32, 32, 6)
            let times = milliseconds.map { Double($0) / 1000 }
            let shots = [times[0..<30], times[30..<40], times[40..<95], times[95...]].map { Array($0) }
            let (clips, counts) = try Self.clips(path, options)
            #expect(clips.map(\.seconds) == shots.flatMap { Self.expected($0, options) })
            #expect(counts.shots == 4 && counts.shortShots == 1)
            #expect(Set(clips.map(\.shot)) == [0, 2, 3])
            #expect(clips.allSatisfy { $0.maximumContent < 27 })

            options.cuts = nil
            let across = try Self.clips(path, options)
            #expect(across.clips.map(\.seconds) == Self.expected(times, options))
            #expect(across.counts.shots == 1 && across.clips.contains { $0.maximumContent >= 27 })

            options.clipsPerVideo = 2
            #expect(
                try Self.clips(path, options).clips.map(\.seconds) == Array(Self.expected(times, options).prefix(2)))
        }
    }

    /// The rule decides two pictures late; damage, steps in time and the last pictures are dealt with all the same.
    @Test func adaptiveCutsLieWhereTheBrightnessChanges() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("cuts.mkv")
            let milliseconds = (0..<150).map { $0 * 40 + ($0 < 120 ? 0 : 5000) }
            try Self.write(milliseconds, cuts: [30, 40, 95], to: path)
            var options = ClipOptions()
            (options.width, options.height, options.frames) = (32, 32, 6)
            options.cuts = CutRule(.adaptive)
            let times = milliseconds.map { Double($0) / 1000 }
            func clips(_ starts: [Int]) -> [[Double]] {
                zip([0] + starts, starts + [times.count]).flatMap { Self.expected(Array(times[$0..<$1]), options) }
            }
            let (found, counts) = try Self.clips(path, options)
            #expect(found.map(\.seconds) == clips([30, 40, 95, 120]))
            #expect(counts.frames == 150 && counts.shots == 5 && counts.shortShots == 1)
            options.cuts = CutRule(.adaptive, shortest: .frames(13))
            #expect(try Self.clips(path, options).clips.map(\.seconds) == clips([30, 95, 120]))
            options.cuts = CutRule(.content, shortest: .seconds(0.44))
            #expect(try Self.clips(path, options).clips.map(\.seconds) == clips([30, 95, 120]))
            options.cuts = CutRule(.content, threshold: 200)
            #expect(try Self.clips(path, options).clips.map(\.seconds) == clips([120]))
        }
    }

    /// Time that jumps, stands still or runs backwards begins a new shot or gives no clip; it never hangs.
    @Test func survivesBrokenTime() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("jump.mkv")
            let milliseconds = (0..<60).map { $0 * 40 } + (0..<60).map { 3_600_000 + $0 * 40 }
            try Self.write(milliseconds, to: path)
            var options = ClipOptions()
            (options.width, options.height, options.frames) = (32, 32, 8)
            let times = milliseconds.map { Double($0) / 1000 }
            let expected = Self.expected(Array(times[..<60]), options) + Self.expected(Array(times[60...]), options)
            let (clips, counts) = try Self.clips(path, options)
            #expect(clips.map(\.seconds) == expected && counts.shots == 2)
        }
    }

    @Test func meansContentOverItsSpan() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("video.mkv")
            try Self.write((0..<100).map { $0 * 40 }, to: path)
            var decoding = DecoderOptions()
            decoding.cropping = true
            let reader = try VideoReader(path: path, options: decoding)
            let meter = ContentMeter()
            var values: [Double] = []
            while let picture = try reader.next() { values.append(try meter.next(picture).value) }
            var options = ClipOptions()
            (options.width, options.height, options.frames, options.hop) = (32, 32, 8, 5)
            let (clips, _) = try Self.clips(path, options)
            #expect(clips.count > 2)
            for clip in clips {
                let span = values[(clip.sourceFrames.lowerBound + 1)...clip.sourceFrames.upperBound]
                #expect(abs(clip.meanContent - span.reduce(0, +) / Double(span.count)) < 1e-9)
                #expect(clip.maximumContent == span.max())
            }
        }
    }

    /// A file that says how to turn its pictures gives the same clips as one whose pictures are turned, whatever the fit.
    @Test(arguments: Orientation.all, [ClipOptions.Fit.crop, .pad, .stretch])
    func turnsAsPlayersDo(_ orientation: Orientation, _ fit: ClipOptions.Fit) throws {
        try withTemporaryFolder { folder in
            let size = Size(width: 64, height: 48)
            for (name, orientation) in [("plain", .upright), ("turned", orientation)] {
                // Lossless, so that both files hold the same pictures.
                let writer = try VideoWriter(
                    path: folder.appending("\(name).mp4"),
                    settings: .h264(crf: 0, preset: "ultrafast", parameters: "threads=1:qp=0"), size: size,
                    timeBase: Rational(1, 25), frameRate: Rational(25, 1), orientation: orientation)
                for index in 0..<30 {
                    var image = RGBImage(width: 64, height: 48)
                    for pixel in 0..<(64 * 48) {
                        let value = UInt8(clouds(pixel % 64 + index, pixel / 64))
                        for channel in 0..<3 { image.pixels[pixel * 3 + channel] = value }
                    }
                    try writer.write(try image.yuv420p(), at: index)
                }
                try writer.finish()
            }
            var options = ClipOptions()
            (options.width, options.height, options.frames, options.fit) = (32, 32, 4, fit)
            let plain = try Self.clips(folder.appending("plain.mp4"), options).clips
            let turned = try Self.clips(folder.appending("turned.mp4"), options).clips
            #expect(plain.count == 2 && turned.count == 2)
            for (a, b) in zip(plain, turned) {
                for (first, second) in zip(a.frames, b.frames) { #expect(turn(first, orientation) == second) }
            }
        }
    }

    /// A square picture, flipped and then turned clockwise.
    private func turn(_ image: RGBImage, _ orientation: Orientation) -> RGBImage {
        var result = image
        let side = image.width
        for y in 0..<side {
            for x in 0..<side {
                let line = orientation.isFlipped ? side - 1 - y : y
                let (u, v) =
                    switch orientation.rotation {
                    case 90: (side - 1 - line, x)
                    case 180: (side - 1 - x, side - 1 - line)
                    case 270: (line, side - 1 - x)
                    default: (x, line)
                    }
                for channel in 0..<3 {
                    result.pixels[(v * side + u) * 3 + channel] = image.pixels[(y * side + x) * 3 + channel]
                }
            }
        }
        return result
    }
}
