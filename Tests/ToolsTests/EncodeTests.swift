import Foundation
import TestSupport
import Testing

/// `pframe encode`: whose motion the latents have.
@Suite struct EncodeTests {
    /// The members of the first shard of a set that end so, by key.
    private static func members(_ set: String, _ ending: String) throws -> [String: Data] {
        let tar = try Data(contentsOf: URL(filePath: set + "/clips-000000.tar"))
        return try Dictionary(
            uniqueKeysWithValues: BuildTests.rows(set).map { row in
                let place = row["members"][ending].ints
                return (try #require(row["key"].string), tar[place[0]..<(place[0] + place[1])])
            })
    }

    @Test(.requires(.libtorch)) func saysAndRecordsWhoseMotionItIs() throws {
        let (models, scratch) = (try SampleModels.ready(), try Scratch())
        let videos = URL(filePath: models.clips).deletingLastPathComponent().appending(path: "videos").path
        let built = try BuildTests.build(
            [videos, "--no-captions", "--size", "64", "--frames", "8", "--no-cuts", "--motion-source", "search"],
            output: scratch.path("search"))
        #expect(built.status == 0, "\(built.errors)")
        let sets = [("h264", models.clips), ("search", scratch.path("search"))]
        for (name, set) in sets {
            for (motion, options) in [
                ("default", []), ("search", ["--motion", "search"]), ("keep", ["--motion", "keep"]),
            ] {
                let output = scratch.path("\(name)-\(motion)")
                let outcome = try Programs.run(
                    Programs.pframe.path,
                    ["encode", set, "--vae", models.autoencoder, "--output", output] + options + SampleModels.alone)
                #expect(outcome.status == 0, "\(outcome.errors)")
                let said =
                    motion == "keep"
                    ? "motion: the data set's own vectors (\(name))\n" : "motion: searched anew in the rebuilt frames\n"
                #expect(outcome.output.hasPrefix(said), "\(outcome.output)")
                let derived = (try decode(scratch.text("\(name)-\(motion)/dataset.json")) as JSON)["options"]["derived"]
                #expect(derived["motion"] == (motion == "keep" ? "keep" : .null))
            }
            let searched = try BuildTests.files(scratch.path("\(name)-search"))
            #expect(try BuildTests.files(scratch.path("\(name)-default")) == searched)
            let own = try Self.members(set, "mv.npy")
            #expect(try Self.members(scratch.path("\(name)-keep"), "mv.npy") == own)
            #expect(try Self.members(scratch.path("\(name)-search"), "mv.npy") != own)
        }
        func latents(_ motion: String) throws -> [[String: Data]] {
            try sets.map { try Self.members(scratch.path("\($0.0)-\(motion)"), "latent.npy") }
        }
        // The motion of the set decides the latents only where it is kept.
        let (searched, kept) = (try latents("search"), try latents("keep"))
        #expect(searched[0] == searched[1] && kept[0] != kept[1] && kept[0] != searched[0])
        // A folder with other motion is not added to.
        let mixed = try Programs.run(
            Programs.pframe.path,
            ["encode", models.clips, "--vae", models.autoencoder, "--output", scratch.path("h264-keep")])
        #expect(mixed.status == 1 && mixed.errors.contains("motion \"keep\", now not set"), "\(mixed.errors)")
    }

    @Test(.requires(.libtorch)) func theOpenLoopMaySearchToo() throws {
        let (models, scratch) = (try SampleModels.ready(), try Scratch())
        func encode(_ name: String, _ options: String...) throws -> Outcome {
            try Programs.run(
                Programs.pframe.path,
                ["encode", models.clips, "--vae", models.autoencoder, "--output", scratch.path(name), "--loop", "open"]
                    + options + SampleModels.alone)
        }
        let kept = try encode("kept")
        #expect(kept.status == 0 && kept.output.hasPrefix("motion: the data set's own vectors (h264)"), "\(kept)")
        let named = try encode("named", "--motion", "keep", "--json")
        #expect(named.status == 0 && named.output.contains("\"motion\":\"keep\""), "\(named)")
        #expect(try BuildTests.files(scratch.path("kept")) == BuildTests.files(scratch.path("named")))
        let searched = try encode("searched", "--motion", "search")
        #expect(searched.status == 0 && searched.output.hasPrefix("motion: searched anew in the source"), "\(searched)")
        #expect(
            try Self.members(scratch.path("searched"), "mv.npy") != Self.members(scratch.path("kept"), "mv.npy"))
    }
}
