// By hand, because Hugging Face's tokenizers need Rust or Python, and CLIP's is a list of merges and four kinds of
// scalars.
import CUTF8Proc
import Dataset
import Glibc
package import Storage
package import SystemPackage

/// CLIP's tokenizer: byte-pair encoding (Sennrich, Haddow and Birch, 2016) of lower-case words, over bytes.
///
/// A word begins as the symbols of its UTF-8 bytes, the last one marked as a word's end; then, again and again, the pair of
/// neighbours that comes first in the list of merges becomes one symbol. Numbers: 256 bytes, 256 bytes that end a word,
/// the merges in their order, `<|startoftext|>`, `<|endoftext|>` (Radford et al., 2021), or as a `vocab.json` has them.
/// The same as Hugging Face's `CLIPTokenizer`; OpenAI's first repairs mis-decoded text and HTML entities.
package struct BPETokenizer: Sendable {
    /// What follows the end of a text.
    package enum Padding: Sendable, CaseIterable {
        /// The tokenizer's padding token, again and again, as Hugging Face's tokenizer has it.
        case own
        /// Zeros, as OpenAI's has it.
        case zero
    }

    /// Stands before every text.
    package let startToken: Int32
    /// Stands behind every text.
    package let endToken: Int32
    /// Follows the end of a text: the end token unless another was named.
    package let paddingToken: Int32
    /// Tokens that stand for themselves wherever they occur in a text.
    private let specials: [(text: String, token: Int32)]
    /// Numbers of bytes, then of bytes that end a word.
    private let bytes: [Int32]
    private let merges: [Pair: (rank: Int, result: Int32)]

    private struct Pair: Hashable {
        let left: Int32
        let right: Int32
    }

    private static let start = "<|startoftext|>"
    private static let end = "<|endoftext|>"
    private static let ending = "</w>"
    /// CLIP's vocabulary has 49,408 numbers; OpenAI's file lists more merges than those have room for.
    private static let mergeLimit = 49_408 - 512 - 2

    /// Reads a list of merges.
    ///
    /// - Parameters:
    ///   - merges: Hugging Face's `merges.txt` or OpenAI's `bpe_simple_vocab_16e6.txt`, unpacked.
    ///   - vocabulary: Hugging Face's `vocab.json`; nil to number as OpenAI does, which is the same for CLIP's own.
    ///   - padding: the padding token, which is also a token of its own in a text; nil for the end token.
    /// - Throws: `PFrameError` if a file cannot be read, or is none of these.
    package init(merges path: FilePath, vocabulary: FilePath? = nil, padding: String? = nil) throws(PFrameError) {
        try self.init(
            Self.pairs(path), path, numbers: vocabulary.map { path throws(PFrameError) in try Self.numbers(path) },
            vocabulary: vocabulary, padding: padding)
    }

    /// Reads a `tokenizer.json`, in which newer versions of Hugging Face's tokenizers keep merges and vocabulary.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - padding: the padding token, which is also a token of its own in a text; nil for the end token.
    /// - Throws: `PFrameError` if the file cannot be read, or describes another tokenizer than CLIP's.
    package init(json path: FilePath, padding: String? = nil) throws(PFrameError) {
        let file = try TokenizerFile(path)
        try self.init(file.merges, path, numbers: file.numbers, vocabulary: path, padding: padding)
    }

    /// A tokenizer of merges, which `path` lists, and numbers, which `vocabulary` lists where they are given.
    private init(
        _ pairs: [(left: String, right: String)], _ path: FilePath, numbers given: [String: Int32]?,
        vocabulary: FilePath?, padding: String?
    ) throws(PFrameError) {
        let symbols = Self.byteSymbols
        let alphabet = symbols + symbols.map { $0 + Self.ending }
        let numbers: [String: Int32]
        if let given {
            numbers = given
        } else {
            let all = alphabet + pairs.map { $0.left + $0.right } + [Self.start, Self.end]
            // Two merges may make the same symbol: the later has the number.
            numbers = Dictionary(zip(all, 0...), uniquingKeysWith: { $1 })
        }
        func number(_ symbol: String, line: Int? = nil) throws(PFrameError) -> Int32 {
            if let number = numbers[symbol] { return number }
            if vocabulary == nil, let line {
                throw PFrameError(.damaged, path: path, "line \(line): no merge before it makes '\(symbol)'")
            }
            throw PFrameError(.damaged, path: vocabulary ?? path, "has no number for '\(symbol)', which \(path) needs")
        }
        startToken = try number(Self.start)
        endToken = try number(Self.end)
        paddingToken = try padding.map { text throws(PFrameError) in try number(text) } ?? endToken
        var specials = [(text: Self.start, token: startToken), (text: Self.end, token: endToken)]
        if let padding { specials.append((text: padding, token: paddingToken)) }
        self.specials = specials
        var bytes = [Int32](repeating: 0, count: 512)
        for (symbol, place) in zip(alphabet, Self.byteOrder + Self.byteOrder.map { $0 + 256 }) {
            bytes[place] = try number(symbol)
        }
        self.bytes = bytes
        var merges: [Pair: (rank: Int, result: Int32)] = [:]
        for (rank, pair) in pairs.enumerated() {
            let parts = try Pair(left: number(pair.left, line: rank + 2), right: number(pair.right, line: rank + 2))
            merges[parts] = (rank, try number(pair.left + pair.right, line: rank + 2))
        }
        self.merges = merges
    }

    /// The numbers of a text: start, words, end, padding; a text that is too long keeps its beginning.
    ///
    /// - Parameters:
    ///   - length: numbers in all, at least 2; CLIP takes 77.
    ///   - padding: what follows the end.
    package func tokens(_ text: String, length: Int = 77, padding: Padding = .own) -> [Int32] {
        precondition(length >= 2, "no room for start and end")
        var tokens = [startToken]
        var rest = text.unicodeScalars[...]
        while !rest.isEmpty, tokens.count < length {
            let special = specials.compactMap { text, token in
                rest.firstRange(of: text.unicodeScalars).map { (range: $0, token: token) }
            }.min { $0.range.lowerBound < $1.range.lowerBound }
            for word in CLIPWords(rest[..<(special?.range.lowerBound ?? rest.endIndex)]) where tokens.count < length {
                tokens += encode(word)
            }
            if let special { tokens.append(special.token) }
            rest = rest[(special?.range.upperBound ?? rest.endIndex)...]
        }
        tokens = tokens.prefix(length - 1) + [endToken]
        return tokens + repeatElement(padding == .own ? paddingToken : 0, count: length - tokens.count)
    }

    /// The numbers of a word.
    private func encode(_ word: [UInt8]) -> [Int32] {
        var symbols = word.map { bytes[Int($0)] }
        symbols[symbols.count - 1] = bytes[256 + Int(word[word.count - 1])]
        while true {
            var best: (pair: Pair, rank: Int, result: Int32)?
            for (left, right) in zip(symbols, symbols.dropFirst()) {
                let pair = Pair(left: left, right: right)
                guard let merge = merges[pair], merge.rank < best?.rank ?? .max else { continue }
                best = (pair, merge.rank, merge.result)
            }
            guard let best else { return symbols }
            var merged: [Int32] = []
            var index = 0
            while index < symbols.count {
                let isPair =
                    index + 1 < symbols.count
                    && Pair(left: symbols[index], right: symbols[index + 1]) == best.pair
                merged.append(isPair ? best.result : symbols[index])
                index += isPair ? 2 : 1
            }
            symbols = merged
        }
    }

    /// Bytes in the order of their numbers: first those that are printable in Latin-1, then the others.
    private static let byteOrder: [Int] = {
        let printable = Array(0x21...0x7E) + Array(0xA1...0xAC) + Array(0xAE...0xFF)
        return printable + (0...0xFF).filter { !printable.contains($0) }
    }()

    /// How the files write the bytes, in the same order: printable ones as themselves, the others from U+0100 on.
    private static var byteSymbols: [String] {
        byteOrder.enumerated().map { place, byte in
            let value = place < 188 ? byte : 0x100 + place - 188
            return Unicode.Scalar(UInt32(value)).map { String($0) } ?? ""
        }
    }

    /// The merges of a file, without its first line.
    private static func pairs(_ path: FilePath) throws(PFrameError) -> [(left: String, right: String)] {
        let file = try MappedFile(path)
        return try file.withBytes { bytes throws(PFrameError) in
            if bytes.starts(with: [0x1F, 0x8B]) {
                throw PFrameError(
                    .unsupported, path: path, "is packed: unpack it with gunzip, and name the unpacked file")
            }
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw PFrameError(.damaged, path: path, "is not UTF-8 text: a list of merges is expected")
            }
            let lines = text.unicodeScalars.split(omittingEmptySubsequences: false) { $0 == "\n" }
            guard lines[0].firstRange(of: "#version".unicodeScalars) != nil else {
                throw PFrameError(.damaged, path: path, "is not a list of merges: its first line has no '#version'")
            }
            var pairs: [(left: String, right: String)] = []
            for (index, line) in lines.dropFirst().prefix(mergeLimit).enumerated() {
                let parts = line.split(omittingEmptySubsequences: false) { $0 == " " }
                // The file ends with a line feed, or with several.
                if line.isEmpty, lines.dropFirst(index + 1).allSatisfy(\.isEmpty) { break }
                guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
                    throw PFrameError(
                        .damaged, path: path, "line \(index + 2): two symbols and a space between are expected")
                }
                pairs.append((String(parts[0]), String(parts[1])))
            }
            return pairs
        }
    }

    /// The numbers that a `vocab.json` gives to symbols.
    private static func numbers(_ path: FilePath) throws(PFrameError) -> [String: Int32] {
        let json = try JSONValue(ofFile: path)
        guard let numbers = json.vocabulary else {
            throw PFrameError(
                .damaged, path: path, "is not a vocabulary: an object of symbols and their numbers is expected")
        }
        return numbers
    }
}

