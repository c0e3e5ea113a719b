import Storage

/// Something that is not as it should be in a data set.
public struct Finding: Sendable, Equatable, CustomStringConvertible {
    /// The file's name in the data set.
    public let file: String
    /// The place in the file, in bytes from its start, where one is known.
    public let offset: Int?
    /// The key of the sample, where it is one's.
    public let sample: String?
    /// What should be there.
    public let expected: String
    /// What is there.
    public let found: String
    /// What to do about it.
    public let remedy: String

    /// Creates a finding.
    public init(
        file: String, offset: Int? = nil, sample: String? = nil, expected: String, found: String, remedy: String
    ) {
        (self.file, self.offset, self.sample) = (file, offset, sample)
        (self.expected, self.found, self.remedy) = (expected, found, remedy)
    }

    /// The same with another remedy.
    func remedied(_ remedy: String) -> Finding {
        Finding(file: file, offset: offset, sample: sample, expected: expected, found: found, remedy: remedy)
    }

    /// `FILE: at byte N: sample KEY: expected …, found …: remedy`.
    public var description: String {
        "\(file): " + (offset.map { "at byte \($0): " } ?? "") + (sample.map { "sample \($0): " } ?? "")
            + "expected \(expected), found \(found): \(remedy)"
    }
}
