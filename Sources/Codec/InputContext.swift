import CFFmpeg
import Storage
import SystemPackage

/// Lets libavformat read the bytes of a video that is no local file (`AVIOContext`).
final class InputContext {
    private static let bufferSize = 1 << 16

    let bytes: any InputBytes
    /// Why bytes could not be read, once they could not. libavformat takes it for the end of the video, and goes on.
    private(set) var failure: PFrameError?
    private var position = 0
    private var context: UnsafeMutablePointer<AVIOContext>?

    init(_ bytes: any InputBytes) { self.bytes = bytes }

    deinit {
        guard let context else { return }
        av_free(context.pointee.buffer)
        var owned: UnsafeMutablePointer<AVIOContext>? = context
        avio_context_free(&owned)
    }

    /// The context, which lives as long as this object.
    ///
    /// - Throws: `PFrameError` when memory is short.
    func raw() throws(PFrameError) -> UnsafeMutablePointer<AVIOContext> {
        if let context { return context }
        let buffer = try allocated(av_malloc(Self.bufferSize)).assumingMemoryBound(to: UInt8.self)
        let made = avio_alloc_context(
            buffer, Int32(Self.bufferSize), 0, Unmanaged.passUnretained(self).toOpaque(),
            { opaque, buffer, count in
                guard let opaque, let buffer else { return -1 }
                let input = Unmanaged<InputContext>.fromOpaque(opaque).takeUnretainedValue()
                return input.read(UnsafeMutableRawBufferPointer(start: buffer, count: Int(count)))
            }, nil,
            { opaque, offset, whence in
                guard let opaque else { return -1 }
                return Unmanaged<InputContext>.fromOpaque(opaque).takeUnretainedValue().seek(offset, whence)
            })
        guard let made else {
            av_free(buffer)
            throw PFrameError(.full, "out of memory")
        }
        if bytes.readsForwards { made.pointee.seekable = 0 }
        context = made
        return made
    }

    private func read(_ buffer: UnsafeMutableRawBufferPointer) -> Int32 {
        guard failure == nil else { return pframe_averror_io() }
        do throws(PFrameError) {
            let count = try bytes.read(at: position, into: buffer)
            position += count
            return count > 0 ? Int32(count) : pframe_averror_eof()
        } catch {
            failure = error
            return pframe_averror_io()
        }
    }

    private func seek(_ offset: Int64, _ whence: Int32) -> Int64 {
        // Whoever reads forwards learns the size at the end.
        func size() -> Int? {
            guard !bytes.readsForwards else { return nil }
            do throws(PFrameError) { return try bytes.size() } catch {
                failure = error
                return nil
            }
        }
        let target: Int?
        switch whence & ~AVSEEK_FORCE {
        case AVSEEK_SIZE: return size().map(Int64.init) ?? Int64(pframe_averror_no_system_call())
        case SEEK_SET: target = Int(offset)
        case SEEK_CUR: target = position + Int(offset)
        case SEEK_END: target = size().map { $0 + Int(offset) }
        default: target = nil
        }
        guard let target, target >= 0 else { return Int64(pframe_averror_no_system_call()) }
        position = target
        return Int64(target)
    }
}
