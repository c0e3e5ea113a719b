import Codec
import Storage
import SystemPackage
import TestSupport
import Testing

@Suite struct VideoWriterTests {
    @Test(
        "FFV1 keeps every 10-bit sample",
        arguments: [
            Size(width: 64, height: 48), Size(width: 33, height: 17), Size(width: 16, height: 16),
            Size(width: 5, height: 3), Size(width: 2, height: 2), Size(width: 3, height: 3),
            Size(width: 401, height: 301),
            Size(width: 15, height: 600), Size(width: 640, height: 360),
        ])
    func ffv1(size: Size) throws {
        #expect(try roundTrip(size))
    }

    @Test("FFV1 refuses what it would change", arguments: [(1, 1), (1, 16), (16, 1), (3, 1), (2000, 1)])
    func oneColumn(width: Int, height: Int) throws {
        // libavcodec's FFV1 gives back other samples than it got where a picture has one row or column.
        do {
            #expect(try roundTrip(Size(width: width, height: height)))
        } catch let error as PFrameError {
            #expect(!error.message.isEmpty)
        }
    }

    private func roundTrip(_ size: Size) throws -> Bool {
        try withTemporaryFolder { folder in
            let path = folder.appending("residual.mkv")
            let pictures = try (0..<3).map { try Picture.noise(size, format: .yuv420p10, bits: 10, seed: UInt64($0)) }
            let writer = try VideoWriter(
                path: path, settings: .ffv1, size: size, format: .yuv420p10, timeBase: Rational(1, 25))
            for (index, picture) in pictures.enumerated() { try writer.write(picture, at: index) }
            try writer.finish()
            let decoded = try decodeAll(path)
            #expect(decoded.allSatisfy { $0.isKey && !$0.isDamaged && $0.format == .yuv420p10 })
            return decoded.map(\.allSamples) == pictures.map(\.allSamples)
        }
    }

    @Test("FFV1's bytes do not depend on the number of threads")
    func ffv1Threads() throws {
        try withTemporaryFolder { folder in
            let size = Size(width: 320, height: 240)
            var files: [[UInt8]] = []
            for threads in [1, 4] {
                let path = folder.appending("threads-\(threads).mkv")
                let writer = try VideoWriter(
                    path: path, settings: .ffv1, size: size, format: .yuv420p10, timeBase: Rational(1, 25),
                    threads: threads)
                for index in 0..<3 {
                    try writer.write(
                        try .noise(size, format: .yuv420p10, bits: 10, seed: UInt64(index)), at: index)
                }
                try writer.finish()
                files.append(try contents(of: path))
            }
            #expect(files[0] == files[1])
        }
    }

