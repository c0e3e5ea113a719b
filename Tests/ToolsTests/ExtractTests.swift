import Foundation
import TestSupport
import Testing

/// `motion.npy`, `frames.csv` and the dense field, against PyAV's vectors and the files' own facts.
@Suite struct ExtractTests {
    static let fixtures = [
        "bframes-4refs.mp4", "one-reference.mp4", "cropped.mp4", "variable-rate.mkv", "full-range.mp4", "open-gop.h264",
        "interlaced.ts", "mpeg4-odd.mp4", "mpeg2.mpg", "two-streams.mkv", "ten-bit.mp4",
    ]

    /// Rows as PyAV has them: eleven columns, without the reference.
    private func withoutReference(_ motion: Data) throws -> [Int32] {
        let (shape, values) = try int32Array(motion)
        try #require(shape.count == 2 && shape[1] == 12)
        return values.indices.filter { $0 % 12 != 1 }.map { values[$0] }
    }

    private func stem(_ name: String) -> String { (name as NSString).deletingPathExtension }

    @Test(arguments: fixtures)
    func vectorsEqualPyAV(_ name: String) throws {
        let scratch = try Scratch()
        let expected = try int32Array(Data(contentsOf: Programs.fixtures.appending(path: name + ".vectors.npy"))).values
        try Programs.pframe("extract", Programs.fixture(name), "--output", scratch.path("x"))
        #expect(try withoutReference(scratch.data("x/\(stem(name))/motion.npy")) == expected)
        guard name != "ten-bit.mp4" else { return }
        try Programs.pframe(
            "extract", Programs.fixture(name), "--references", "inferred", "--output", scratch.path("y"))
        #expect(try withoutReference(scratch.data("y/\(stem(name))/motion.npy")) == expected)
    }

    @Test func vectorsOfAnotherStreamEqualPyAV() throws {
        let scratch = try Scratch()
        let expected = try int32Array(Data(contentsOf: Programs.fixtures.appending(path: "two-streams-2.vectors.npy")))
        try Programs.pframe(
            "extract", Programs.fixture("two-streams.mkv"), "--stream", "2", "--output", scratch.path("x"))
        #expect(try withoutReference(scratch.data("x/two-streams/motion.npy")) == expected.values)
        let wrong = try Programs.pframe(
            "extract", Programs.fixture("two-streams.mkv"), "--stream", "1", "--output", scratch.path("y"))
        #expect(wrong.status == 1)
        #expect(wrong.errors.contains("0 (h264 64x64), 2 (h264 128x96)"), "lists the streams: \(wrong.errors)")
    }

    private static let realClips = [
        ("mvx_vid_h264.mp4", 1_289_478), ("mma_demo.mp4", 156_829), ("tc_nasa_13013.mp4", 121_709),
        ("mvx_vid_mpeg4_part2.mp4", 1_063_152), ("decord_corrupted.mp4", 285_440),
    ]

    /// FNV-1a of the eleven columns as little-endian bytes: PyAV's rows of the real clips, too large to keep.
    @Test(.requires(.realClips(realClips.map(\.0))), arguments: realClips)
    func vectorsEqualPyAVOnRealClips(_ name: String, _ count: Int) throws {
        let table = try String(contentsOf: Programs.fixtures.appending(path: "real-clips.csv"), encoding: .utf8)
        let line = try #require(table.split(separator: "\n").first { $0.hasPrefix(name + ",") })
        let scratch = try Scratch()
        for options in [[], ["--references", "inferred"]] {
            _ = try Programs.run(
                Programs.pframe.path, ["extract", realClip(name), "--force", "--output", scratch.path("x")] + options)
            let rows = try withoutReference(scratch.data("x/\(stem(name))/motion.npy"))
            #expect(rows.count == count * 11)
            let hash = rows.withUnsafeBytes {
                $0.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
            }
            #expect(line == "\(name),\(count),\(String(hash, radix: 16))")
        }
    }

    @Test func sameBytesOverRunsAndJobs() throws {
        let scratch = try Scratch()
        let clips = Self.fixtures.map { Programs.fixture($0) }
        var first: [String: Data] = [:]
        for (run, jobs) in ["1", "2", "1", "2", "2"].enumerated() {
            let outcome = try Programs.run(
                Programs.pframe.path, ["extract"] + clips + ["--jobs", jobs, "--output", scratch.path("\(run)")])
            #expect(outcome.status == 0, "\(outcome.errors)")
            for name in Self.fixtures {
                let motion = try scratch.data("\(run)/\(stem(name))/motion.npy")
                #expect(first[name] ?? motion == motion, "\(name) in run \(run)")
                first[name] = motion
            }
        }
    }

