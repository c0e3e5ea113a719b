import Glibc

/// The address of a file on a server, and what a request for the file needs.
package struct RemoteAddress: Sendable {
    /// The address as it was given, for messages.
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
        self.name = name
        guard name.hasPrefix("s3://") else {
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
