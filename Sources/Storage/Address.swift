import Glibc
public import SystemPackage

// A `FilePath` says where a video is: in a file, on a server, or in standard input. A path keeps one slash where an
// address has two, so an address is packed into a path by ``init(address:)`` and comes out by ``address``.
extension FilePath {
    /// The schemes of the servers that PFrame reads from.
    private static let schemes = ["http", "https", "s3"]
    /// Stands for a slash that a path would lose: one after a slash, and one at the end.
    private static let slash: Unicode.Scalar = "\u{10FD2F}"

    /// Whether a text is an address that PFrame reads from.
    package static func isAddress(_ text: some StringProtocol) -> Bool {
        schemes.contains { text.hasPrefix($0 + "://") }
    }

    /// Takes `http://…`, `https://…` and `s3://…` as addresses, and all else as a path of the file system.
    public init(location text: String) { self = Self.isAddress(text) ? FilePath(address: text) : FilePath(text) }

    /// Packs an address, so that no character of it is lost.
    package init(address: String) {
        let parts = address.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
        var scalars = String.UnicodeScalarView()
        var last: Unicode.Scalar = "/"
        let rest = Array(String(parts.last ?? "").unicodeScalars)
        for (place, scalar) in rest.enumerated() {
            let isLost = scalar == "/" && (last == "/" || place == rest.count - 1)
            scalars.append(isLost ? Self.slash : scalar)
            last = scalar
        }
        self.init("\(parts[0])/\(String(scalars))")
    }

    /// The address that this path stands for, `https://host/clip.mp4`; nil for a path of the file system.
    public var address: String? {
        let isCandidate = withPlatformString { name in
            Self.schemes.contains { scheme in
                let length = scheme.utf8.count
                return strncmp(name, scheme + ":", length + 1) == 0 && [0, 0x2F].contains(name[length + 1])
            }
        }
        guard isCandidate else { return nil }
        let text = string
        let scheme = text.prefix { $0 != ":" }
        let scalars = text.dropFirst(scheme.count + 2).unicodeScalars.map { $0 == Self.slash ? "/" : $0 }
        var rest = String.UnicodeScalarView()
        rest.append(contentsOf: scalars)
        return "\(scheme)://\(String(rest))"
    }

    /// Whether this is `-`, standard input. A file of that name is `./-`.
    public var isStandardInput: Bool { self == "-" }

    /// The path for people and for files: an address without passwords and signatures, and `stdin` for `-`.
    public var shown: String {
        if isStandardInput { return "stdin" }
        return address.map(RemoteAddress.withoutSecrets) ?? string
    }

    /// The name of the file without folders: of an address without its query, `%20` and the like decoded.
    public var fileName: String? {
        guard let address else { return isStandardInput ? "stdin" : lastComponent?.string }
        let isS3 = address.hasPrefix("s3://")
        let place = isS3 ? address[...] : address.prefix { $0 != "?" && $0 != "#" }
        guard let name = place.split(separator: "/").last else { return nil }
        let decoded = isS3 ? String(name) : RemoteAddress.percentDecoded(name)
        let isPlain =
            !["", ".", ".."].contains(decoded) && !decoded.unicodeScalars.contains { $0 == "/" || $0.value < 0x20 }
        return isPlain ? decoded : String(name)
    }

    /// Why a name cannot name a file here, with the remedy; nil for every other name.
    ///
    /// Ask only if no file has the name. A path keeps one `/` of `https://host/clip.mp4`.
    public var nameOfNoFile: String? {
        if isStandardInput { return "is standard input, which is not read here: name a file" }
        if address != nil { return "is an address, and a file is wanted here: download it first" }
        guard isRelative, components.count > 1, let first = components.first?.string, first.hasSuffix(":"),
            first.count > 2, first.dropLast().allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "+") })
        else { return nil }
        return "is an address that PFrame does not read: give http://…, https://… or s3://…, or download it first"
    }
}
