import CFFmpeg
package import Storage

/// A compressed packet: the owner of an `AVPacket`, reused from read to read.
package struct Packet: ~Copyable {
    let raw: UnsafeMutablePointer<AVPacket>

    /// An empty packet.
    package init() throws(PFrameError) {
        raw = try allocated(av_packet_alloc())
    }

    deinit {
        var owned: UnsafeMutablePointer<AVPacket>? = raw
        av_packet_free(&owned)
    }

    /// Presentation time in the stream's time base, nil if the container has none.
    package var presentationTime: Int? { raw.pointee.pts == pframe_no_pts() ? nil : Int(raw.pointee.pts) }

    /// Whether decoding can start here.
    package var isKey: Bool { raw.pointee.flags & AV_PKT_FLAG_KEY != 0 }

    /// The payload, lent.
    package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
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
