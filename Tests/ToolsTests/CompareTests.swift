import Foundation
import TestSupport
import Testing

/// `pframe compare` and `pframe votes`: people vote in a browser; a script that knows only the bytes of videos counts.
@Suite struct CompareTests {
    /// A prompt that would break a page that does not escape it.
    private static let prompt = "</script><script>window.ran = true</script> \"a\" & 'b' é 动"

    /// Two folders of six videos, one of which has prompts for five.
    private func sets(_ scratch: Scratch) throws {
        for (name, seed) in [("a", "1"), ("b", "2")] {
            try Programs.pframe(
                "synth", "--output", scratch.path(name), "--videos", "6", "--seconds", "1", "--size", "64", "--seed",
                seed)
        }
        var table = ""
        for index in 0..<6 {
            let text = index == 0 ? Self.prompt : index == 1 ? "" : "shape \(index)"
            let row = ["name": "video-0000\(index)", "prompt": text]
            table += String(decoding: try JSONSerialization.data(withJSONObject: row), as: UTF8.self) + "\n"
        }
        try Data(table.utf8).write(to: URL(filePath: scratch.path("a/samples.jsonl")))
    }

    private struct Voting: Decodable {
        struct Voter: Decodable {
            struct Question: Decodable {
                let name: String
                let reasons: [String]
            }
            struct State: Decodable {
                let place: String
                let text: String
                let widths: [Int]
                let questions: [Question]
                let starting: Bool
                let ended: Bool
                let scrollWidth: Int
                let ran: Bool
            }
            let states: [State]
            let refusals: [String]
            let ended: Bool
            let complaints: [String]
            let files: [String]
        }
        struct Count: Decodable {
            let votes: [Int]
            let won: [Int]
            let tied: Int
            let unanimous: Int
            let pairs: Int
            let reasons: [String: [Int]]
            let left: Double
            let kappa: Double?
        }
        let voters: [String: Voter]
        let counts: [String: Count]
    }

    private struct Mistake: Error {}

    @Test(.requires(.chromium)) func votesOfThreePeopleAreCounted() throws {
        let scratch = try Scratch()
        try sets(scratch)
        let made = try Programs.pframe(
            "compare", scratch.path("a"), scratch.path("b"), "--output", scratch.path("page"), "--seed", "3", "--json")
        #expect(made.status == 0 && made.errors.isEmpty, "\(made.errors)")
        let result: JSON = try decode(made.output)
        #expect(result["pairs"] == 6 && result["key"].string == scratch.path("page.key.json"))

        let voters = ["ann", "Bo, \"2\"", "c/é"]
        let outcome = try Programs.run(
            "/usr/bin/env",
            ["python3", Peers.folder.appending(path: "vote_on_page.py").path, try #require(Peers.chromium)]
                + [scratch.path("page"), scratch.path("votes")]
                + [
                    Programs.root.appending(path: ".build/report-screenshots").path, scratch.path("a"),
                    scratch.path("b"),
                ]
                + voters, limit: 240)
        try #require(outcome.status == 0, "\(outcome.errors)")
        let voting = try JSONDecoder().decode(Voting.self, from: Data(outcome.output.utf8))
        for voter in voters {
            let seen = try #require(voting.voters[voter])
            #expect(seen.complaints.isEmpty && seen.ended && seen.files.count == 1, "\(seen.complaints)")
            // The third pair is shown in the tab that was opened anew.
            #expect(seen.states.map(\.place) == (1...6).map { "Pair \($0) of 6" })
            #expect(
                seen.states.allSatisfy { $0.widths == [64, 64] && !$0.starting && !$0.ran && $0.scrollWidth <= 1280 })
            #expect(seen.states.prefix(3).allSatisfy { $0.scrollWidth <= 390 })
            #expect(seen.states.contains { $0.text == "“\(Self.prompt)”" })
            for state in seen.states {
                let asked = state.questions.map(\.name)
                #expect(asked == (state.text.isEmpty ? ["quality"] : ["quality", "faithfulness"]))
                #expect(state.questions.map(\.reasons.count) == (state.text.isEmpty ? [5] : [5, 2]))
            }
            #expect(seen.refusals.count == 12 && seen.refusals.allSatisfy { !$0.isEmpty })
        }

        let files = voters.compactMap { voting.voters[$0]?.files.first }
        let counted = try Programs.run(
            Programs.pframe.path, ["votes", scratch.path("page.key.json")] + files + ["--json"])
        #expect(counted.status == 0 && counted.errors.isEmpty, "\(counted.errors)")
        let count: JSON = try decode(counted.output)
        #expect(count["raters"] == 3 && count["sets"].elements.map(\.string) == [scratch.path("a"), scratch.path("b")])
        for question in ["quality", "faithfulness"] {
            let expected = try #require(voting.counts[question])
            let found = try #require(count["questions"].elements.first { $0["question"].string == question })
            #expect(found["votes"].ints == expected.votes && found["won"].ints == expected.won)
            #expect(found["tied"].int == expected.tied && found["pairs"].int == expected.pairs)
            #expect(found["unanimous"].int == expected.unanimous && found["shared"].int == expected.pairs)
            #expect(abs((found["left"].number ?? 2) - expected.left) < 1e-12)
            #expect(abs((found["kappa"].number ?? 2) - (expected.kappa ?? 2)) < 1e-12)
            guard case .object(let reasons) = found["reasons"] else { throw Mistake() }
            // Reasons that nobody ticked stand with zeros.
            #expect(reasons.mapValues(\.ints).filter { $0.value != [0, 0] } == expected.reasons)
        }
        let won = count["questions"].elements.first?["won"].ints ?? []
        // For people: the same figures.
        let words = try Programs.run(Programs.pframe.path, ["votes", scratch.path("page.key.json")] + files).output
        #expect(words.contains("quality: A wins \(won[0]) of 6 pairs, B \(won[1])"), "\(words)")
    }

