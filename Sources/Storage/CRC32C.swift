import CKernels

/// CRC-32C (Castagnoli), as iSCSI and ext4 use it; the check value of `"123456789"` is 0xE3069283.
public struct CRC32C: Sendable, Equatable {
    /// The checksum of all bytes so far.
    public private(set) var value: UInt32 = 0

    /// The checksum of no bytes.
    public init() {}

    /// Goes on with more bytes.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        value = pframe_crc32c(value, bytes.baseAddress, bytes.count)
    }

    /// The checksum of `bytes`.
    public static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        pframe_crc32c(0, bytes.baseAddress, bytes.count)
    }
}
