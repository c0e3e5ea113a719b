import Codec
import Storage
import SystemPackage
import TestSupport
import Testing

@Suite struct TimeSpanTests {
    @Test(
        "timecodes are seconds, minutes and hours",
        arguments: [
            ("0", 0), ("83", 83), ("83.5", 83.5), ("1:23.5", 83.5), ("01:23", 83), ("75:30", 4530),
            ("0:00:02.460", 2.46),
            ("1:01:01.25", 3661.25), ("100:00:00", 360_000), ("12.345678901234567", 12.345678901234567),
            ("", nil), ("-1", nil), ("+1", nil), ("1:60", nil), ("1:60:00", nil), ("1:2:3:4", nil), ("1.", nil),
            (".5", nil), ("1:.5", nil), (":5", nil), ("1e3", nil), ("inf", nil), ("nan", nil), ("0x10", nil),
            ("1,5", nil), (" 1", nil), ("1.5:20", nil), ("٣", nil),
        ] as [(String, Double?)])
    func timecodes(_ text: String, _ seconds: Double?) {
        #expect(TimeSpan.seconds(timecode: text) == seconds)
    }

    @Test("a span that is empty, or starts before the file, is refused")
    func refusals() throws {
        for (start, end) in [(2.0, 2.0), (2, 1), (-1, nil), (.nan, nil), (.infinity, nil), (0, .nan), (0, 1e10)]
            as [(Double, Double?)]
        {
            let error = try #require(throws: PFrameError.self) { try TimeSpan(start: start, end: end) }
            #expect(error.code == .usage)
        }
        #expect(try TimeSpan(start: 1, end: 2.5).words == "from 1 s to 2.5 s")
        #expect(try TimeSpan(end: 2.5).words == "up to 2.5 s" && TimeSpan(start: 90).words == "from 90 s on")
    }

    /// Pictures by their times, and a checksum of the pixels of each.
    private static func pictures(_ path: FilePath, _ span: TimeSpan?) throws -> [(time: Int?, pixels: Int)] {
        var options = DecoderOptions()
        options.exportsMotionVectors = false
        let reader = try VideoReader(path: path, options: options, span: span)
        var found: [(Int?, Int)] = []
        while let picture = try reader.next() {
            var hash = Hasher()
            for plane in 0..<3 {
                picture.withPlane(plane) { plane in
                    for row in 0..<plane.height {
                        hash.combine(
                            bytes: UnsafeRawBufferPointer(start: plane.base + row * plane.stride, count: plane.width))
                    }
                }
            }
            found.append((picture.time, hash.finalize()))
        }
        if span?.end != nil { #expect(reader.truncation == nil && reader.damaged == 0) }
        return found
    }

    private static let clips = [
        "mvx_vid_h264.mp4", "mma_demo.mp4", "tc_nasa_13013.mp4", "mvx_vid_mpeg4_part2.mp4", "tc_av1_video.mkv",
    ]

    /// The pictures of a span are those that decoding from the start gives at its times.
    ///
    /// - Parameter start: when the file starts (`ffprobe -show_entries format=start_time`), nil for its first picture.
    static func expectSpans(_ path: FilePath, start: Int? = nil, count: Int, seed: UInt64) throws {
        let all = try pictures(path, nil)
        let base = try VideoReader(path: path).stream.timeBase.value
        var times: [Int] = []
        // A last picture without a time follows the one before as that one follows its own.
        for picture in all {
            times.append(try picture.time ?? (2 * #require(times.last) - #require(times.dropLast().last)))
        }
        let first = try start ?? #require(times.first)
        var random = SplitMix64(seed: seed)
        for _ in 0..<count {
            let places = [random.below(all.count), random.below(all.count)].sorted()
            // Instants on pictures and halfway between them, in seconds from the first picture.
            func instant(_ place: Int) -> Double {
                let time = times[place]
                let next = place + 1 < times.count ? times[place + 1] : time + 2
                return (Double(time - first) + Double(random.below(2)) * Double(next - time) / 2) * base
            }
            let (start, end) = (instant(places[0]), instant(places[1]))
            guard end > start else { continue }
            let expected = zip(all, times).filter {
                let time = Double($1 - first) * base
                return time > start - base / 4 && time < end - base / 4
            }.map(\.0)
            let found = try pictures(path, try TimeSpan(start: start, end: end))
            #expect(found.map(\.time) == expected.map(\.time), "\(path) from \(start) to \(end)")
            #expect(found.map(\.pixels) == expected.map(\.pixels), "\(path) from \(start) to \(end)")
        }
    }

    @Test(
        "a span has the pictures and times of the whole",
        arguments: [
            "bframes-4refs.mp4", "variable-rate.mkv", "mpeg4-bframes.avi", "interlaced.ts", "mpeg2.mpg", "av1.mkv",
        ])
    func fixtures(_ name: String) throws {
        // The first picture of the AVI comes one interval after the start of the file.
        let start = name == "mpeg4-bframes.avi" ? 0 : nil
        try Self.expectSpans(repository.appending("fixtures").appending(name), start: start, count: 12, seed: 3)
    }

    @Test(
        "a span of a real clip has the pictures and times of the whole", .requires(.realClips(clips)), arguments: clips)
    func realClips(_ name: String) throws {
        try Self.expectSpans(FilePath(realClip(name)), count: 4, seed: 8)
    }

    @Test("a span after the end has no picture; a stream without times cannot be cut")
    func nothing() throws {
        let folder = repository.appending("fixtures")
        let after = try TimeSpan(start: 500)
        #expect(try Self.pictures(folder.appending("bframes-4refs.mp4"), after).isEmpty)
        let error = try #require(throws: PFrameError.self) {
            try Self.pictures(folder.appending("open-gop.h264"), TimeSpan(start: 0.1))
        }
        #expect(error.code == .unsupported && error.message.contains("no times"), "\(error)")
    }
}
