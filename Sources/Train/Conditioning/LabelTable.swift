public import Dataset
public import SystemPackage

/// The distinct labels of a data set's column, in alphabetical order, and their numbers.
public struct LabelTable: Sendable, Equatable {
    /// The labels; each stands at its number.
    public let labels: [String]
    private let indices: [String: Int]

    /// Collects the labels of all samples.
    public init(_ labels: some Sequence<String>) { self.init(sorted: Set(labels).sorted()) }

    private init(sorted labels: [String]) {
        self.labels = labels
        indices = Dictionary(uniqueKeysWithValues: labels.enumerated().map { ($1, $0) })
    }

    /// Reads what `json` made.
    ///
    /// - Throws: `TrainError` about `path` where the value is no table of labels.
    public init(_ json: JSONValue, path: FilePath?) throws(TrainError) {
        self.init(sorted: try json.distinctTexts("labels", path: path))
    }

    /// `{"labels": […]}`.
    public var json: JSONValue { .object(["labels": .list(labels.map { .text($0) })]) }

    /// The number of a label, 0 or above; nil for one that the data set does not have.
    public func index(of label: String) -> Int? { indices[label] }
}

extension JSONValue {
    /// The texts in the list that `key` names, each there once.
    ///
    /// - Throws: `TrainError` about `path` where it is no such list.
    func distinctTexts(_ key: String, path: FilePath?) throws(TrainError) -> [String] {
        guard let values = self[key]?.array else { throw TrainError(path: path, "a list of \(key) is expected") }
        var (texts, seen): ([String], Set<String>) = ([], [])
        for (index, value) in values.enumerated() {
            guard let text = value.string else {
                throw TrainError(path: path, "\(key)[\(index)] is \(value.json()): a text is expected")
            }
            guard seen.insert(text).inserted else {
                throw TrainError(path: path, "\(key)[\(index)] is '\(text)', which was there before")
            }
            texts.append(text)
        }
        return texts
    }
}