    @Test(
        "lossless H.264 keeps every sample, at the coded size and cropped",
        arguments: [Size(width: 64, height: 48), Size(width: 50, height: 38), Size(width: 16, height: 130)])
    func lossless(size: Size) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("clip.mp4")
            let pictures = try (0..<6).map { try Picture.waves(size, dx: Double($0) * 1.3, dy: Double($0) * 0.6) }
            let writer = try VideoWriter(
                path: path, settings: .h264(parameters: "qp=0"), size: size, timeBase: Rational(1, 25),
                frameRate: Rational(25, 1))
            for (index, picture) in pictures.enumerated() { try writer.write(picture, at: index) }
            try writer.finish()
            let coded = try decodeAll(path)
            var options = DecoderOptions()
            options.cropping = true
            let shown = try decodeAll(path, options: options)
            try #require(coded.count == 6 && shown.count == 6)
            for (index, picture) in pictures.enumerated() {
                #expect(coded[index].size.width % 16 == 0 && coded[index].size.height % 16 == 0)
                #expect(coded[index].crop.applied(to: coded[index].size) == size)
                #expect(try coded[index].cropped(coded[index].crop).allSamples == picture.allSamples)
                #expect(shown[index].size == size)
                #expect(shown[index].allSamples == picture.allSamples)
            }
        }
    }

    @Test("variable times come back in both containers, B-frames or not", arguments: ["mp4", "mkv"], [0, 3])
    func variableTimes(container: String, bFrames: Int) throws {
        let times = [0, 33, 50, 51, 120, 121, 300, 333, 1000, 1017, 1050, 2000]
        let size = Size(width: 64, height: 48)
        try withTemporaryFolder { folder in
            let path = folder.appending("clip.\(container)")
            let writer = try VideoWriter(
                path: path, settings: .h264(parameters: "bframes=\(bFrames):b-adapt=0"), size: size,
                timeBase: Rational(1, 1000))
            for (index, time) in times.enumerated() {
                try writer.write(try .waves(size, dx: Double(index) * 2), at: time)
            }
            try writer.finish()
            let reader = try VideoReader(path: path)
            var (seen, types): ([Double], [PictureType]) = ([], [])
            while let picture = try reader.next() {
                let packet = reader.packets[try #require(picture.packetNumber)]
                seen.append(Double(try #require(packet.pts)) * reader.stream.timeBase.value * 1000)
                types.append(picture.type)
            }
            #expect(seen.count == times.count)
            for (one, other) in zip(seen, times) { #expect(abs(one - Double(other)) < 1e-6) }
            #expect(types.contains(.bidirectional) == (bFrames > 0))
            #expect(reader.truncation == nil)
            #expect(reader.damagedPackets.isEmpty)
        }
    }

    @Test("an MP4 carries its orientation", arguments: Orientation.all)
    func orientation(_ orientation: Orientation) throws {
        try withTemporaryFolder { folder in
            let (path, size) = (folder.appending("clip.mp4"), Size(width: 64, height: 48))
            let writer = try VideoWriter(
                path: path, settings: .h264(), size: size, timeBase: Rational(1, 25),
                orientation: orientation)
            try writer.write(try .waves(size), at: 0)
            try writer.finish()
            #expect(try VideoReader(path: path).stream.orientation == orientation)
        }
    }

    @Test(
        "the last picture counts, whatever the rate", arguments: ["mp4", "mkv"],
        [nil, Rational(25, 1), Rational(10, 1)])
    func lastPicture(container: String, frameRate: Rational?) throws {
        try withTemporaryFolder { folder in
            let (path, size) = (folder.appending("clip.\(container)"), Size(width: 64, height: 48))
            for count in [1, 2, 7] {
                let writer = try VideoWriter(
                    path: path, settings: .h264(), size: size, timeBase: Rational(1, 12_800), frameRate: frameRate)
                for index in 0..<count { try writer.write(try .waves(size, dx: Double(index)), at: index * 512) }
                try writer.finish()
                #expect(try decodeAll(path).count == count)
            }
        }
    }

    @Test("the same pictures give the same file")
    func reproducible() throws {
        try withTemporaryFolder { folder in
            let size = Size(width: 64, height: 48)
            let files = try ["one.mp4", "two.mp4"].map { name in
                let writer = try VideoWriter(
                    path: folder.appending(name), settings: .h264(), size: size, timeBase: Rational(1, 25))
                for index in 0..<5 { try writer.write(try .waves(size, dx: Double(index)), at: index) }
                try writer.finish()
                return try contents(of: folder.appending(name))
            }
            #expect(files[0] == files[1])
            #expect(files[0].count > 500)
        }
    }

    @Test("a full disk is an error that names the path", arguments: ["mp4", "mkv"])
    func fullDisk(container: String) throws {
        try withTemporaryFolder { folder in
            let (path, size) = (folder.appending("clip.\(container)"), Size(width: 64, height: 48))
            try link("/dev/full", at: path)
            let error = try codecError {
                let writer = try VideoWriter(path: path, settings: .h264(), size: size, timeBase: Rational(1, 25))
                for index in 0..<60 { try writer.write(try .noise(size, seed: UInt64(index)), at: index) }
                try writer.finish()
            }
            #expect(error.path == path)
            #expect(error.message.contains("No space left") && error.code == .full)
        }
    }

    @Test("a missing folder, an unknown container and a wrong preset are errors")
    func refused() throws {
        try withTemporaryFolder { folder in
            let size = Size(width: 64, height: 48)
            for name in ["missing/clip.mp4", "clip.unknown", "clip"] {
                let path = folder.appending(name)
                let error = try codecError {
                    _ = try VideoWriter(path: path, settings: .h264(), size: size, timeBase: Rational(1, 25))
                }
                #expect(error.path == path)
                #expect(error.code == (name.contains("/") ? .missing : .unsupported))
            }
            let preset = try codecError {
                _ = try VideoWriter(
                    path: folder.appending("clip.mp4"), settings: .h264(preset: "banana"), size: size,
                    timeBase: Rational(1, 25))
            }
            #expect(preset.message.contains("libx264"))
        }
    }

    @Test("without the end, an MP4 is no video")
    func unfinished() throws {
        try withTemporaryFolder { folder in
            let (path, size) = (folder.appending("clip.mp4"), Size(width: 64, height: 48))
            do {
                let writer = try VideoWriter(path: path, settings: .h264(), size: size, timeBase: Rational(1, 25))
                try writer.write(try .waves(size), at: 0)
            }
            #expect(throws: PFrameError.self) { try VideoReader(path: path) }
        }
    }
}
