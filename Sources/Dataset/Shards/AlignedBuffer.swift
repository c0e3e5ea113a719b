import Glibc

/// Memory that is used again and again, at addresses that suit vector instructions and large pages.
package final class AlignedBuffer {
    private(set) var bytes: UnsafeMutableRawBufferPointer
    private static let largePage = 1 << 21

    package init(count: Int) { bytes = Self.allocate(count) }

    deinit { bytes.deallocate() }

    /// Makes room for `count` bytes and keeps the first `used`.
    package func grow(to count: Int, keeping used: Int) {
        guard count > bytes.count else { return }
        let larger = Self.allocate(max(count, bytes.count * 2))
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<used]))
        bytes.deallocate()
        bytes = larger
    }

    private static func allocate(_ count: Int) -> UnsafeMutableRawBufferPointer {
        let isLarge = count >= largePage
        let alignment = isLarge ? largePage : 4096
        let size = max(1, (count + alignment - 1) / alignment) * alignment
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: alignment)
        // A refusal costs time and nothing else.
        if isLarge { madvise(memory.baseAddress, size, MADV_HUGEPAGE) }
        return memory
    }
}
