import CFFmpeg
import Storage

/// Owns an `AVCodecContext`, of a decoder or an encoder.
struct CodecContext: ~Copyable {
    let raw: UnsafeMutablePointer<AVCodecContext>

    init(_ codec: UnsafePointer<AVCodec>?) throws(CodecError) {
        pframe_silence_log()
        raw = try allocated(avcodec_alloc_context3(codec))
    }

    deinit {
        var owned: UnsafeMutablePointer<AVCodecContext>? = raw
        avcodec_free_context(&owned)
    }
}
