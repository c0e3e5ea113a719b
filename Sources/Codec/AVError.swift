import CFFmpeg
import Storage
import SystemPackage

/// The one funnel for libav* return codes: returns `code` where it is not negative.
///
/// - Throws: `CodecError` with the text of `av_strerror`.
@discardableResult
func check(_ code: Int32, _ path: FilePath?, _ doing: String) throws(CodecError) -> Int32 {
    guard code < 0 else { return code }
    throw CodecError(path: path, "\(doing): \(reason(code))")
}

/// The allocation functions of libav* return nil only when memory is short.
func allocated<T>(_ pointer: T?, _ path: FilePath? = nil) throws(CodecError) -> T {
    guard let pointer else { throw CodecError(path: path, "out of memory") }
    return pointer
}

/// The text of `av_strerror` for a negative return code.
func reason(_ code: Int32) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
        guard let text = buffer.baseAddress, av_strerror(code, text, 256) == 0 else { return "error \(code)" }
        return String(cString: text)
    }
}
