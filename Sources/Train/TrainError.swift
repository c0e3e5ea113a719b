public import Storage
public import SystemPackage

/// An error of training, sampling or evaluation: its place, what was expected, and what was found.
public struct TrainError: Error, Sendable, CustomStringConvertible {
    /// The kind, for programs to branch on.
    public let code: PFrameError.Code
    /// The file or folder; nil if the error is about none.
    public let path: FilePath?
    /// One line: what was expected, what was found, and the remedy if there is one.
    public let message: String

    /// Creates an error, about `path` where there is one.
    public init(_ code: PFrameError.Code, path: FilePath? = nil, _ message: String) {
        (self.code, self.path, self.message) = (code, path, message)
    }

    /// Creates an error of no closer kind than ``PFrameError/Code-swift.enum/failed``.
    public init(path: FilePath? = nil, _ message: String) { self.init(.failed, path: path, message) }

    /// Carries an error of a library below over.
    public init(_ error: PFrameError) {
        self.init(error.code, path: error.path, (error.offset.map { "at byte \($0): " } ?? "") + error.message)
    }

    /// `path: message`.
    public var description: String { (path.map { "\($0): " } ?? "") + message }
}

/// Runs work on a data set where `TrainError` is expected.
package func reading<Result>(_ body: () throws(PFrameError) -> Result) throws(TrainError) -> Result {
    do throws(PFrameError) { return try body() } catch { throw TrainError(error) }
}
