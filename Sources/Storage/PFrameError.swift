import Glibc
public import SystemPackage

/// What went wrong: its kind, where, what was expected, and what was found.
public struct PFrameError: Error, Sendable, CustomStringConvertible {
    /// The kinds of errors, for programs to branch on. Messages are for people, and may change.
    public enum Code: String, Sendable, CaseIterable {
        /// A file, a folder, or what is asked for in one (a stream, a frame, a sample, a column) is not there.
        case missing
        /// What is there is cut off, has another checksum, or is not what its format or the files beside it say.
        case damaged
        /// A codec, a format, a version or a size that this PFrame, or this FFmpeg, does not handle.
        case unsupported
        /// Permissions, a read-only file system, a server or encryption forbid it.
        case refused
        /// Another process is at it: wait, or choose another folder.
        case busy
        /// A server does not answer, is busy or breaks off, after all tries: the same may succeed later.
        case unreachable
        /// The disk, the quota or the memory is full.
        case full
        /// Files or options, each good by itself, do not fit each other: a folder holds something else.
        case conflict
        /// An option or an argument makes no sense.
        case usage
        /// Someone asked for the end of the work.
        case interrupted
        /// Anything else: the disk fails, the connection breaks, a program ends badly.
        case failed
    }

    /// The kind.
    public let code: Code
    /// The file or folder; nil for work in memory, and where an address or a command stands in the message.
    public let path: FilePath?
    /// The place in the file, in bytes from its start, where one is known.
    public let offset: Int?
    /// One line: what was expected, what was found, and the remedy if there is one.
    public let message: String

    /// Creates an error, about `path` where there is one.
    public init(_ code: Code, path: FilePath? = nil, offset: Int? = nil, _ message: String) {
        (self.code, self.path, self.offset, self.message) = (code, path, offset, message)
    }

    /// Creates an error of no closer kind than ``Code-swift.enum/failed``.
    public init(path: FilePath? = nil, offset: Int? = nil, _ message: String) {
        self.init(.failed, path: path, offset: offset, message)
    }

    /// Creates an error from that of the system: `doing: error`.
    package init(_ error: any Error, path: FilePath? = nil, offset: Int? = nil, _ doing: String) {
        self.init(Code(error), path: path, offset: offset, "\(doing): \(error)")
    }

    /// An error of the same kind about another file.
    package func about(_ path: FilePath?) -> PFrameError { PFrameError(code, path: path, message) }

    /// An error of the same kind and place in other words.
    package func saying(_ message: String) -> PFrameError {
        PFrameError(code, path: path, offset: offset, message)
    }

    /// What the message of a server's refusal says before its number.
    static let answer = "cannot open: HTTP "

    /// Whether a server said that it does not give the file.
    package var isAnswerOfServer: Bool { message.contains(Self.answer) }

    /// `path: at byte N: message`, an address without passwords and signatures.
    public var description: String {
        (path.map { "\($0.shown): " } ?? "") + (offset.map { "at byte \($0): " } ?? "") + message
    }
}

extension PFrameError.Code {
    /// The kind of an error of the system (`errno`), or of another error.
    package init(_ error: any Error) {
        guard let number = error as? Errno else {
            self = (error as? PFrameError)?.code ?? .failed
            return
        }
        self =
            switch number.rawValue {
            case ENOENT, ENOTDIR, ENXIO, ENODEV: .missing
            case EACCES, EPERM, EROFS: .refused
            case ENOSPC, EDQUOT, EFBIG, ENOMEM: .full
            case EAGAIN, EBUSY, ETXTBSY: .busy
            case EISDIR, EINVAL, ENAMETOOLONG, ELOOP, EXDEV: .usage
            case EEXIST, ENOTEMPTY: .conflict
            case EOPNOTSUPP, ENOSYS, EPROTONOSUPPORT: .unsupported
            case EINTR, ECANCELED: .interrupted
            case EBADMSG, EILSEQ: .damaged
            default: .failed
            }
    }
}
