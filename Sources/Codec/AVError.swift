import CFFmpeg
import Storage
import SystemPackage

/// The one funnel for libav* return codes: returns `code` where it is not negative.
///
/// - Throws: `PFrameError` with the text of `av_strerror`.
@discardableResult
func check(_ code: Int32, _ path: FilePath?, _ doing: String) throws(PFrameError) -> Int32 {
    guard code < 0 else { return code }
    throw PFrameError(errorCode(code), path: path, "\(doing): \(reason(code))")
}

/// The allocation functions of libav* return nil only when memory is short.
func allocated<T>(_ pointer: T?, _ path: FilePath? = nil) throws(PFrameError) -> T {
    guard let pointer else { throw PFrameError(.full, path: path, "out of memory") }
    return pointer
}

/// The kind of error that a negative return code of libav* stands for.
func errorCode(_ code: Int32) -> PFrameError.Code {
    switch pframe_kind_of_error(code) {
    case PFRAME_ERROR_DAMAGED: .damaged
    case PFRAME_ERROR_UNSUPPORTED: .unsupported
    case PFRAME_ERROR_MISSING: .missing
    case PFRAME_ERROR_REFUSED: .refused
    case PFRAME_ERROR_USAGE: .usage
    case PFRAME_ERROR_INTERRUPTED: .interrupted
    // The rest are the system's numbers, negated, and failures of libav* and of servers, which no number of the system is.
    default: PFrameError.Code(Errno(rawValue: -code))
    }
}

/// The text of `av_strerror` for a negative return code.
func reason(_ code: Int32) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
        guard let text = buffer.baseAddress, av_strerror(code, text, 256) == 0 else { return "error \(code)" }
        return String(cString: text)
    }
}
