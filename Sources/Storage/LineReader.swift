package import SystemPackage

/// Reads the lines of a text file one after the other, in little memory however long the file is.
package final class LineReader {
    private let path: FilePath
    private let descriptor: FileDescriptor
    private var buffer = [UInt8](repeating: 0, count: 1 << 16)
    /// The bytes of the buffer that were read from the file and not yet given.
    private var rest = 0..<0
    /// Lines so far.
    package private(set) var count = 0

    /// Opens a file.
    ///
    /// - Throws: `PFrameError` if it cannot be opened.
    package init(path: FilePath) throws(PFrameError) {
        self.path = path
        do { descriptor = try FileDescriptor.open(path, .readOnly, options: .closeOnExec) } catch {
            throw PFrameError(error, path: path, "cannot read")
        }
    }

    deinit {
        // Nothing was written: a failing close loses nothing.
        _ = try? descriptor.close()
    }

    /// The next line without its line feed, nil at the end.
    ///
    /// - Throws: `PFrameError` if the file cannot be read.
    package func next() throws(PFrameError) -> Substring? {
        var line: [UInt8] = []
        while true {
            if let end = buffer[rest].firstIndex(of: UInt8(ascii: "\n")) {
                line += buffer[rest.lowerBound..<end]
                rest = (end + 1)..<rest.upperBound
                break
            }
            line += buffer[rest]
            do {
                rest = 0..<(try buffer.withUnsafeMutableBytes { try descriptor.read(into: $0) })
            } catch {
                throw PFrameError(error, path: path, "cannot read")
            }
            guard rest.isEmpty else { continue }
            if line.isEmpty { return nil }
            break
        }
        count += 1
        return Substring(decoding: line, as: UTF8.self)
    }
}

@available(*, unavailable)
extension LineReader: Sendable {}
