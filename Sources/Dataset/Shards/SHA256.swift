import COpenSSL

/// SHA-256 (FIPS 180-4) of bytes that come in pieces, by OpenSSL's `EVP_DigestUpdate`.
final class SHA256 {
    private let context: OpaquePointer

    init() {
        // OpenSSL's own digests fail for want of memory alone.
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
            fatalError("OpenSSL has no memory for SHA-256")
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Adds bytes.
    func update(_ bytes: UnsafeRawBufferPointer) {
        let code = EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
        precondition(code == 1, "EVP_DigestUpdate failed")
    }

    /// Adds bytes.
    func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes(update) }

    /// The digest of all bytes so far, 64 hexadecimal digits; more may be added after it.
    var digest: String {
        let copy = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(copy) }
        var bytes = [UInt8](repeating: 0, count: 32)
        guard EVP_MD_CTX_copy_ex(copy, context) == 1, EVP_DigestFinal_ex(copy, &bytes, nil) == 1 else {
            fatalError("OpenSSL has no memory for SHA-256")
        }
        return bytes.map { SampleColumns.hexadecimal(UInt64($0)).suffix(2) }.joined()
    }

    /// The digest of some bytes, 64 hexadecimal digits.
    static func digest(of bytes: [UInt8]) -> String {
        let hash = SHA256()
        hash.update(bytes)
        return hash.digest
    }
}
