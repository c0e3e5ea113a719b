import CISAL
import COpenSSL
package import SystemPackage

/// SHA-256 (FIPS 180-4) of bytes that come in pieces, by OpenSSL's `EVP_DigestUpdate`.
package final class SHA256 {
    private let context: OpaquePointer

    package init() {
        // OpenSSL's own digests fail for want of memory alone.
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
            fatalError("OpenSSL has no memory for SHA-256")
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Adds bytes.
    package func update(_ bytes: UnsafeRawBufferPointer) {
        let code = EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
        precondition(code == 1, "EVP_DigestUpdate failed")
    }

    /// Adds bytes.
    package func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes(update) }

    /// The digest of all bytes so far, 64 hexadecimal digits; more may be added after it.
    package var digest: String {
        let copy = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(copy) }
        var bytes = [UInt8](repeating: 0, count: 32)
        guard EVP_MD_CTX_copy_ex(copy, context) == 1, EVP_DigestFinal_ex(copy, &bytes, nil) == 1 else {
            fatalError("OpenSSL has no memory for SHA-256")
        }
        return bytes.map { $0.zeroPadded(2, radix: 16) }.joined()
    }

    /// The digest of some bytes, 64 hexadecimal digits.
    package static func digest(of bytes: [UInt8]) -> String {
        let hash = SHA256()
        hash.update(bytes)
        return hash.digest
    }
}

/// The SHA-256 of a file.
package enum FileDigest {
    /// The hexadecimal digest of a file that lies in memory.
    package static func sha256(_ bytes: UnsafeRawBufferPointer) -> String {
        let hash = SHA256()
        hash.update(bytes)
        return hash.digest
    }

    /// The hexadecimal digest of a file, which is read in pieces.
    ///
    /// - Parameter progress: called with the bytes of each piece.
    /// - Throws: `PFrameError` if the file cannot be read.
    package static func sha256(_ path: FilePath, progress: (Int) -> Void = { _ in }) throws(PFrameError) -> String {
        let hash = SHA256()
        do {
            let descriptor = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
            try descriptor.closeAfter {
                var piece = [UInt8](repeating: 0, count: 1 << 20)
                while true {
                    let count = try piece.withUnsafeMutableBytes { try descriptor.read(into: $0) }
                    guard count > 0 else { return }
                    piece.withUnsafeBytes { hash.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
                    progress(count)
                }
            }
        } catch {
            throw PFrameError(error, path: path, "cannot read")
        }
        return hash.digest
    }
}

/// CRC-32C (Castagnoli), as iSCSI and ext4 use it, by ISA-L's `crc32_iscsi`; the check value of `"123456789"` is 0xE3069283.
package struct CRC32C: Sendable, Equatable {
    /// The checksum of all bytes so far.
    package private(set) var value: UInt32 = 0

    /// The checksum of no bytes.
    package init() {}

    /// Goes on with more bytes.
    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        value = pframe_crc32c(value, bytes.baseAddress, bytes.count)
    }

    /// The checksum of `bytes`.
    package static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        pframe_crc32c(0, bytes.baseAddress, bytes.count)
    }
}
