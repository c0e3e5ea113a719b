package import SystemPackage

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
    /// - Parameter progress: told the bytes of each piece.
    /// - Throws: `DatasetError` where the file cannot be read.
    package static func sha256(_ path: FilePath, progress: (Int) -> Void = { _ in }) throws(DatasetError) -> String {
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
            throw DatasetError(path: path, "cannot read: \(error)")
        }
        return hash.digest
    }
}
