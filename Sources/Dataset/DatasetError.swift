public import Codec
public import SystemPackage

/// What went wrong with a data set: where, what was expected, and what was found.
public struct DatasetError: Error, Sendable, CustomStringConvertible {
    /// The file or folder.
    public let path: FilePath?
    /// The place in the file, in bytes from its start, where one is known.
    public let offset: Int?
    /// One line: what was expected, what was found, and where there is one, the remedy.
    public let message: String

    /// Creates an error about `path`.
    public init(path: FilePath?, offset: Int? = nil, _ message: String) {
        self.path = path
        self.offset = offset
        self.message = message
    }

    /// Carries an error of a video or a file over.
    public init(_ error: CodecError) {
        self.init(path: error.path, error.message)
    }

    /// `path: at byte N: message`.
    public var description: String {
        (path.map { "\($0): " } ?? "") + (offset.map { "at byte \($0): " } ?? "") + message
    }
}

/// Runs work that throws `CodecError` where `DatasetError` is expected.
func carrying<Result: ~Copyable>(_ body: () throws(CodecError) -> Result) throws(DatasetError) -> Result {
    do throws(CodecError) { return try body() } catch { throw DatasetError(error) }
}
