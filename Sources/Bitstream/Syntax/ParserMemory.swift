/// What the parsing of a picture needs beside the picture: made once for a picture size, used for every slice.
final class ParserMemory {
    let width: Int
    let height: Int
    let scratch: UnsafeMutablePointer<UInt8>
    let counts = NeighbourCounts()
    let bottomCounts: UnsafeMutablePointer<UInt8>
    let differences = [NeighbourDifferences(), NeighbourDifferences()]
    /// By list, then column of macroblocks, four each.
    let bottomDifferences: UnsafeMutablePointer<UInt16>
    /// The coefficients of the macroblock that is parsed.
    let levels: UnsafeMutablePointer<Int16>

    init(width: Int, height: Int) {
        (self.width, self.height) = (width, height)
        scratch = .zeros(1024)
        bottomCounts = .zeros(width * NeighbourCounts.bottomSize)
        bottomDifferences = .zeros(width * 8)
        levels = .zeros(MacroblockLevels.size)
    }

    deinit {
        scratch.deallocate()
        counts.base.deallocate()
        bottomCounts.deallocate()
        for list in differences { list.deallocate() }
        bottomDifferences.deallocate()
        levels.deallocate()
    }
}

extension UnsafeMutablePointer where Pointee: BitwiseCopyable {
    /// New memory of zeros.
    static func zeros(_ count: Int) -> Self {
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: count * MemoryLayout<Pointee>.stride, alignment: max(16, MemoryLayout<Pointee>.alignment))
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: count * MemoryLayout<Pointee>.stride)
        return memory.bindMemory(to: Pointee.self, capacity: count)
    }
}

/// Where the levels of a macroblock lie: luma 4×4 block n from 16 · n on or 8×8 block n from 64 · n on, then chroma AC,
/// Cb before Cr, then the DC levels of luma, Cb and Cr. Places in a block are raster places. PCM samples lie from 0 on.
enum MacroblockLevels {
    static let chromaAC = 256
    static let lumaDC = 384
    static let chromaDC = 400
    static let size = 416
}

/// The orders of coefficients.
struct Scans: @unchecked Sendable {
    // @unchecked: nothing writes through the pointers.
    let zigzag4x4 = StandardTables.zigzag4x4.map { UInt8($0) }.permanentCopy()
    let zigzag8x8 = StandardTables.zigzag8x8.map { UInt8($0) }.permanentCopy()
    let chromaDC = [UInt8](0..<4).permanentCopy()
    /// Column + 4 · row of each 4×4 block of a macroblock, in coding order (6.4.3).
    let blocks = [UInt8]([0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15]).permanentCopy()

    static let shared = Scans()
}
