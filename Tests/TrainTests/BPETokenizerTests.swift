import Dataset
import Storage
import SystemPackage
import TestSupport
import Testing
import Train

/// CLIP's tokenizer against Hugging Face's (`Tests/Peers/bpe_expected.py`).
@Suite struct BPETokenizerTests {
    private static let folder = FilePath(#filePath).removingLastComponent().appending("../../fixtures/train/bpe")
    private static let merges = folder.appending("merges.txt")

    /// A text and what Hugging Face's tokenizer makes of it.
    private struct Expected {
        let text: String
        /// Cut off at 77.
        let tokens: [Int32]
        /// Cut off or padded to 12.
        let short: [Int32]
    }

    private static func json(_ name: String) throws -> JSONValue {
        try JSONValue(contents(of: folder.appending(name)), path: folder.appending(name))
    }

    private static func expected() throws -> [Expected] {
        func numbers(_ json: JSONValue) throws -> [Int32] { try #require(json.array).compactMap(\.int).map(Int32.init) }
        return try #require(try json("expected.json").array).map { row in
            let row = try #require(row.array)
            return try Expected(text: #require(row[0].string), tokens: numbers(row[1]), short: numbers(row[2]))
        }
    }

    @Test(arguments: [nil, "vocab.json"]) func equalsHuggingFace(_ vocabulary: String?) throws {
        let tokenizer = try BPETokenizer(merges: Self.merges, vocabulary: vocabulary.map { Self.folder.appending($0) })
        #expect((tokenizer.startToken, tokenizer.endToken) == (912, 913))
        let expected = try Self.expected()
        #expect(expected.count > 200)
        for row in expected {
            let padding = [Int32](repeating: tokenizer.endToken, count: 77 - row.tokens.count)
            #expect(tokenizer.tokens(row.text) == row.tokens + padding, "\(row.text.debugDescription)")
            #expect(tokenizer.tokens(row.text, length: 12) == row.short, "\(row.text.debugDescription)")
            let zeros = [Int32](repeating: 0, count: 77 - row.tokens.count)
            #expect(tokenizer.tokens(row.text, padding: .zero) == row.tokens + zeros, "\(row.text.debugDescription)")
        }
    }

    /// A thousand texts of many scripts, with the padding tokens of Stable Diffusion 1 and 2: the second is also a token of
    /// its own within a text (`Tests/Peers/diffusers_expected.py`).
    @Test(arguments: [nil, "!"]) func equalsHuggingFaceInManyScripts(_ padding: String?) throws {
        let tokenizer = try BPETokenizer(
            merges: Self.merges, vocabulary: Self.folder.appending("vocab.json"), padding: padding)
        #expect(tokenizer.paddingToken == (padding == nil ? 913 : 0))
        let rows = try #require(try Self.json("../diffusers/tokens.json").array)
        #expect(rows.count == 1000)
        for row in try rows.map({ try #require($0.array) }) {
            let wanted = try #require((padding == nil ? row[1] : row[row.count - 1]).array).compactMap(\.int)
            let found = try tokenizer.tokens(#require(row[0].string)).map(Int.init)
            let rest = Array(repeating: Int(tokenizer.paddingToken), count: 75 - wanted.count)
            #expect(found == [912] + wanted + [913] + rest, "\(row[0])")
        }
    }

    /// Merges and vocabulary in one file, as newer tokenizers write it.
    @Test func readsOneFile() throws {
        let models = Self.folder.appending("../diffusers")
        let (one, two) = (models.appending("sd1/tokenizer"), models.appending("sd2/tokenizer/tokenizer.json"))
        let parts = try BPETokenizer(merges: one.appending("merges.txt"), vocabulary: one.appending("vocab.json"))
        let whole = try BPETokenizer(json: two)
        for row in try Self.expected() { #expect(whole.tokens(row.text) == parts.tokens(row.text), "\(row.text)") }
        try withTemporaryFolder { folder in
            let path = folder.appending("tokenizer.json")
            let text = String(decoding: try contents(of: two), as: UTF8.self)
            for (old, new, message) in [
                ("\"BPE\"", "\"WordPiece\"", "model.type is WordPiece"),
                ("\"NFC\"", "\"NFKC\"", "normalizer is NFKC, "),
                ("\"</w>\"", "\"\"", "model.end_of_word_suffix is"),
                ("\"merges\"", "\"merge\"", "model.merges is not"),
                ("\"ignore_merges\": false", "\"ignore_merges\": true", "model.ignore_merges is true"),
                ("\"!\": 0", "\"!\": 0.5", "model.vocab is not"), ("\"Split\"", "\"Whitespace\"", "pre_tokenizer is"),
            ] {
                try #require(text.contains(old))
                try put(Array(text.replacing(old, with: new).utf8), at: path)
                let error = try #require(throws: PFrameError.self) { try BPETokenizer(json: path) }
                #expect(error.path == path && error.message.contains(message), "\(error)")
            }
        }
    }

    @Test func takesTheNumbersOfTheVocabulary() throws {
        let numbers = try #require(try Self.json("vocab.json").members).mapValues { Int32($0.int ?? 0) }
        let last = Int32(numbers.count - 1)
        try withTemporaryFolder { folder in
            let path = folder.appending("vocab.json")
            let turned = JSONValue.object(numbers.mapValues { .integer(Int(last - $0)) })
            try put(Array(turned.json().utf8), at: path)
            let tokenizer = try BPETokenizer(merges: Self.merges, vocabulary: path)
            for row in try Self.expected() {
                #expect(tokenizer.tokens(row.text, length: 12) == row.short.map { last - $0 }, "\(row.text)")
            }
        }
    }

    /// Unicode's own rules, where implementations of them were found wrong: what decomposes into marks takes part in their
    /// order (U+0F73), and no syllable composes with U+11A7.
    @Test(arguments: [
        ("\u{300}\u{F73}", "\u{F71}\u{F72}\u{300}", true), ("\u{345}\u{301}e", "\u{301}\u{345}e", true),
        ("\u{AC00}\u{11A7}\u{11A8}", "\u{AC00}\u{11A8}", false), ("\u{AC00}\u{11A7}", "\u{AC00}", false),
        ("\u{AC00}\u{11A8}", "\u{AC01}", true), ("\u{212B}", "A\u{30A}", true), ("a\0e\u{301}", "a\0\u{E9}", true),
        ("\u{1100}\u{1161}\u{11A7}e\u{301}", "\u{AC00}\u{11A7}\u{E9}", true),
    ]) func composesAsUnicodeSays(_ text: String, _ other: String, _ areSame: Bool) throws {
        let tokenizer = try BPETokenizer(merges: Self.merges)
        #expect((tokenizer.tokens(text) == tokenizer.tokens(other)) == areSame, "\(text.unicodeScalars)")
    }

    /// OpenAI's file names itself in its first line and lists more merges than the vocabulary has room for.
    @Test func readsAsManyMergesAsCLIPHas() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("bpe_simple_vocab_16e6.txt")
            var lines = ["\"bpe_simple_vocab_16e6.txt#version: 0.2"]
            let letters = (UInt8(ascii: "a")...UInt8(ascii: "z")).map { String(UnicodeScalar($0)) }
            let pairs = letters.flatMap { first in letters.map { (first, $0) } }
            lines += pairs.map { "\($0) \($1)" }
            let words = pairs.flatMap { first in pairs.map { "\(first.0)\(first.1) \($0.0)\($0.1)" } }
            lines += words.prefix(60_000 - pairs.count)
            try put(Array(lines.joined(separator: "\n").utf8), at: path)
            let tokenizer = try BPETokenizer(merges: path)
            #expect((tokenizer.startToken, tokenizer.endToken) == (49_406, 49_407))
            // "b" and "c" that ends a word; "aa" and "b" that ends one; "aaaa", the first merge of two pairs, and "x".
            let expected: [Int32] = [49_406, 65, 322, 512, 321, 1188, 343, 49_407]
            #expect(tokenizer.tokens("bc aab aaaax", length: 8) == expected)
        }
    }

    @Test(arguments: [
        ("\u{1F}\u{8B}\u{8}", "is packed: unpack it with gunzip"),
        ("", "#version"), ("a b\nc d\n", "#version"),
        ("#version: 0.2\na b\nab\n", "line 3: two symbols"), ("#version: 0.2\na  b\n", "line 2: two symbols"),
        ("#version: 0.2\na b\n\nc d\n", "line 3: two symbols"), ("#version: 0.2\r\na b\r\n", "line 2: no merge"),
        ("#version: 0.2\na b\nab cd\n", "line 3: no merge before it makes 'cd'"),
    ]) func saysWhatIsWrongWithMerges(_ text: String, _ message: String) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("merges.txt")
            try put(text.hasPrefix("\u{1F}") ? [0x1F, 0x8B, 8, 0, 0xFF] : Array(text.utf8), at: path)
            let error = try #require(throws: PFrameError.self) { try BPETokenizer(merges: path) }
            #expect(error.path == path && error.message.contains(message), "\(error)")
        }
    }

    @Test(arguments: [
        ("{\"a\": 1", "at byte 7"), ("[]", "is not a vocabulary"), ("{\"a\": 1.5}", "is not a vocabulary"),
        ("{\"a\": -1}", "is not a vocabulary"), ("{\"<|startoftext|>\": 1}", "has no number for '<|endoftext|>'"),
    ]) func saysWhatIsWrongWithAVocabulary(_ text: String, _ message: String) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("vocab.json")
            try put(Array(text.utf8), at: path)
            let error = try #require(throws: PFrameError.self) {
                try BPETokenizer(merges: Self.merges, vocabulary: path)
            }
            #expect(error.path == path && error.message.contains(message), "\(error)")
        }
    }
}
