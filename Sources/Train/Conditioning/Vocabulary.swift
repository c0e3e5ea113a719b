import Dataset
package import Storage
package import SystemPackage

/// The words of a data set's captions, and their numbers.
///
/// A word is a run of letters and digits of any script, with the marks on them, in lower case; everything else separates.
package struct Vocabulary: Sendable, Equatable {
    /// What captions are filled up with.
    package static let padding: Int32 = 0
    /// Stands for every word that is not in the vocabulary.
    package static let unknown: Int32 = 1
    private static let firstWord: Int32 = 2

    /// The words, the most frequent first, equally frequent ones in alphabetical order; the first has number 2.
    package let words: [String]
    private let numbers: [String: Int32]

    /// Numbers in use, padding and unknown words included.
    package var count: Int { words.count + Int(Self.firstWord) }

    /// Counts the words of all captions.
    ///
    /// - Parameters:
    ///   - limit: the most words to keep.
    ///   - minimumCount: how often a word must occur to be kept.
    package init(captions: some Sequence<String>, limit: Int = 10_000, minimumCount: Int = 1) {
        precondition(limit >= 0, "a limit below zero")
        var counts: [String: Int] = [:]
        for caption in captions { for word in Self.split(caption) { counts[word, default: 0] += 1 } }
        let kept = counts.filter { $0.value >= minimumCount }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        self.init(words: kept.prefix(limit).map(\.key))
    }

    private init(words: [String]) {
        self.words = words
        numbers = Dictionary(uniqueKeysWithValues: zip(words, Self.firstWord...))
    }

    /// Reads what `json` made.
    ///
    /// - Throws: `PFrameError` about `path` if the value is not a vocabulary.
    package init(_ json: JSONValue, path: FilePath?) throws(PFrameError) {
        self.init(words: try json.distinctTexts("words", path: path))
    }

    /// `{"words": […]}`.
    package var json: JSONValue { .object(["words": .list(words.map { .text($0) })]) }

    /// The numbers of a caption's words, cut off or padded to `length`.
    package func tokens(_ caption: String, length: Int) -> [Int32] {
        let tokens = Self.split(caption).prefix(length).map { numbers[$0] ?? Self.unknown }
        return tokens + repeatElement(Self.padding, count: length - tokens.count)
    }

    /// The words of a caption that are not in the vocabulary, each once, in the order of the caption.
    package func unknownWords(in caption: String) -> [String] {
        var seen: Set<String> = []
        return Self.split(caption).filter { numbers[$0] == nil && seen.insert($0).inserted }
    }

    /// The words of a caption.
    private static func split(_ caption: String) -> [String] {
        caption.lowercased().unicodeScalars.split { !isPartOfWord($0) }.map { String($0) }
    }

    private static func isPartOfWord(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        case .decimalNumber, .letterNumber, .otherNumber: true
        // Accents of decomposed letters, vowels of Indic scripts.
        case .nonspacingMark, .spacingMark, .enclosingMark: true
        default: false
        }
    }
}

/// The distinct labels of a data set's column, in alphabetical order, and their numbers.
package struct LabelTable: Sendable, Equatable {
    /// The labels, each at the index of its number.
    package let labels: [String]
    private let indices: [String: Int]

    /// Collects the labels of all samples.
    package init(_ labels: some Sequence<String>) { self.init(sorted: Set(labels).sorted()) }

    private init(sorted labels: [String]) {
        self.labels = labels
        indices = Dictionary(uniqueKeysWithValues: labels.enumerated().map { ($1, $0) })
    }

    /// Reads what `json` made.
    ///
    /// - Throws: `PFrameError` about `path` if the value is not a table of labels.
    package init(_ json: JSONValue, path: FilePath?) throws(PFrameError) {
        self.init(sorted: try json.distinctTexts("labels", path: path))
    }

    /// `{"labels": […]}`.
    package var json: JSONValue { .object(["labels": .list(labels.map { .text($0) })]) }

    /// The number of a label, 0 or above; nil if the data set does not have the label.
    package func index(of label: String) -> Int? { indices[label] }
}

extension JSONValue {
    /// The texts in the list that `key` names, each there once.
    ///
    /// - Throws: `PFrameError` about `path` if it is no such list.
    func distinctTexts(_ key: String, path: FilePath?) throws(PFrameError) -> [String] {
        guard let values = self[key]?.array else {
            throw PFrameError(.damaged, path: path, "a list of \(key) is expected")
        }
        var (texts, seen): ([String], Set<String>) = ([], [])
        for (index, value) in values.enumerated() {
            guard let text = value.string else {
                throw PFrameError(.damaged, path: path, "\(key)[\(index)] is \(value.json()): a text is expected")
            }
            guard seen.insert(text).inserted else {
                throw PFrameError(.damaged, path: path, "\(key)[\(index)] is '\(text)', which was there before")
            }
            texts.append(text)
        }
        return texts
    }
}
