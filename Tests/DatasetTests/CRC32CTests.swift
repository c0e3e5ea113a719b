import Dataset
import Storage
import TestSupport
import Testing

/// CRC-32C against published values and the definition, bit by bit.
@Suite struct CRC32CTests {
    private func plain(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        var crc = ~UInt32(0)
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82F6_3B78 : crc >> 1 }
        }
        return ~crc
    }

    @Test func equalsPublishedValues() {
        func crc(_ bytes: [UInt8]) -> UInt32 { bytes.withUnsafeBytes { CRC32C.of($0) } }
        // RFC 3720, appendix B.4.
        #expect(crc(Array("123456789".utf8)) == 0xE306_9283)
        #expect(crc([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(crc([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
        #expect(crc(Array(0..<32)) == 0x46DD_794E)
        #expect(crc([]) == 0)
    }

    /// Lengths about the borders of blocks that implementations take at once, at every alignment.
    @Test(arguments: [
        0, 1, 7, 8, 9, 63, 64, 65, 127, 128, 255, 256, 257, 511, 513, 767, 768, 769, 1536, 24_575, 24_576, 24_577,
        25_344, 50_000,
    ])
    func equalsTheDefinition(_ length: Int) {
        var random = SplitMix64(seed: UInt64(length))
        let bytes = (0..<(length + 8)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        for start in 0..<(length > 1000 ? 2 : 8) {
            let part = bytes[start..<(start + length)]
            let expected = plain(part)
            bytes.withUnsafeBytes { all in
                let raw = UnsafeRawBufferPointer(rebasing: all[start..<(start + length)])
                #expect(CRC32C.of(raw) == expected)
                var inParts = CRC32C()
                inParts.update(UnsafeRawBufferPointer(rebasing: raw[..<(length / 3)]))
                inParts.update(UnsafeRawBufferPointer(rebasing: raw[(length / 3)...]))
                #expect(inParts.value == expected)
            }
        }
    }
}