/// The words of a text as CLIP splits it: composed (NFC), in lower case, as UTF-8.
///
/// Contractions (`'s 't 're 've 'm 'll 'd`), runs of letters, single digits, and runs of what is neither nor white space.
private struct CLIPWords: Sequence, IteratorProtocol {
    private enum Kind { case space, letter, digit, other }

    private static let contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"].map { Array($0.unicodeScalars) }
    private let scalars: [Unicode.Scalar]
    private var position = 0

    init(_ text: Substring.UnicodeScalarView) {
        // utf8proc 2.8 loses a U+11A7 behind a Hangul syllable; nothing composes or changes places across one.
        let parts = text.split(separator: "\u{11A7}", omittingEmptySubsequences: false)
        let composed = parts.map { Self.composed(String($0)) }.joined(separator: "\u{11A7}")
        scalars = composed.unicodeScalars.flatMap(\.properties.lowercaseMapping.unicodeScalars)
    }

    /// A text in canonical composition (NFC) by utf8proc, because the standard library keeps its own for Foundation.
    ///
    /// Marks that Unicode has got since the version that utf8proc knows (15 in Debian 12) stay where they are.
    private static func composed(_ text: String) -> String {
        var text = text
        let composed = text.withUTF8 { bytes -> String? in
            guard bytes.contains(where: { $0 >= 0x80 }) else { return nil }
            var composed: UnsafeMutablePointer<UInt8>?
            defer { free(composed) }
            let options = utf8proc_option_t(UTF8PROC_STABLE.rawValue | UTF8PROC_COMPOSE.rawValue)
            let count = utf8proc_map(bytes.baseAddress, bytes.count, &composed, options)
            precondition(count >= 0, "no memory")
            return String(decoding: UnsafeBufferPointer(start: composed, count: count), as: UTF8.self)
        }
        return composed ?? text
    }

    mutating func next() -> [UInt8]? {
        while position < scalars.count, Self.kind(scalars[position]) == .space { position += 1 }
        guard position < scalars.count else { return nil }
        let start = position
        let kind = Self.kind(scalars[start])
        position += 1
        if let contraction = Self.contractions.first(where: { scalars[start...].starts(with: $0) }) {
            position = start + contraction.count
        } else if kind != .digit {
            while position < scalars.count, Self.kind(scalars[position]) == kind { position += 1 }
        }
        return scalars[start..<position].flatMap { UTF8.encode($0) ?? UTF8.encodedReplacementCharacter }
    }

    private static func kind(_ scalar: Unicode.Scalar) -> Kind {
        if scalar.properties.isWhitespace { return .space }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: return .letter
        case .decimalNumber, .letterNumber, .otherNumber: return .digit
        default: return .other
        }
    }
}
