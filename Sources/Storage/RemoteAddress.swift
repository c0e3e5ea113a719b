import Glibc

/// The address of a file on a server, and what a request for the file needs.
package struct RemoteAddress: Sendable {
    /// The address for messages: as it was given, without passwords and signatures.
    package let name: String
    /// The address that libcurl asks for; of scheme `http` or `https`.
    let url: String
    /// The keys of an `s3://` address; nil for requests without a signature.
    let signature: Signature?
    /// Whether the address began with `s3://`.
    let isS3: Bool

    /// What AWS's Signature Version 4 signs requests with.
    struct Signature: Sendable {
        let region: String
        let key: String
        let secret: String
        /// Belongs to keys that expire.
        let token: String?
    }

    /// Takes `http://…` and `https://…` as they are, and finds out where `s3://bucket/key` is.
    ///
    /// For `s3://` the environment has the keys (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`; without
    /// them requests are not signed), the region (`AWS_REGION`, `AWS_DEFAULT_REGION`, or `us-east-1`), and for servers
    /// other than Amazon's their address (`AWS_ENDPOINT_URL`), in whose path the bucket's name then stands.
    ///
    /// - Parameters:
    ///   - name: percent-encoded where it is no `s3://` address.
    ///   - variable: gives a variable of the environment.
    /// - Throws: `RemoteError` if the address lacks a bucket or a key, or the variables do not fit together.
    package init(
        _ name: String, variable: (String) -> String? = { getenv($0).map { String(cString: $0) } }
    ) throws(RemoteError) {
        self.name = Self.withoutSecrets(name)
        guard name.hasPrefix("s3://") else {
            let host = name.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false).dropFirst(2).first
            guard host?.prefix(while: { $0 != "/" }).isEmpty == false else {
                throw RemoteError("\(name): http://HOST/FILE is expected", code: .usage)
            }
            (url, signature, isS3) = (name, nil, false)
            return
        }
        isS3 = true
        let parts = name.dropFirst("s3://".count).split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
            throw RemoteError("\(name): s3://BUCKET/KEY is expected", code: .usage)
        }
        let (bucket, key) = (String(parts[0]), Self.percentEncoded(String(parts[1])))
        func set(_ name: String) -> String? { variable(name).flatMap { $0.isEmpty ? nil : $0 } }
        let region = set("AWS_REGION") ?? set("AWS_DEFAULT_REGION") ?? "us-east-1"
        if let endpoint = set("AWS_ENDPOINT_URL") {
            guard endpoint.hasPrefix("http://") || endpoint.hasPrefix("https://") else {
                throw RemoteError(
                    "AWS_ENDPOINT_URL=\(endpoint): an address with http:// or https:// is expected", code: .usage)
            }
            url = endpoint + (endpoint.hasSuffix("/") ? "" : "/") + "\(bucket)/\(key)"
        } else if bucket.contains(".") {
            // The certificate of *.s3.REGION.amazonaws.com does not cover a name with more dots.
            url = "https://s3.\(region).amazonaws.com/\(bucket)/\(key)"
        } else {
            url = "https://\(bucket).s3.\(region).amazonaws.com/\(key)"
        }
        switch (set("AWS_ACCESS_KEY_ID"), set("AWS_SECRET_ACCESS_KEY")) {
        case (let id?, let secret?):
            signature = Signature(region: region, key: id, secret: secret, token: set("AWS_SESSION_TOKEN"))
        case (nil, nil): signature = nil
        case (nil, _): throw RemoteError("AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not", code: .usage)
        case (_, nil): throw RemoteError("AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not", code: .usage)
        }
    }

    /// The address of a file beside a file of a server; the query of the address stays at the end.
    ///
    /// - Parameters:
    ///   - base: the address of a folder.
    ///   - name: the file's path below it, not percent-encoded.
    package static func joined(_ base: String, _ name: String) -> String {
        // Keys of a bucket are no addresses: `?` and `%` mean nothing there.
        if base.hasPrefix("s3://") { return base + (base.hasSuffix("/") ? "" : "/") + name }
        let query = base.firstIndex { $0 == "?" || $0 == "#" } ?? base.endIndex
        let folder = base[..<query]
        return folder + (folder.hasSuffix("/") ? "" : "/") + percentEncoded(name) + base[query...]
    }

    /// The address of the folder that a file lies in; the query of the address stays at the end.
    package static func folder(of file: String) -> String {
        let query =
            file.hasPrefix("s3://") ? file.endIndex : file.firstIndex { $0 == "?" || $0 == "#" } ?? file.endIndex
        let place = file[..<query]
        let host = place.firstRange(of: "://").map(\.upperBound) ?? place.startIndex
        let end = place[host...].lastIndex(of: "/") ?? place.endIndex
        return "\(place[..<end])\(file[query...])"
    }

    /// An address without user, password, and the parameters of its query that sign or grant access, for messages and for
    /// files.
    package static func withoutSecrets(_ address: String) -> String {
        guard !address.hasPrefix("s3://"), let scheme = address.firstRange(of: "://") else { return address }
        let rest = address[scheme.upperBound...]
        let hostEnd = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        let host = rest[..<hostEnd].lastIndex(of: "@").map { rest[rest.index(after: $0)...] } ?? rest
        guard let mark = host.firstIndex(of: "?") else { return "\(address[..<scheme.upperBound])\(host)" }
        let end = host[mark...].firstIndex(of: "#") ?? host.endIndex
        let kept = host[host.index(after: mark)..<end].split(separator: "&").filter { !isSecret($0) }
        let query = kept.isEmpty ? "" : "?" + kept.joined(separator: "&")
        return "\(address[..<scheme.upperBound])\(host[..<mark])\(query)\(host[end...])"
    }

    /// Whether a parameter of a query signs a request or grants access: `X-Amz-Signature=…`, `token=…`. The time until
    /// which it does so changes with every signature too.
    private static func isSecret(_ parameter: Substring) -> Bool {
        let name = parameter.prefix { $0 != "=" }.lowercased().filter { $0 != "_" && $0 != "-" }
        let words = ["signature", "token", "credential", "password", "secret", "apikey", "accesskey", "xamz", "xgoog"]
        return words.contains { name.contains($0) } || ["sig", "auth", "expires", "policy", "keypairid"].contains(name)
    }

    /// A text with `%XX` as the byte that it stands for, where all together are UTF-8; else as it is.
    static func percentDecoded(_ text: some StringProtocol) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(2)
            if byte == UInt8(ascii: "%"), digits.count == 2,
                digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self) ?? String(text)
    }

    /// A name with every byte but RFC 3986's unreserved ones and `/` as `%XX`.
    package static func percentEncoded(_ name: String) -> String {
        name.utf8.map { byte in
            switch Unicode.Scalar(byte) {
            case "a"..."z", "A"..."Z", "0"..."9", "-", ".", "_", "~", "/": return String(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                return "%" + (byte < 16 ? "0" : "") + digits
            }
        }.joined()
    }
}

/// Why a file on a server cannot be read.
package struct RemoteError: Error, Sendable {
    /// One line: the address, what went wrong, and where there is one, the remedy.
    package let message: String
    /// The kind of error.
    package let code: PFrameError.Code
    /// Whether the same request may succeed later.
    package let mayPass: Bool
    /// Seconds that the server asks to wait; 0 if it does not.
    package let wait: Double

    /// An error that no wait mends, unless `mayPass`.
    package init(_ message: String, code: PFrameError.Code = .failed, mayPass: Bool = false, wait: Double = 0) {
        (self.message, self.code, self.mayPass, self.wait) = (message, code, mayPass, wait)
    }
}