    @Test func pageTellsNothingOfTheSets() throws {
        let scratch = try Scratch()
        try sets(scratch)
        for name in ["one", "two"] {
            try Programs.pframe("compare", scratch.path("a"), scratch.path("b"), "--output", scratch.path(name))
        }
        let page = try scratch.text("one/index.html")
        #expect(page == (try scratch.text("two/index.html")))
        for word in [scratch.path("a"), scratch.path("b"), "video-0000", "has_text"] { #expect(!page.contains(word)) }
        // A page is its videos: the votes and the key of one are not those of another.
        let again = try Programs.pframe(
            "compare", scratch.path("a"), scratch.path("b"), "--output", scratch.path("one"))
        #expect(again.status == 0)
        #expect(try page == scratch.text("one/index.html"))
        let names = ["b/video-00001.mp4", "b/video-00002.mp4"].map { URL(filePath: scratch.path($0)) }
        try FileManager.default.removeItem(at: names[0])
        try FileManager.default.copyItem(at: names[1], to: names[0])
        let other = try Programs.pframe(
            "compare", scratch.path("a"), scratch.path("b"), "--output", scratch.path("one"))
        #expect(other.status == 1 && other.errors.contains("the key of another page"), "\(other.errors)")
        try Programs.pframe("compare", scratch.path("a"), scratch.path("b"), "--output", scratch.path("four"))
        let keys = try ["one", "four"].map { try scratch.text("\($0).key.json").split(separator: "\"")[3] }
        #expect(keys[0] != keys[1])
        // Another seed gives other sides.
        try Programs.pframe(
            "compare", scratch.path("a"), scratch.path("b"), "--output", scratch.path("three"), "--seed", "1")
        #expect(try scratch.text("three.key.json") != scratch.text("one.key.json"))
    }

    @Test func mistakesAreNamed() throws {
        let scratch = try Scratch()
        try sets(scratch)
        let (a, b) = (scratch.path("a"), scratch.path("b"))
        #expect(try Programs.pframe("compare", a, a, "--output", scratch.path("page")).status == 2)
        try FileManager.default.createDirectory(atPath: scratch.path("full"), withIntermediateDirectories: true)
        try Data("x".utf8).write(to: URL(filePath: scratch.path("full/notes.txt")))
        let full = try Programs.pframe("compare", a, b, "--output", scratch.path("full"))
        #expect(full.status == 1 && full.errors.contains("holds other files"), "\(full.errors)")
        let nothing = try Programs.pframe("compare", a, scratch.path("full"), "--output", scratch.path("page"))
        #expect(nothing.status == 1 && nothing.errors.contains("names pair the videos"), "\(nothing.errors)")
        try Data("{\"name\":\"video-00002\",\"prompt\":\"another\"}\n".utf8)
            .write(to: URL(filePath: b + "/samples.jsonl"))
        let other = try Programs.pframe("compare", a, b, "--output", scratch.path("page"))
        #expect(other.status == 1 && other.errors.contains("compare samples of one text"), "\(other.errors)")
        try FileManager.default.removeItem(atPath: b + "/samples.jsonl")
        try FileManager.default.moveItem(atPath: b + "/video-00005.mp4", toPath: b + "/video-00005.webm")
        let mixed = try Programs.pframe("compare", a, b, "--output", scratch.path("page"))
        #expect(mixed.status == 1 && mixed.errors.contains("the ending would tell"), "\(mixed.errors)")
        try FileManager.default.removeItem(atPath: b + "/video-00005.webm")
        let fewer = try Programs.pframe("compare", a, b, "--output", scratch.path("page"))
        #expect(fewer.status == 1 && fewer.errors.contains("video-00005 in \(a) has no partner"), "\(fewer.errors)")
        #expect(fewer.output.contains("5 pairs"))

        let key = scratch.path("page.key.json")
        let page = try #require(try scratch.text("page.key.json").split(separator: "\"").dropFirst(3).first)
        let header = "page,rater,pair,question,choice,reasons\r\n"
        func votes(_ text: String) throws -> String {
            let file = scratch.path("votes.csv")
            try Data(text.utf8).write(to: URL(filePath: file))
            let outcome = try Programs.pframe("votes", key, file)
            return "\(outcome.status) \(outcome.errors)"
        }
        let good = "\(page),ann,1,quality,left,amount of motion\r\n"
        #expect(try votes(header + good).hasPrefix("0"))
        for (text, words) in [
            ("", "the file is empty"), (header, "no votes"), ("a,b\r\n", "line 1: votes have the columns"),
            (header + good.replacing("\(page)", with: "x"), "line 2: the votes are of page x"),
            (header + good.replacing(",1,", with: ",6,"), "line 2: the page has pairs 1 to 5"),
            (header + good.replacing("left", with: "both"), "a choice is left or right"),
            (header + good.replacing("quality", with: "beauty"), "not a question"),
            (header + good + good, "line 3: ann answers quality of pair 1 twice"),
            (header + good + "\"open", "line 3: the quote"),
        ] {
            let outcome = try votes(text)
            #expect(outcome.hasPrefix("1 error: \(scratch.path("votes.csv"))") && outcome.contains(words), "\(outcome)")
        }
        let none = try Programs.pframe("votes", scratch.path("none.json"), scratch.path("votes.csv"))
        #expect(none.status == 1 && none.errors.contains("none.json"), "\(none.errors)")
        let noKey = try Programs.pframe("votes", a + "/samples.jsonl", scratch.path("votes.csv"))
        #expect(noKey.status == 1 && noKey.errors.contains("samples.jsonl"), "\(noKey.errors)")
    }
}