    @Test func framesTableTellsTheStory() throws {
        let scratch = try Scratch()
        try Programs.pframe("extract", Programs.fixture("bframes-4refs.mp4"), "--output", scratch.path("x"))
        let lines = try scratch.text("x/bframes-4refs/frames.csv").split(separator: "\n").map {
            $0.split(separator: ",")
        }
        #expect(
            lines.first?.joined(separator: ",")
                == "decode,display,pts,seconds,type,key,interlaced,damaged,vectors,bytes,reference")
        let probed = try Programs.ffprobe(
            Programs.fixture("bframes-4refs.mp4"), "frame=pts,pict_type,key_frame,pkt_size"
        ).split(separator: "\n").map { $0.split(separator: ",") }
        try #require(lines.count == 25 && probed.count == 24)
        for (row, frame) in zip(lines.dropFirst(), probed) {
            // ffprobe: key_frame, pts, pkt_size, pict_type.
            #expect(row[5] == frame[0] && row[2] == frame[1] && row[9] == frame[2] && row[4] == frame[3])
        }
        #expect(lines.dropFirst().map { Int($0[1]) } == (0..<24).map { $0 })
        #expect(Set(lines.dropFirst().compactMap { Int($0[0]) }) == Set(0..<24))
        let rows = try int32Array(scratch.data("x/bframes-4refs/motion.npy"))
        for row in lines.dropFirst() {
            let frame = Int32(row[1])
            #expect(stride(from: 0, to: rows.values.count, by: 12).count { rows.values[$0] == frame } == Int(row[8]))
        }
    }

    @Test(arguments: ["exact", "inferred"]) func referencesAreToldWhereAskedFor(_ source: String) throws {
        let scratch = try Scratch()
        let clip = Programs.fixture("bframes-4refs.mp4")
        try Programs.pframe("extract", clip, "--output", scratch.path("x"))
        let unknown = try int32Array(scratch.data("x/bframes-4refs/motion.npy")).values
        #expect(stride(from: 1, to: unknown.count, by: 12).allSatisfy { unknown[$0] == -2 })
        try Programs.pframe("extract", clip, "--references", source, "--output", scratch.path("x"))
        let known = try int32Array(scratch.data("x/bframes-4refs/motion.npy")).values
        let references = stride(from: 1, to: known.count, by: 12).map { (frame: known[$0 - 1], reference: known[$0]) }
        #expect(references.allSatisfy { (-1..<24).contains($0.reference) && $0.reference != $0.frame })
        #expect(Set(references.map { $0.frame - $0.reference }.filter { abs($0) < 24 }).count > 3, "several distances")
    }

    @Test(arguments: [4, 8, 16])
    func fieldHoldsTheVectorsOfItsCells(_ cell: Int) throws {
        let scratch = try Scratch()
        try Programs.pframe(
            "extract", Programs.fixture("one-reference.mp4"), "--field", "\(cell)", "--output", scratch.path("x"))
        let field = try scratch.data("x/one-reference/field.npy")
        let mask = try scratch.data("x/one-reference/mask.npy")
        #expect(String(decoding: field[10..<128], as: UTF8.self).contains("(24, \(96 / cell), \(128 / cell), 2)"))
        #expect(String(decoding: mask[10..<128], as: UTF8.self).contains("(24, \(96 / cell), \(128 / cell))"))
        let vectors = field.dropFirst(128).withUnsafeBytes { Array($0.bindMemory(to: Int16.self)) }
        let motion = try int32Array(scratch.data("x/one-reference/motion.npy")).values
        var expected = [Int: (Int16, Int16)]()
        for row in stride(from: 0, to: motion.count, by: 12) {
            let (width, height) = (Int(motion[row + 3]), Int(motion[row + 4]))
            let (left, top) = (Int(motion[row + 7]) - width / 2, Int(motion[row + 8]) - height / 2)
            // Blocks that are whole cells; others are the unit tests' matter.
            guard width >= cell, height >= cell else { continue }
            for y in stride(from: top, to: top + height, by: cell) {
                for x in stride(from: left, to: left + width, by: cell) {
                    let index = (Int(motion[row]) * (96 / cell) + y / cell) * (128 / cell) + x / cell
                    expected[index] = (Int16(motion[row + 9]), Int16(motion[row + 10]))
                }
            }
        }
        #expect(expected.count > 100)
        for (index, value) in expected {
            #expect(mask[mask.startIndex + 128 + index] == 1)
            #expect(vectors[2 * index] == value.0 && vectors[2 * index + 1] == value.1)
        }
    }

    @Test func recordsTheShareThatSearchFilled() throws {
        let scratch = try Scratch()
        let clip = Programs.fixture("one-reference.mp4")
        func share(_ options: String...) throws -> Double? {
            _ = try Programs.run(
                Programs.pframe.path,
                ["extract", clip, "--motion-source", "h264", "--output", scratch.path("x")] + options)
            let object: JSON = try decode(scratch.text("x/one-reference/stream.json"))
            return object["searched_share"].number
        }
        let wide = try #require(try share())
        let narrow = try #require(try share("--radius", "1"))
        // The picture pans by more than a pixel: with a radius of one, nearly every vector is beyond it.
        #expect((0..<0.5).contains(wide) && (0.5...1).contains(narrow), "\(wide) and \(narrow)")
    }

    @Test func passesOverWhatIsUpToDate() throws {
        let scratch = try Scratch()
        let clip = scratch.path("clip.mp4")
        try FileManager.default.copyItem(atPath: Programs.fixture("cropped.mp4"), toPath: clip)
        func extract(_ options: String...) throws -> String {
            try Programs.run(
                Programs.pframe.path, ["extract", clip, "--json", "--output", scratch.path("x")] + options
            ).output
        }
        #expect(try extract().contains("\"status\":\"done\""))
        #expect(try extract().contains("up-to-date"))
        #expect(try extract("--force").contains("\"status\":\"done\""))
        #expect(try extract("--residual").contains("\"status\":\"done\""))
        #expect(scratch.exists("x/clip/residual.mkv"))
        #expect(try extract("--field", "8").contains("\"status\":\"done\""))
        #expect(!scratch.exists("x/clip/residual.mkv"), "what this extraction does not hold must not stay")
        #expect(!(try extract("--field", "8").contains("\"status\":\"done\"")))
        try FileManager.default.removeItem(atPath: clip)
        try FileManager.default.copyItem(atPath: Programs.fixture("one-reference.mp4"), toPath: clip)
        #expect(try extract("--field", "8").contains("\"status\":\"done\""), "another file of the same name")
    }
}
