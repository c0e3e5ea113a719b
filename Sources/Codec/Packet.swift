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

    /// Decoding time in the stream's time base, nil if the container has none.
    package var decodingTime: Int? { raw.pointee.dts == pframe_no_pts() ? nil : Int(raw.pointee.dts) }

    /// Whether decoding can start here.
    package var isKey: Bool { raw.pointee.flags & AV_PKT_FLAG_KEY != 0 }

    /// Whether the container hides its picture: it is decoded, because others predict from it, and not shown. Edit lists
    /// of MP4 hide pictures (`AV_PKT_FLAG_DISCARD`).
    package var isHidden: Bool { raw.pointee.flags & AV_PKT_FLAG_DISCARD != 0 }

    /// Lends the codec's parameters that hold from this packet on, where the container sends new ones
    /// (`AV_PKT_DATA_NEW_EXTRADATA`); nil where it sends none.
    @discardableResult
    package func withNewExtradata<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result? {
        var size = 0
        guard let data = av_packet_get_side_data(raw, AV_PKT_DATA_NEW_EXTRADATA, &size), size > 0 else { return nil }
        return body(UnsafeRawBufferPointer(start: data, count: size))
    }

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
