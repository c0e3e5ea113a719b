import Foundation
import SystemPackage
import TestSupport
import Testing

/// Videos and lists on servers, as the commands read them.
@Suite struct AddressTests {
    private static let names = [
        "bframes-4refs.mp4", "cropped.mp4", "interlaced.ts", "mpeg4-bframes.avi", "two-streams.mkv",
    ]
    private static let clip = ["--size", "32", "--frames", "4", "--stride", "1", "--no-cuts", "--represent", "frames"]

    private static func serve(_ arguments: [String] = [], script: String = "range_server.py") throws -> FileServer {
        try FileServer(FilePath(Programs.fixtures.path), arguments, script: script)
    }

    private static func put(_ text: String, _ path: String) throws {
        try Data(text.utf8).write(to: URL(filePath: path))
    }

    /// All bytes below a folder.
    private static func everything(below folder: String) throws -> Data {
        var all = Data()
        for name in try FileManager.default.subpathsOfDirectory(atPath: folder).sorted() {
            all += Data(name.utf8)
            if let bytes = FileManager.default.contents(atPath: "\(folder)/\(name)") { all += bytes }
        }
        return all
    }

    @Test(arguments: [[], ["--no-ranges"]]) func extractsWhatItExtractsOfFiles(_ options: [String]) throws {
        let (scratch, server) = (try Scratch(), try Self.serve(options))
        let addresses = Self.names.map { "\(server.address)/\($0)?token=secret" }
        let local = try Programs.run(
            Programs.pframe.path,
            ["extract"] + Self.names.map(Programs.fixture) + ["--residual", "--output", scratch.path("local")])
        let command = ["extract"] + addresses + ["--residual", "--output", scratch.path("remote")]
        let remote = try Programs.run(Programs.pframe.path, command)
        #expect(local.status == 0 && remote.status == 0, "\(remote.errors)")
        for name in Self.names {
            let stem = (name as NSString).deletingPathExtension
            for file in ["motion.npy", "frames.csv", "residual.mkv"] {
                #expect(
                    try scratch.data("remote/\(stem)/\(file)") == scratch.data("local/\(stem)/\(file)"),
                    "\(name) \(file)")
            }
            let source: JSON = try decode(scratch.text("remote/\(stem)/stream.json"))
            let facts = try FileManager.default.attributesOfItem(atPath: Programs.fixture(name))
            #expect(source["source"]["path"].string == "\(server.address)/\(name)")
            #expect(source["source"]["bytes"].int == facts[.size] as? Int)
        }
        #expect(!remote.output.contains("secret") && !remote.errors.contains("secret"))
        #expect(try Self.everything(below: scratch.path("remote")).range(of: Data("secret".utf8)) == nil)
        let again = try Programs.run(Programs.pframe.path, command)
        #expect(again.output.contains("up-to-date"), "\(again.output)")
    }

    @Test func showsAndMeasuresVideosOfServers() throws {
        let (scratch, server) = (try Scratch(), try Self.serve())
        let (address, file) = (server.address + "/bframes-4refs.mp4", Programs.fixture("bframes-4refs.mp4"))
        for command in [["info"], ["motion"], ["motion", "--per-frame"]] {
            let remote = try Programs.run(Programs.pframe.path, command + [address])
            let local = try Programs.run(Programs.pframe.path, command + [file])
            #expect(remote.status == 0, "\(remote.errors)")
            let here = remote.output.replacing(address, with: file)
            // Widths of columns, and times, differ.
            func words(_ text: String) -> [Substring] {
                text.split(separator: "\n").filter { !$0.contains(" in ") }.flatMap { $0.split(separator: " ") }
            }
            #expect(words(here) == words(local.output))
        }
        for (name, input) in [("remote.png", address), ("local.png", file)] {
            try Programs.pframe("view", input, "--output", scratch.path(name), "--title", "x")
        }
        #expect(try scratch.data("remote.png") == scratch.data("local.png"))
    }

    @Test func buildsWhatItBuildsOfFiles() throws {
        let (scratch, server) = (
            try Scratch(), try Self.serve(["--drop", "3", "--drop-all", "--refuse", "2", "--ending", ".ts"])
        )
        let bare = server.address.dropFirst("http://".count)
        for (list, place) in [("local.csv", Programs.fixtures.path), ("remote.csv", "http://me:secret@\(bare)")] {
            let rows = Self.names.map { "\(place)/\($0),a caption" }
            try Self.put("video,caption\n" + rows.joined(separator: "\n") + "\n", scratch.path(list))
        }
        for (list, set) in [("local.csv", "local"), ("remote.csv", "remote")] {
            let outcome = try Programs.run(
                Programs.pframe.path, ["build", scratch.path(list), "--output", scratch.path(set)] + Self.clip)
            #expect(outcome.status == 0 && !outcome.errors.contains("secret"), "\(outcome.errors)")
        }
        let compared = try ClipSets.expect("same_records.py", scratch.path("local"), scratch.path("remote"))
        let lines = compared.split(separator: "\n")
        #expect(lines.dropFirst().map(String.init) == Self.names.sorted().map { "\(server.address)/\($0)" })
        #expect(Int(lines.first ?? "") ?? 0 > 10)
        #expect(try Self.everything(below: scratch.path("remote")).range(of: Data("secret".utf8)) == nil)
    }

    /// A list on a server names files beside it, and its captions may be there too.
    @Test func readsListsOfServers() throws {
        let scratch = try Scratch()
        let folder = scratch.path("served")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let source = Programs.fixture("bframes-4refs.mp4")
        for name in ["a b.mp4", "c?d.mp4"] {
            try FileManager.default.copyItem(atPath: source, toPath: "\(folder)/\(name)")
        }
        try Self.put(
            #"{"video": "./a b.mp4", "caption": "one"}"# + "\n" + #"{"video": "sub/c?d.mp4", "caption": "two"}"# + "\n",
            "\(folder)/list.jsonl")
        try Self.put("video,caption\na b,three\nc?d,four\n", "\(folder)/captions.csv")
        let server = try FileServer(FilePath(folder))
        let listed = try Programs.run(
            Programs.pframe.path,
            ["build", server.address + "/list.jsonl?x=1", "--output", scratch.path("listed")] + Self.clip)
        #expect(listed.status == 0, "\(listed.errors)")
        let captioned = try Programs.run(
            Programs.pframe.path,
            ["build", folder, "--captions", server.address + "/captions.csv", "--output", scratch.path("captioned")]
                + Self.clip)
        #expect(captioned.status == 0, "\(captioned.errors)")
        for (set, captions) in [("listed", ["one", "two"]), ("captioned", ["four", "three"])] {
            let rows: [JSON] = try decodeLines(scratch.text("\(set)/clips-000000.jsonl"))
            #expect(Set(rows.compactMap { $0["caption"].string }).sorted() == captions)
        }
    }

    @Test func readsBucketsWithSignatures() throws {
        let scratch = try Scratch()
        let server = try Self.serve(script: "s3_server.py")
        try Self.put("video,caption\ns3://bucket/sets/cropped.mp4,a caption\n", scratch.path("list.csv"))
        let keys = [
            "AWS_ENDPOINT_URL": server.address, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_REGION": "us-east-1",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "AWS_SESSION_TOKEN": "",
        ]
        let wrong = keys.merging(["AWS_SECRET_ACCESS_KEY": "x"]) { $1 }
        let command = ["build", scratch.path("list.csv"), "--output", scratch.path("set")] + Self.clip
        // Wrong keys are no property of the video: its shard is left to the next run.
        let refused = try Programs.run(Programs.pframe.path, command, environment: wrong)
        #expect(refused.status == 1 && refused.errors.contains("SignatureDoesNotMatch"), "\(refused.errors)")
        #expect(refused.errors.contains("run the same command again") && !scratch.exists("set/dataset.json"))
        let outcome = try Programs.run(Programs.pframe.path, command, environment: keys)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let rows: [JSON] = try decodeLines(scratch.text("set/clips-000000.jsonl"))
        #expect(rows.first?["source"].string == "s3://bucket/sets/cropped.mp4")
    }

    /// A signature that has run out is no property of the video: the next run brings a new one.
    @Test func resumesWithAnotherToken() throws {
        let scratch = try Scratch()
        let server = try Self.serve(["--access", "new"])
        func build(_ token: String) throws -> Outcome {
            try Self.put("video,caption\n\(server.address)/cropped.mp4?token=\(token),a\n", scratch.path("list.csv"))
            return try Programs.run(
                Programs.pframe.path, ["build", scratch.path("list.csv"), "--output", scratch.path("set")] + Self.clip)
        }
        let refused = try build("old")
        #expect(refused.status == 1 && refused.errors.contains("HTTP 403"), "\(refused.errors)")
        #expect(!scratch.exists("set/dataset.json"))
        let resumed = try build("new")
        #expect(resumed.status == 0 && scratch.exists("set/dataset.json"), "\(resumed.errors)")
    }

    /// A refusal is the video's own, as a missing file is; a server that does not answer is tried again by the next run.
    @Test func tellsRefusalsFromServersThatDoNotAnswer() throws {
        let scratch = try Scratch()
        let server = try Self.serve()
        let dead = "http://127.0.0.1:9/x.mp4"
        let rows = ["cropped.mp4", "none.mp4", "bframes-4refs.mp4"].map { "\(server.address)/\($0),a" }
        try Self.put("video,caption\n\(rows.joined(separator: "\n"))\n\(dead),b\n", scratch.path("list.csv"))
        let command =
            ["build", scratch.path("list.csv"), "--output", scratch.path("set"), "--videos-per-shard", "2"] + Self.clip
        for _ in 0..<2 {
            let outcome = try Programs.run(Programs.pframe.path, command)
            #expect(outcome.status == 1, "\(outcome.errors)")
            #expect(
                outcome.errors.contains("1 video could not be read from servers; shards left unfinished: 1"),
                "\(outcome.errors)")
            #expect(outcome.errors.contains("error: \(dead): cannot open: Connection refused"), "\(outcome.errors)")
            #expect(!scratch.exists("set/dataset.json") && scratch.exists("set/clips-000000.tar"))
            #expect(try scratch.names(in: "set/.shards").contains("000000.json"))
            #expect(try !scratch.names(in: "set/.shards").contains("000001.json"))
        }
        let concluded = try Programs.run(Programs.pframe.path, command + ["--reject-unreachable"])
        #expect(concluded.status == 1 && concluded.output.contains("1 shard finished before"), "\(concluded.errors)")
        let rejects: [JSON] = try decodeLines(scratch.text("set/rejects.jsonl"))
        let kinds = Dictionary(
            uniqueKeysWithValues: rejects.map { ($0["video"].string ?? "", $0["kind"].string ?? "") })
        #expect(kinds == ["\(server.address)/none.mp4": "missing", dead: "unreadable"])
        #expect(rejects.contains { $0["reason"].string?.contains("HTTP 404") == true })
        let names: [JSON] = try decodeLines(scratch.text("set/clips-000001.jsonl"))
        #expect(names.first?["source"].string == "\(server.address)/bframes-4refs.mp4")
    }
}
