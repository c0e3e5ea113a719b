public import Storage
public import SystemPackage

/// Where a data set is.
public enum ShardSource: Sendable, Equatable, CustomStringConvertible {
    /// A folder.
    case folder(FilePath)
    /// The address of a folder on an HTTP(S) server that gives ranges of bytes, or `s3://BUCKET/FOLDER`.
    case server(String)
    /// A shell command in which `{}` stands for the name of a file, and which prints that file.
    case command(String)

    /// Accepts `http://…`, `https://…`, `s3://…`, `pipe:COMMAND` with `{}`, or the path of a folder.
    ///
    /// - Throws: `PFrameError` for a command without `{}`, and for other addresses.
    public init(_ argument: String) throws(PFrameError) {
        if FilePath.isAddress(argument) {
            self = .server(argument)
        } else if argument.hasPrefix("pipe:") {
            let command = String(argument.dropFirst("pipe:".count))
            guard command.contains("{}") else {
                throw PFrameError(.usage, "\(argument): has no {} for the name of a file")
            }
            self = .command(command)
        } else if FilePath(argument).nameOfNoFile != nil, argument.contains("://") {
            throw PFrameError(
                .usage, path: nil,
                "\(argument): is an address that PFrame does not read; give http://…, https://…, s3://…, or a command that "
                    + "prints a file, such as 'pipe:gcloud storage cat gs://bucket/set/{}'")
        } else {
            self = .folder(FilePath(argument))
        }
    }

    /// As ``init(_:)`` reads it.
    public var description: String {
        switch self {
        case .folder(let path): path.string
        case .server(let address): address
        case .command(let command): "pipe:" + command
        }
    }

    /// A file of the set, as messages name it: its path, its address, or the command that prints it.
    package func location(of name: String) -> String {
        switch self {
        case .folder(let path): path.appending(name).string
        case .server(let address): RemoteAddress.joined(address, name)
        case .command(let command): Self.command(command, name)
        }
    }

    private static func command(_ template: String, _ name: String) -> String {
        let isPlain = name.unicodeScalars.allSatisfy(isPlain)
        // In single quotes nothing is special to a shell but their end.
        let quoted =
            isPlain
            ? name
            : "'"
                + name.split(separator: "'", omittingEmptySubsequences: false)
                .joined(separator: "'\\''") + "'"
        return template.split(separator: "{}", omittingEmptySubsequences: false).joined(separator: quoted)
    }

    /// Letters, digits, and signs that mean nothing to a shell.
    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "-", ".", "_": true
        default: false
        }
    }
}
