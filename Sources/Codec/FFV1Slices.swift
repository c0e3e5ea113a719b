import CFFmpeg
import Storage

/// Checks the slices of an FFV1 version 3 packet (RFC 9043, 4.8 and 4.9).
enum FFV1Slices {
    /// Bytes after a slice: its size (24 bits), an error status, and a CRC-32.
    private static let footer = 8

    /// Whether every slice of a picture has the CRC that it carries; false for a packet without slices.
    static func areIntact(_ packet: UnsafeRawBufferPointer) -> Bool {
        guard let base = packet.baseAddress, let table = av_crc_get_table(AV_CRC_32_IEEE) else { return false }
        var end = packet.count
        // Slices are found from the last to the first, each by the size in its footer; the CRC covers its own bytes too.
        while end >= footer {
            let size = Int(packet[end - 8]) << 16 | Int(packet[end - 7]) << 8 | Int(packet[end - 6])
            let start = end - footer - size
            guard start >= 0 else { return false }
            let bytes = (base + start).assumingMemoryBound(to: UInt8.self)
            guard av_crc(table, 0, bytes, end - start) == 0 else { return false }
            end = start
        }
        return end == 0 && !packet.isEmpty
    }
}
