import Codec
import Storage

/// Turns decoded pictures and their vectors into extracted frames: references, prediction, residual, accumulation.
protocol FramePredictor: AnyObject {
    /// Takes the next picture in display order; finished frames go to `emit` as soon as they are, in any order.
    func accept(
        _ frame: DecodedFrame, packets: [PacketRecord], emit: (ExtractedFrame) -> Void
    ) throws(PFrameError)
    /// No picture follows.
    func finish(packets: [PacketRecord], emit: (ExtractedFrame) -> Void)
}

/// A decoded picture with what the decoder says of it.
struct DecodedFrame {
    let picture: Picture
    var record: FrameRecord
    var rows: [MotionRow]
    /// What the bitstream says of it, where it is followed.
    var syntax: PictureSyntax?
    /// Whether it is delivered. One that is not, as it lies outside of the span that is extracted, is only predicted from.
    var isDelivered = true

    var display: Int32 { Int32(record.display) }

    /// Whether the bitstream tells how it is predicted. A damaged picture is what libavcodec makes of it, unless only the
    /// bitstream was asked.
    func isExact(_ source: MotionSource) -> Bool {
        guard let syntax else { return false }
        return source == .bitstream || !(syntax.isDamaged || record.isDamaged)
    }
}

/// Residuals in flight, used again once nobody holds them.
struct ResidualPool {
    let size: Size
    private var all: [Residual] = []

    init(size: Size) { self.size = size }

    /// A residual that nobody else holds; its values are left over.
    mutating func take() -> Residual {
        for index in all.indices where isKnownUniquelyReferenced(&all[index]) { return all[index] }
        let fresh = Residual(size: size)
        all.append(fresh)
        return fresh
    }
}
