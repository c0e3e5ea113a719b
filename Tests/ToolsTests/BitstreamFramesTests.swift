import Foundation
import TestSupport
import Testing

/// The frames that the bitstream gives without a decoder are those that it gives beside one.
@Suite struct BitstreamFramesTests {
    /// The ways to extract: the first two decode no picture.
    private static let ways = [
        ["--references"], ["--motion-source", "bitstream"], ["--motion-source", "bitstream", "--residual", "npy"],
    ]

    /// 60 pictures with as many B-frames in a row, and long references, in MP4.
    private static func video(_ scratch: Scratch, between count: Int = 3) throws -> String {
        let path = scratch.path("all.mp4")
        let made = try Programs.ffmpeg(
            ["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=96x64:r=25", "-frames:v", "60", "-pix_fmt", "yuv420p"]
                + ["-c:v", "libx264", "-x264-params", "keyint=30:bframes=\(count):b-adapt=0:ref=4:threads=1", path])
        try #require(made.status == 0, "\(made.errors)")
        return path
    }

    /// Extracts in every way; gives `frames.csv` without the columns of vectors and slices, and `motion.npy`.
    private static func extract(
        _ video: String, _ scratch: Scratch, status: Int32 = 0, _ options: [String] = []
    ) throws -> [(frames: [[Substring]], motion: [Int32])] {
        let stem = ((video as NSString).lastPathComponent as NSString).deletingPathExtension
        return try ways.map { way in
            let folder = scratch.path(stem + way.joined() + options.joined())
            let outcome = try Programs.run(
                Programs.pframe.path, ["extract", video, "--output", folder] + way + options)
            #expect(outcome.status == status, "\(way): \(outcome.errors)")
            let csv = try String(contentsOfFile: folder + "/\(stem)/frames.csv", encoding: .utf8)
            let frames = csv.split(separator: "\n").dropFirst().map {
                Array($0.split(separator: ",", omittingEmptySubsequences: false)[..<8])
            }
            let motion = try int32Array(Data(contentsOf: URL(filePath: folder + "/\(stem)/motion.npy")))
            return (frames, motion.values)
        }
    }

    /// Frames that an edit list hides are decoded and not delivered, and no frame names one.
    @Test func hiddenFramesAreNoFrames() throws {
        let scratch = try Scratch()
        let all = try Self.video(scratch)
        let part = scratch.path("part.mp4")
        let cut = try Programs.ffmpeg(["-v", "error", "-ss", "1.6", "-i", all, "-c", "copy", part])
        try #require(cut.status == 0, "\(cut.errors)")
        let times = try Programs.ffprobe(part, "frame=best_effort_timestamp").split(separator: "\n").map {
            String($0.prefix { $0 != "," })
        }
        let packets = try Programs.ffprobe(part, "packet=pts").split(separator: "\n").count
        try #require(times.count > 10 && packets > times.count)
        let found = try Self.extract(part, scratch)
        for (way, one) in zip(Self.ways, found) {
            #expect(one.frames.map { String($0[2]) } == times, "\(way)")
            #expect(one.frames == found[0].frames && one.motion == found[0].motion, "\(way)")
        }
        let rows = stride(from: 0, to: found[0].motion.count, by: 12)
        #expect(rows.contains { found[0].motion[$0 + 1] == -1 } && rows.contains { found[0].motion[$0 + 1] > 0 })
        #expect(rows.allSatisfy { (-1..<Int32(times.count)).contains(found[0].motion[$0 + 1]) })
        // The pictures are FFmpeg's.
        let folder = scratch.path("part" + Self.ways[2].joined())
        try Programs.pframe("reconstruct", folder + "/part", "--output", scratch.path("part.yuv"))
        #expect(try scratch.data("part.yuv") == Programs.decodedByFFmpeg(part, scratch))
    }

    /// An AVI has no presentation times: the times are those at which a decoder gives the pictures, as ffprobe says.
    @Test(arguments: [0, 2]) func timesComeFromDecodingTimes(_ count: Int) throws {
        let scratch = try Scratch()
        let avi = scratch.path("times.avi")
        let made = try Programs.ffmpeg(
            ["-v", "error", "-i", Self.video(scratch, between: count), "-c", "copy", avi])
        try #require(made.status == 0, "\(made.errors)")
        let times = try Programs.ffprobe(avi, "frame=best_effort_timestamp").split(separator: "\n").map {
            String($0.prefix { $0 != "," }).replacing("N/A", with: "")
        }
        #expect(times.count == 60 && times.prefix(50).allSatisfy { Int($0) != nil })
        for (way, one) in zip(Self.ways, try Self.extract(avi, scratch)) {
            #expect(one.frames.map { String($0[2]) } == times, "\(way)")
        }
    }

    /// What predicts from frames beyond a limit has no reference.
    @Test(arguments: [3, 15]) func framesBeyondALimitAreNoReferences(_ limit: Int) throws {
        let scratch = try Scratch()
        let found = try Self.extract(Self.video(scratch), scratch, ["--frames", "\(limit)"])
        for one in found {
            #expect(one.frames == found[0].frames && one.motion == found[0].motion && one.frames.count == limit)
            let references = stride(from: 1, to: one.motion.count, by: 12).map { one.motion[$0] }
            #expect(references.contains(-1) && references.allSatisfy { (-1..<Int32(limit)).contains($0) })
        }
    }

    /// A packet that is all zeros, or whose slice has another type of unit, is lost in every way to extract, and what lies
    /// around it is read.
    @Test(arguments: ["zeros", "partition"]) func aBrokenPacketIsOne(_ kind: String) throws {
        let scratch = try Scratch()
        let video = try Self.video(scratch)
        var bytes = try Data(contentsOf: URL(filePath: video))
        let packets = try Programs.ffprobe(video, "packet=size,pos").split(separator: "\n").map {
            $0.split(separator: ",").compactMap { Int($0) }
        }
        try #require(packets.count == 60 && packets.allSatisfy { $0.count == 2 })
        // One that no other predicts from: nal_ref_idc, behind the length of the unit, is 0.
        let lost = try #require((35..<60).first { bytes[packets[$0][1] + 4] & 0x60 == 0 })
        let (size, position) = (packets[lost][0], packets[lost][1])
        if kind == "zeros" {
            bytes.replaceSubrange(position..<(position + size), with: repeatElement(0, count: size))
        } else {
            bytes[position + 4] = bytes[position + 4] & 0xE0 | 3
        }
        try bytes.write(to: scratch.url.appending(path: "broken.mp4"))
        let found = try Self.extract(scratch.path("broken.mp4"), scratch, status: 1)
        for (way, one) in zip(Self.ways, found) {
            #expect(one.frames == found[0].frames && one.frames.count == 60, "\(way)")
            #expect(one.frames.filter { $0[1] == "-1" || $0[7] == "1" }.map { $0[0] } == ["\(lost)"], "\(way)")
        }
        #expect(found[1].motion == found[2].motion)
    }
}
