import CFFmpeg
import Storage

/// A compressed packet: the owner of an `AVPacket`, reused from read to read.
struct Packet: ~Copyable {
    let raw: UnsafeMutablePointer<AVPacket>

    init() throws(PFrameError) {
        raw = try allocated(av_packet_alloc())
    }

    deinit {
        var owned: UnsafeMutablePointer<AVPacket>? = raw
        av_packet_free(&owned)
    }

    /// The payload, lent.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        body(UnsafeRawBufferPointer(start: raw.pointee.data, count: Int(raw.pointee.size)))
    }
}

/// What is kept of a packet once it went into the decoder.
package struct PacketRecord: Sendable {
    /// Presentation time in the stream's time base, nil if the container has none.
    package var pts: Int?
    /// Decoding time in the stream's time base, nil if the container has none.
    package var dts: Int?
    /// Bytes of the packet.
    package var size: Int
    /// Whether later pictures may predict from this one (H.264: `nal_ref_idc` > 0; others: not B).
    package var isReference: Bool
    /// H.264 IDR: nothing after it predicts from anything before it.
    package var isIDR: Bool
    /// The sequence allows MBAFF.
    package var isMBAFF: Bool
    /// The container or the decoder found the packet damaged, or the decoder the picture that it gave.
    package var isDamaged: Bool
}
