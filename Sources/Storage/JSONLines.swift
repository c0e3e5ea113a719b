/// The lines of a `.jsonl` text that hold something, with their places.
package struct JSONLines: Sequence, IteratorProtocol {
    private let text: [UInt8]
    private var start = 0

    /// Goes through `text` from its start.
    package init(_ text: [UInt8]) { self.text = text }

    /// The next line without its line feed, the last one with or without.
    package mutating func next() -> (offset: Int, text: ArraySlice<UInt8>)? {
        while start < text.count {
            let offset = start
            let end = text[start...].firstIndex(of: 0x0A) ?? text.count
            start = end + 1
            if end > offset { return (offset, text[offset..<end]) }
        }
        return nil
    }
}
