import Storage
import SystemPackage

/// Merges and vocabulary of a `tokenizer.json` of Hugging Face's tokenizers, checked to describe CLIP's tokenizer.
struct TokenizerFile {
    /// Pairs of symbols, the first to merge first.
    let merges: [(left: String, right: String)]
    /// The number of each symbol.
    let numbers: [String: Int32]

    /// Reads a file.
    ///
    /// - Throws: `PFrameError` if the file cannot be read, or describes another tokenizer, naming the key.
    init(_ path: FilePath) throws(PFrameError) {
        let json = try JSONValue(ofFile: path)
        func expect(_ key: String, _ found: String, _ expected: String) throws(PFrameError) {
            guard found != expected else { return }
            throw PFrameError(
                .unsupported, path: path, "\(key) is \(found); CLIP's tokenizer, which is read here, has \(expected)")
        }
        let model = json["model"]
        try expect("model.type", (model?["type"]).text, "BPE")
        try expect("model.end_of_word_suffix", (model?["end_of_word_suffix"]).text, "</w>")
        try expect("normalizer", Self.types(json["normalizer"], "normalizers"), "NFC, Replace, Lowercase")
        try expect("pre_tokenizer", Self.types(json["pre_tokenizer"], "pretokenizers"), "Split, ByteLevel")
        let plain: [(String, JSONValue)] = [
            ("dropout", .null), ("byte_fallback", .bool(false)), ("ignore_merges", .bool(false)),
        ]
        for (key, expected) in plain {
            if let value = model?[key], value != expected { try expect("model.\(key)", value.json(), expected.json()) }
        }
        guard let numbers = model?["vocab"]?.vocabulary else {
            throw PFrameError(
                .damaged, path: path, "model.vocab is not an object of symbols and their numbers")
        }
        self.numbers = numbers
        guard let list = model?["merges"]?.array else {
            throw PFrameError(.damaged, path: path, "model.merges is not a list")
        }
        var merges: [(left: String, right: String)] = []
        for (index, merge) in list.enumerated() {
            let parts = merge.array?.compactMap(\.string) ?? merge.string?.split(separator: " ").map(String.init) ?? []
            guard parts.count == 2 else {
                throw PFrameError(.damaged, path: path, "model.merges, entry \(index): two symbols are expected")
            }
            merges.append((parts[0], parts[1]))
        }
        self.merges = merges
    }

    /// The types of the parts of a sequence.
    private static func types(_ value: JSONValue?, _ key: String) -> String {
        value?[key]?.array?.map { $0["type"].text }.joined(separator: ", ") ?? (value?["type"]).text
    }
}

extension JSONValue? {
    /// The string, or what else stands there as JSON.
    fileprivate var text: String { self?.string ?? self?.json() ?? "null" }
}

extension JSONValue {
    /// Numbers of symbols, where this is an object of them; nil for anything else.
    var vocabulary: [String: Int32]? {
        guard let members else { return nil }
        let numbers = members.compactMapValues { $0.int.flatMap { Int32(exactly: $0) } }
        return numbers.count == members.count && numbers.values.allSatisfy { $0 >= 0 } ? numbers : nil
    }

    /// What a file holds.
    ///
    /// - Throws: `PFrameError` with the place in the file, if the file cannot be read or is not JSON.
    init(ofFile path: FilePath) throws(PFrameError) {
        let file = try MappedFile(path)
        self = try file.withBytes { bytes throws(PFrameError) in
            do throws(PFrameError) { return try JSONValue(bytes, path: path) } catch {
                throw PFrameError(.damaged, path: path, "at byte \(error.offset ?? 0): \(error.message)")
            }
        }
    }
}
