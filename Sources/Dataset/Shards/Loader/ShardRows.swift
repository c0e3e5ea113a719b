import Glibc
package import Storage
import Synchronization
package import SystemPackage

/// The rows of a shard, each parsed when it is asked for: the first batch needs a few of many.
package final class ShardRows: Sendable {
    private let text: [UInt8]
    private let path: FilePath
    /// Where each line ends.
    private let ends: [Int]
    /// Where the samples lie whose rows were parsed.
    private let extents: Mutex<[Int: Range<Int>]> = Mutex([:])

    /// Takes over the text of a row file.
    ///
    /// - Throws: `PFrameError` where it has another number of lines than `count`, or the last is cut off.
    package init(text: [UInt8], path: FilePath, count: Int) throws(PFrameError) {
        var ends: [Int] = []
        ends.reserveCapacity(count)
        text.withUnsafeBytes { text in
            guard let base = text.baseAddress else { return }
            var start = 0
            while start < text.count, let feed = memchr(base + start, 0x0A, text.count - start) {
                ends.append(UnsafeRawPointer(feed) - base)
                start = ends[ends.count - 1] + 1
            }
        }
        let rest = ends.last.map { $0 + 1 } ?? 0
        guard rest == text.count else { throw PFrameError(path: path, offset: rest, "the last row is cut off") }
        guard ends.count == count else {
            throw PFrameError(path: path, "\(ends.count) rows where dataset.json says \(count)")
        }
        (self.text, self.path, self.ends) = (text, path, ends)
    }

    /// Samples of the shard.
    package var count: Int { ends.count }

    /// Parses a row.
    ///
    /// - Throws: `PFrameError` where it is damaged.
    package func row(_ index: Int) throws(PFrameError) -> ShardRow {
        let start = index == 0 ? 0 : ends[index - 1] + 1
        let value = try JSONValue(text[start..<ends[index]], path: path, offset: start)
        let row = try ShardRow(value, path: path, offset: start)
        guard row.size < Int.max - row.offset else {
            throw PFrameError(path: path, offset: start, "a row without a valid \"size\"")
        }
        extents.withLock { $0[index] = row.offset..<(row.offset + row.size) }
        return row
    }

    /// Where a sample lies in the shard.
    ///
    /// - Throws: `PFrameError` where its row is damaged.
    package func extent(_ index: Int) throws(PFrameError) -> Range<Int> {
        if let known = extents.withLock({ $0[index] }) { return known }
        let row = try row(index)
        return row.offset..<(row.offset + row.size)
    }
}
