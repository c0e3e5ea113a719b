import Dataset
import Storage
import SystemPackage
import Testing
import Train

/// The words and the labels of a data set.
@Suite struct VocabularyTests {
    private let captions = ["A red ball, moving LEFT.", "a blue ball: moving right!", "A RED square", "the ball"]

    @Test func ordersWordsByCountThenByName() {
        let vocabulary = Vocabulary(captions: captions)
        #expect(vocabulary.words == ["a", "ball", "moving", "red", "blue", "left", "right", "square", "the"])
        #expect(vocabulary.count == 11)
        #expect(Vocabulary(captions: captions.reversed()) == vocabulary)
        #expect(Vocabulary(captions: captions, limit: 3).words == ["a", "ball", "moving"])
        #expect(Vocabulary(captions: captions, minimumCount: 3).words == ["a", "ball"])
        #expect(Vocabulary(captions: captions, limit: 0).words.isEmpty)
    }

    /// The same count, by Foundation-free means: sort, group, sort.
    @Test(arguments: 1...5) func countsAsSortingDoes(_ seed: Int) {
        let words = (0..<500).map { "w\(($0 * $0 + seed * 7) % 61)" }
        let captions = stride(from: 0, to: words.count, by: 10).map { words[$0..<$0 + 10].joined(separator: " ") }
        var groups: [(word: String, count: Int)] = []
        for word in words.sorted() {
            if groups.last?.word == word { groups[groups.count - 1].count += 1 } else { groups.append((word, 1)) }
        }
        let expected = groups.enumerated().sorted { ($1.element.count, $0.offset) < ($0.element.count, $1.offset) }
        #expect(Vocabulary(captions: captions).words == expected.map(\.element.word))
    }

    @Test(
        arguments: [
            ("the red ball", 5, [10, 5, 3, 0, 0]), ("The RED, ball!", 3, [10, 5, 3]), ("red red red red", 2, [5, 5]),
            ("", 2, [0, 0]), ("a green ball", 4, [2, 1, 3, 0]), ("…", 1, [0]), ("a", 0, []),
        ] as [(String, Int, [Int32])]) func numbersCaptions(_ caption: String, _ length: Int, _ expected: [Int32])
    {
        #expect(Vocabulary(captions: captions).tokens(caption, length: length) == expected)
    }

    @Test(
        arguments: [
            ("don't stop-motion", ["don", "t", "stop", "motion"]), ("4K 60fps ½", ["4k", "60fps", "½"]),
            ("Straße ÉCOLE", ["straße", "école"]), ("ecole\u{301}", ["ecolé"]), ("हिन्दी में", ["हिन्दी", "में"]),
            ("红色的球，移动", ["红色的球", "移动"]), ("🎬", []), ("a_b", ["a", "b"]), ("x\u{A0}y\u{200B}z", ["x", "y", "z"]),
        ] as [(String, [String])]) func splitsWords(_ caption: String, _ words: [String])
    {
        #expect(Vocabulary(captions: []).unknownWords(in: caption) == words)
        #expect(Vocabulary(captions: [caption]).unknownWords(in: caption).isEmpty)
    }

    @Test func namesUnknownWordsOnce() {
        let vocabulary = Vocabulary(captions: captions)
        #expect(vocabulary.unknownWords(in: "Two cubes, two CUBES, a ball") == ["two", "cubes"])
    }

    @Test func keepsWordsAndLabelsAsJSON() throws {
        let vocabulary = Vocabulary(captions: captions + ["日本 \u{301}é"])
        let words = try JSONValue(vocabulary.json.json().utf8, path: "words.json")
        #expect(try Vocabulary(words, path: "words.json") == vocabulary)
        let table = LabelTable(["walk", "run", "run", "jump \"high\"", "walk", "Run"])
        #expect(table.labels == ["Run", "jump \"high\"", "run", "walk"])
        #expect(table.index(of: "run") == 2 && table.index(of: "swim") == nil)
        let labels = try JSONValue(table.json.json().utf8, path: "labels.json")
        #expect(labels["labels"]?.array?.count == 4)
        #expect(try LabelTable(labels, path: "labels.json") == table)
    }

    @Test(arguments: [
        ("[]", "a list of words is expected"), ("{\"words\": 1}", "a list of words is expected"),
        ("{\"words\": [\"a\", 2]}", "words[1] is 2"), ("{\"words\": [\"a\", \"b\", \"a\"]}", "words[2] is 'a'"),
    ]) func saysWhatIsWrongWithJSON(_ text: String, _ message: String) throws {
        let json = try JSONValue(text.utf8, path: nil)
        let error = try #require(throws: PFrameError.self) { try Vocabulary(json, path: "run/words.json") }
        #expect(error.path == "run/words.json" && error.message.contains(message), "\(error)")
    }
}
