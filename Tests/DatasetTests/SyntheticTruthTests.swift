import Codec
import Dataset
import MotionVectors
import Storage
import SystemPackage
import TestSupport
import Testing

/// What `pframe synth` plants, and whether it says so truly.
@Suite struct SyntheticTruthTests {
    private func dataset(_ videos: Int = 200, seed: UInt64 = 3) throws -> SyntheticDataset {
        var options = SyntheticOptions()
        (options.videos, options.size, options.seconds, options.seed) = (videos, 32, 1, seed)
        (options.duplicateShare, options.wrongCaptionShare) = (0.15, 0.2)
        return try SyntheticDataset(options: options)
    }

    private func rows(_ text: String) -> [[String]] {
        text.split(separator: "\n").map { line in
            var (fields, isQuoted) = ([""], false)
            for character in line {
                switch character {
                case "\"": isQuoted.toggle()
                case "," where !isQuoted: fields.append("")
                default: fields[fields.count - 1].append(character)
                }
            }
            return fields
        }
    }

    @Test("the kinds are disjoint and have their shares")
    func kinds() throws {
        let data = try dataset()
        var counts = [0, 0, 0, 0]
        for index in 0..<200 {
            let video = data.video(index)
            let kinds = [video.isStatic, video.cutFrame != nil, video.original != nil, video.hasWrongCaption]
            #expect(kinds.filter { $0 }.count <= 1, "video \(index)")
            for (kind, isIt) in kinds.enumerated() where isIt { counts[kind] += 1 }
        }
        for (count, share) in zip(counts, [0.1, 0.1, 0.15, 0.2]) {
            #expect(abs(Double(count) - 200 * share) <= 3, "\(counts)")
        }
    }

    @Test("a repeated video shows an earlier one with nothing planted, under the same caption")
    func duplicates() throws {
        let data = try dataset()
        var originals = Set<String>()
        for index in 0..<200 {
            let video = data.video(index)
            guard let name = video.original else { continue }
            let original = try #require((0..<index).map(data.video).first { $0.name == name })
            #expect(original.original == nil && !original.isStatic && original.cutFrame == nil)
            #expect(!original.hasWrongCaption && original.caption == video.caption)
            #expect((0..<25).allSatisfy { video.frame($0) == original.frame($0) })
            originals.insert(name)
        }
        #expect(originals.count > 15)
    }

    @Test("a wrong caption shares neither colour nor shape nor motion with what is shown")
    func wrongCaptions() throws {
        let data = try dataset()
        for index in 0..<200 {
            let video = data.video(index)
            #expect(video.hasWrongCaption == (video.caption != video.content))
            guard video.hasWrongCaption else { continue }
            let filler: Set<Substring> = ["a", "an", "moves"]
            let said = Set(video.caption.split(separator: " ")).subtracting(filler)
            let shown = Set(video.content.split(separator: " ")).subtracting(filler)
            #expect(said.count == 3 && shown.count == 3 && said.isDisjoint(with: shown), "\(video.caption)")
        }
    }

    @Test("nothing else changes with what is planted, nor with how many videos there are")
    func independence() throws {
        let (few, many) = (try dataset(60), try dataset())
        #expect(many.truth().hasPrefix(few.truth()) && many.captions().hasPrefix(few.captions()))
        var options = few.options
        (options.duplicateShare, options.wrongCaptionShare) = (0, 0)
        let plain = try SyntheticDataset(options: options)
        for index in 0..<60 where few.video(index).original == nil {
            #expect(few.video(index).content == plain.video(index).caption)
            #expect(few.video(index).frame(9) == plain.video(index).frame(9))
        }
    }

    @Test("truth.csv says what the videos hold")
    func truth() throws {
        let data = try dataset()
        let rows = rows(data.truth())
        #expect(rows[0] == ["video", "static", "cut_frame", "duplicate_of", "wrong_caption", "content"])
        for index in 0..<200 {
            let video = data.video(index)
            #expect(
                rows[index + 1] == [
                    "\(video.name).mp4", video.isStatic ? "1" : "0", video.cutFrame.map { "\($0)" } ?? "",
                    video.original.map { "\($0).mp4" } ?? "", video.hasWrongCaption ? "1" : "0", video.content,
                ])
        }
    }

    @Test("embeddings tell right captions from wrong ones, the same ones every time")
    func embeddings() throws {
        let data = try dataset()
        try withTemporaryFolder { folder in
            for name in ["a", "b"] {
                try SyntheticDatasetWriter(dataset: data, folder: folder.appending(name)).writeEmbeddings()
            }
            for file in ["text.npy", "image.npy", "videos.txt"] {
                #expect(
                    try contents(of: folder.pushing(FilePath("a/embeddings/\(file)")))
                        == contents(of: folder.pushing(FilePath("b/embeddings/\(file)"))))
            }
            let embeddings = folder.pushing("a/embeddings")
            let names = String(decoding: try contents(of: embeddings.appending("videos.txt")), as: UTF8.self)
            #expect(names.split(separator: "\n").map(String.init) == (0..<200).map { "\(data.video($0).name).mp4" })
            let (texts, images) = (
                try rows(embeddings.appending("text.npy")), try rows(embeddings.appending("image.npy"))
            )
            for index in 0..<200 {
                let (text, image) = (texts[index], images[index])
                #expect(abs(cosine(text, text) - 1) < 1e-5 && abs(cosine(image, image) - 1) < 1e-5)
                let isWrong = data.video(index).hasWrongCaption
                #expect(isWrong ? cosine(text, image) < 0.3 : cosine(text, image) > 0.6, "video \(index)")
            }
        }
    }

    @Test("shares that do not fit together are refused by name")
    func shares() {
        for (name, change): (String, (inout SyntheticOptions) -> Void) in [
            ("duplicateShare", { $0.duplicateShare = 0.81 }), ("duplicateShare", { $0.duplicateShare = -0.1 }),
            ("duplicateShare", { $0.duplicateShare = .nan }), ("wrongCaptionShare", { $0.wrongCaptionShare = 1 }),
        ] {
            var options = SyntheticOptions()
            change(&options)
            let error = #expect(throws: SyntheticOptionsError.self) { try SyntheticDataset(options: options) }
            #expect(error?.option == name)
        }
    }

    private func rows(_ path: FilePath) throws -> [[Float]] {
        let reader = try NPYReader(path: path, type: .float32)
        try #require(reader.shape == [200, 64])
        var values = [Float](repeating: 0, count: 200 * 64)
        try values.withUnsafeMutableBufferPointer { try reader.read(into: $0) }
        return (0..<200).map { Array(values[64 * $0..<64 * ($0 + 1)]) }
    }

    private func cosine(_ one: [Float], _ other: [Float]) -> Float {
        zip(one, other).reduce(0) { $0 + $1.0 * $1.1 }
    }
}
