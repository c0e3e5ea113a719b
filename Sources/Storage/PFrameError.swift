public import SystemPackage

/// An error: its place, what was expected, and what was found.
public struct PFrameError: Error, Sendable, CustomStringConvertible {
    /// The file or folder; nil for work in memory.
    public let path: FilePath?
    /// The place in the file, in bytes from its start, where one is known.
    public let offset: Int?
    /// One line: what was expected, what was found, and the remedy if there is one.
    public let message: String

    /// Creates an error, about `path` where there is one.
    public init(path: FilePath? = nil, offset: Int? = nil, _ message: String) {
        (self.path, self.offset, self.message) = (path, offset, message)
    }

    /// `path: at byte N: message`.
    public var description: String {
        (path.map { "\($0): " } ?? "") + (offset.map { "at byte \($0): " } ?? "") + message
    }
}

/// One error by the names of the rooms.
public typealias CodecError = PFrameError
/// One error by the names of the rooms.
public typealias DatasetError = PFrameError

extension PFrameError {
    public init(_ error: PFrameError) { self = error }
}
package func carrying<Result: ~Copyable>(_ body: () throws(PFrameError) -> Result) throws(PFrameError) -> Result {
    try body()
}
