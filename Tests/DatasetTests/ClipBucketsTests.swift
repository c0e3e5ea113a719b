import Codec
import Dataset
import Foundation
import Shards
import Storage
import SystemPackage
import TestSupport
import Testing

@Suite struct ClipBucketsTests {
    private struct Case {
        let sizes: [Size]
        let limit: Double?
        let fit: ClipOptions.Fit
        let shown: Size

        var json: String {
            let list = sizes.map(\.description).joined(separator: ",")
            let limit = limit.map { "\($0)" } ?? "null"
            return #"{"sizes": "\#(list)", "enlarge": \#(limit), "fit": "\#(fit.rawValue)", "#
                + #""width": \#(shown.width), "height": \#(shown.height)}"#
        }

        /// The size as plain Python prints it.
        var size: String {
            let buckets = ClipBuckets(sizes: sizes, lengths: [8], largestEnlargement: limit)
            let choice = buckets.choice(width: Double(shown.width), height: Double(shown.height), fit: fit)
            return buckets.allows(choice) ? buckets.sizes[choice.size].description : "none"
        }
    }

    private static func sizes(_ text: String) -> [Size] { text.split(separator: ",").compactMap { Size(String($0)) } }

    /// What `Tests/Peers/buckets.py` chooses.
    private static func plainPython(_ cases: [Case]) throws -> [String] {
        var lines: [String] = []
        try withTemporaryFolder { folder in
            let file = folder.appending("cases")
            try writeFile(Array(cases.map { $0.json + "\n" }.joined().utf8), to: file)
            let script = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .appending(path: "Peers/buckets.py")
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = ["python3", script.path, "sizes"]
            process.standardInput = try FileHandle(forReadingFrom: URL(filePath: file.string))
            let output = Pipe()
            process.standardOutput = output
            try process.run()
            let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            lines = text.split(separator: "\n").map(String.init)
        }
        return lines
    }

    @Test("gives pictures the size that plain Python gives them")
    func sizes() throws {
        var random = SplitMix64(seed: 5)
        var cases = (0..<400).map { number in
            Case(
                sizes: Array(
                    Set(
                        (0..<(1 + random.below(6))).map { _ in
                            Size(width: 16 * random.in(2...24), height: 16 * random.in(2...24))
                        })), limit: [1, 1.5, 0.7, nil][number % 4], fit: [.crop, .pad, .stretch][number % 3],
                shown: Size(width: random.in(32...600), height: random.in(32...600)))
        }
        // A tie, resolutions of nearly one aspect, and a picture that is one pixel too small.
        for (sizes, shown) in [
            ("320x192,192x320", "200x200"), ("832x480,1280x720", "1000x562"), ("832x480,1280x720", "1280x720"),
            ("128x128", "127x300"), ("128x128", "128x300"),
        ] {
            for limit in [1, 2, nil] as [Double?] {
                cases.append(
                    Case(sizes: Self.sizes(sizes), limit: limit, fit: .crop, shown: try #require(Size(shown))))
            }
        }
        let expected = try Self.plainPython(cases)
        #expect(expected.count == cases.count && Set(expected).count > 100)
        #expect((40...360).contains(expected.count { $0 == "none" }))
        for (one, wanted) in zip(cases, expected) { #expect(one.size == wanted, "\(one.json)") }
    }

    @Test("says how far a picture is enlarged and cropped")
    func scale() {
        let buckets = ClipBuckets(sizes: Self.sizes("320x160"), lengths: [8])
        func choice(_ fit: ClipOptions.Fit) -> SizeChoice { buckets.choice(width: 640, height: 640, fit: fit) }
        #expect(choice(.crop).scale == 0.5 && choice(.crop).crop == 0.5)
        #expect(choice(.pad).scale == 0.25 && choice(.pad).crop == 0)
        #expect(choice(.stretch).scale == 0.5 && choice(.stretch).crop == 0)
    }

    @Test("cuts what is left by the next shorter length", arguments: 0...100)
    func lengths(frames: Int) {
        let buckets = ClipBuckets(sizes: Self.sizes("64x64"), lengths: [32, 5, 16])
        var expected = [Int](repeating: 32, count: frames / 32)
        expected += [Int](repeating: 16, count: frames % 32 / 16) + [Int](repeating: 5, count: frames % 16 / 5)
        #expect(buckets.lengths(of: frames) == expected)
        #expect(buckets.all.map(\.frames) == [5, 16, 32])
    }

    @Test("reads and writes the name of a bucket")
    func names() {
        #expect(Bucket("320x192x16") == Bucket(width: 320, height: 192, frames: 16))
        #expect(Bucket(width: 320, height: 192, frames: 16).description == "320x192x16")
        for text in ["", "320x192", "320x192x0", "320x192x16x1", "axbxc", "320x-1x16", "320x192x 16"] {
            #expect(Bucket(text) == nil, "\(text)")
        }
    }
}
