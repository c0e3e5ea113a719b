import CFFmpeg
import Storage
import SystemPackage

/// Tells whether a file ends before its container does. Only what a container proves counts. The announced number of
/// pictures proves nothing, because edit lists, dropped frames and careless writers change it.
enum ContainerEnd {
    /// What lies beyond the end of a file, in words; nil if nothing is known to.
    ///
    /// - Parameters:
    ///   - stream: its index, as far as it was read, names the bytes of every picture (MP4, AVI).
    ///   - fileSize: in bytes; 0 where unknown.
    ///   - source: the file.
    /// - Throws: `PFrameError` if a server does not give its bytes.
    static func missing(
        _ stream: UnsafeMutablePointer<AVStream>, in source: InputSource, fileSize: Int
    ) throws(PFrameError) -> String? {
        guard fileSize > 0 else { return nil }
        if let end = try announced(source, fileSize: fileSize), end > fileSize {
            return "the file ends at byte \(fileSize), but its container ends at byte \(end)"
        }
        let count = avformat_index_get_entries_count(stream)
        let beyond = (0..<count).count { pframe_index_entry_end(stream, $0) > Int64(fileSize) }
        guard beyond > 0 else { return nil }
        let pictures = beyond == 1 ? "a picture of its index lies" : "\(beyond) pictures of its index lie"
        return pictures + " beyond the end of the file"
    }

    /// The byte where the pictures of an AVI, the segment of a Matroska file or the last fragment of an MP4 end by their
    /// own headers; nil where these do not say.
    private static func announced(_ source: InputSource, fileSize: Int) throws(PFrameError) -> Int? {
        switch source {
        case .bytes(let bytes): return try announced(.source(bytes), fileSize)
        case .file(let path):
            // The decoder has read the file already. A header that cannot be read again proves nothing, and closing a file
            // that was only read loses nothing.
            guard let file = try? FileDescriptor.open(path, .readOnly, options: .closeOnExec) else { return nil }
            defer { _ = try? file.close() }
            return try announced(.descriptor(file), fileSize)
        }
    }

    private static func announced(_ file: Headers, _ fileSize: Int) throws(PFrameError) -> Int? {
        let start = try file.bytes(at: 0, count: 4096)
        if start.starts(with: Array("RIFF".utf8)), start.dropFirst(8).starts(with: Array("AVI ".utf8)) {
            return try picturesEnd(file, fileSize)
        }
        if start.starts(with: [0x1A, 0x45, 0xDF, 0xA3]) { return segmentEnd(start) }
        if start.dropFirst(4).starts(with: Array("ftyp".utf8)) { return try lastFragmentEnd(file, fileSize) }
        return nil
    }

    /// The end of the pictures of an AVI: of the list `movi` among the chunks of its first `RIFF`, whose own size many
    /// writers get wrong by some bytes.
    private static func picturesEnd(_ file: Headers, _ fileSize: Int) throws(PFrameError) -> Int? {
        var place = 12
        while place + 12 <= fileSize {
            let header = try file.bytes(at: place, count: 12)
            guard header.count == 12 else { return nil }
            let size = header[4..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
            if header[8..<12].elementsEqual("movi".utf8) {
                // Writers that never came back, and files beyond 2 GB, have no size here.
                return (1..<0x7FFF_FF00).contains(size) ? place + 8 + size : nil
            }
            place += 8 + size + size % 2
        }
        return nil
    }

    /// The end of Matroska's segment (RFC 8794, 4 to 6): elements of an id, a size and their data.
    private static func segmentEnd(_ start: [UInt8]) -> Int? {
        var place = 0
        while place + 12 <= start.count {
            let isSegment = start[place...].starts(with: [0x18, 0x53, 0x80, 0x67])
            let idLength = start[place].leadingZeroBitCount + 1
            let first = place + idLength
            guard idLength <= 4, first < start.count else { return nil }
            let length = start[first].leadingZeroBitCount + 1
            guard length <= 8, first + length <= start.count else { return nil }
            let mask = Int(0xFF >> length)
            let size = start[first..<(first + length)].dropFirst().reduce(Int(start[first]) & mask) {
                $0 << 8 | Int($1)
            }
            // All ones: unknown, as of a live stream.
            guard size < (1 << (7 * length)) - 1 else { return nil }
            if isSegment { return first + length + size }
            place = first + length + size
        }
        return nil
    }

    /// The end of the last `moof` that begins in the file, whose pictures no index names if the file ends within it.
    private static func lastFragmentEnd(_ file: Headers, _ fileSize: Int) throws(PFrameError) -> Int? {
        var (place, end) = (0, Int?.none)
        while place + 8 <= fileSize {
            let header = try file.bytes(at: place, count: 16)
            guard header.count >= 8 else { break }
            var size = header[0..<4].reduce(0) { $0 << 8 | Int($1) }
            if size == 1, header.count == 16 {
                size = Int(clamping: header[8..<16].reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
            }
            let (next, isHuge) = place.addingReportingOverflow(size)
            guard size >= 8, !isHuge else { break }
            if header[4..<8].elementsEqual("moof".utf8) { end = next }
            place = next
        }
        return end
    }

    /// What the headers are read from.
    private enum Headers {
        case descriptor(FileDescriptor)
        case source(any InputBytes)

        /// Bytes of the file, fewer where it ends.
        func bytes(at offset: Int, count: Int) throws(PFrameError) -> [UInt8] {
            switch self {
            case .source(let source): return try source.bytes(at: offset, count: count)
            case .descriptor(let file):
                var buffer = [UInt8](repeating: 0, count: count)
                // A read that fails counts as the end of the file: it proves nothing about the pictures.
                let read =
                    (try? buffer.withUnsafeMutableBytes { try file.read(fromAbsoluteOffset: Int64(offset), into: $0) })
                    ?? 0
                return Array(buffer[..<read])
            }
        }
    }
}
