import Foundation
import Testing

/// `pframe extract --motion-source bitstream`, and what `pframe info` says of the scope.
@Suite struct BitstreamCommandTests {
    private static let files = [
        "bits.npy", "frames.csv", "indices.npy", "macroblocks.npy", "motion.npy", "qp.npy", "slices.csv", "weights.csv",
    ]

    @Test func sameBytesForAnyNumberOfJobs() throws {
        let scratch = try Scratch()
        let stems = ["bframes-4refs", "cropped", "one-reference"]
        let videos = stems.map { Programs.fixture($0 + ".mp4") }
        for jobs in ["1", "3"] {
            let options = ["--motion-source", "bitstream", "--jobs", jobs, "--output", scratch.path(jobs)]
            let outcome = try Programs.run(Programs.pframe.path, ["extract"] + videos + options)
            #expect(outcome.status == 0, "\(outcome.errors)")
        }
        for stem in stems {
            for file in Self.files {
                #expect(try scratch.data("1/\(stem)/\(file)") == scratch.data("3/\(stem)/\(file)"), "\(stem)/\(file)")
            }
        }
    }

    @Test func anotherSourceTakesItsFilesAway() throws {
        let scratch = try Scratch()
        let video = Programs.fixture("bframes-4refs.mp4")
        for source in ["bitstream", "stream"] {
            try Programs.pframe("extract", video, "--motion-source", source, "--output", scratch.path("x"))
            let isThere = FileManager.default.fileExists(atPath: scratch.path("x/bframes-4refs/macroblocks.npy"))
            #expect(isThere == (source == "bitstream"))
        }
    }

    @Test(arguments: [
        ("bframes-4refs.mp4", "in scope"), ("interlaced.ts", "out of scope: MBAFF pictures"),
        ("ten-bit.mp4", "out of scope: 10-bit pictures"),
    ])
    func infoTellsTheScope(_ name: String, _ words: String) throws {
        let info = try Programs.pframe("info", Programs.fixture(name))
        #expect(info.status == 0 && info.output.contains("  bitstream   \(words)\n"), "\(info.output)")
        let extracted = try Programs.pframe(
            "extract", Programs.fixture(name), "--discard", "--motion-source", "bitstream")
        #expect(extracted.status == (words == "in scope" ? 0 : 1))
        #expect(words == "in scope" || extracted.errors.contains("use the motion source stream"))
    }

    /// A packet whose slice header is gone gives no picture: whatever reads the stream counts it, and flags no other.
    @Test(arguments: ["last", "middle"])
    func lostPacketsAreCounted(_ place: String) throws {
        let scratch = try Scratch()
        var bytes = try Data(contentsOf: URL(filePath: Programs.fixture("one-reference.mp4")))
        let packets = try Programs.ffprobe(Programs.fixture("one-reference.mp4"), "packet=pos").split(separator: "\n")
        let lost = place == "last" ? packets.count - 1 : packets.count / 2
        // Behind the length of the unit (4 bytes) and its header (1 byte).
        let start = try #require(Int(packets[lost].prefix { $0.isNumber })) + 5
        bytes.replaceSubrange(start..<(start + 8), with: repeatElement(0, count: 8))
        try bytes.write(to: scratch.url.appending(path: "lost.mp4"))
        for options in [[], ["--motion-source", "bitstream"], ["--references"], ["--residual"]] {
            let name = options.last ?? "plain"
            let outcome = try Programs.run(
                Programs.pframe.path, ["extract", scratch.path("lost.mp4"), "--output", scratch.path(name)] + options)
            #expect(outcome.status == 1 && outcome.errors.contains("1 damaged frame"), "\(name): \(outcome.errors)")
            let rows = try scratch.text("\(name)/lost/frames.csv").split(separator: "\n").dropFirst().map {
                $0.split(separator: ",", omittingEmptySubsequences: false)
            }
            let missing = rows.filter { $0[1] == "-1" }
            #expect(missing.map { $0[0] } == ["\(lost)"] && missing.map { $0[7] } == ["1"], "\(name)")
            #expect(rows.count == packets.count, "\(name)")
        }
    }
}
