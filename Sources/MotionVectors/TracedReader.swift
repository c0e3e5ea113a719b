public import Codec
public import Storage

/// Reads the pictures of a video, or of a span of it, in display order, and traces points of a picture back to an earlier
/// one along the vectors of the stream.
///
/// ```swift
/// var decoding = DecoderOptions()     // with vectors, at coded size
/// let video = try TracedReader(VideoReader(path: "clip.mp4", options: decoding))
/// while let picture = try video.next() { … }
/// let place = video.source(of: SIMD2(320, 180), in: 12, from: 9)
/// ```
public final class TracedReader {
    private let reader: VideoReader
    private let rule: PredictionRule
    private let inference: ReferenceInference
    private var references: ReferencePictures?
    private var size: Size?
    private var corner = SIMD2<Double>.zero
    private var vectors: [MotionVector] = []
    private var rows: [MotionRow] = []
    private var waiting = DecodeOrder<Waiting>()
    private var finished = DisplayOrder<Waiting>()
    /// Pictures to give that wait for their turn in decode order.
    private var unfinished = 0
    /// What the reader calls the first picture to give: pictures before a span count too.
    private var first: Int?
    private var hasEnded = false
    private var trails = MotionTrails()
    /// Pictures that no other predicts from: their references are found if a point of theirs is traced.
    private var pending: [Int: Pending] = [:]
    /// Damage up to the picture that `next` gave last, counted as `VideoReader.damaged`.
    public private(set) var damaged = 0

    private struct Waiting {
        var picture: Picture
        var record: FrameRecord
        /// Whether it lies before the span, in it, or after it.
        var place: VideoReader.Place
        /// What the reader had counted when it gave the picture.
        var damaged: Int
    }

    private struct Pending {
        var picture: Picture
        var candidates: [ReferencePicture]
    }

    /// Prepares to read.
    ///
    /// - Parameter reader: at its start, with vectors and without cropping (`DecoderOptions`).
    /// - Throws: `PFrameError` for a codec that has no exported vectors.
    public init(_ reader: VideoReader) throws(PFrameError) {
        guard let rule = reader.stream.predictionRule else {
            throw PFrameError(
                .unsupported, path: reader.path,
                "libavcodec exports no motion vectors of \(reader.stream.codecName); \(Self.remedy)")
        }
        (self.reader, self.rule, inference) = (reader, rule, ReferenceInference(rule: rule))
    }

    private static let remedy = "the motion sources search and h264 take any codec"

    /// The visible part of the next picture in display order, nil at the end.
    ///
    /// - Throws: `PFrameError` for pixels whose references cannot be found (H.264 other than 8-bit 4:2:0), or short memory.
    public func next() throws(PFrameError) -> Picture? {
        while true {
            if let frame = finished.pop() {
                damaged = frame.damaged
                return try frame.picture.visible()
            }
            if hasEnded {
                damaged = reader.damaged
                return nil
            }
            if let (picture, place) = try reader.nextDecoded() {
                // Pictures of the span may predict from some after it.
                hasEnded = place == .after && unfinished == 0
                if !hasEnded { try accept(picture, place) }
            } else {
                hasEnded = true
            }
            // A picture may predict from one that is shown after it: all are looked at in decode order.
            while let next = waiting.pop(isComplete: hasEnded) { process(next) }
        }
    }

    /// Where a point of a picture lies in an earlier one; nil if no vectors lead there.
    ///
    /// - Parameters:
    ///   - point: in pixels of the visible part, (0, 0) the top left corner of its first pixel.
    ///   - picture: a number in display order, from 0, that `next` has given.
    ///   - earlier: a number that is not greater.
    public func source(of point: SIMD2<Double>, in picture: Int, from earlier: Int) -> SIMD2<Double>? {
        let (picture, earlier) = (picture + (first ?? 0), earlier + (first ?? 0))
        if let found = pending.removeValue(forKey: picture) { keep(found.picture, picture, found.candidates) }
        return trails.source(of: point + corner, in: picture, from: earlier).map { $0 - corner }
    }

    /// Frees the vectors that will not be needed.
    ///
    /// - Parameters:
    ///   - earliest: the first picture that points will be traced to.
    ///   - candidates: of the pictures that `next` has given, those that points may be traced from.
    public func keep(from earliest: Int, _ candidates: [Int]) {
        let first = first ?? 0
        trails.forget(upTo: earliest + first)
        let given = finished.next
        pending = pending.filter { $0.key - first >= given || candidates.contains($0.key - first) }
    }

    private func accept(_ picture: Picture, _ place: VideoReader.Place) throws(PFrameError) {
        let display = reader.delivered - 1
        if place == .inside {
            first = first ?? display
            unfinished += 1
        }
        if picture.size != size { try begin(picture) }
        let record = FrameRecord(
            picture, display: display, packet: picture.packetNumber.map { reader.packets[$0] },
            timeBase: reader.stream.timeBase, vectors: 0)
        waiting.insert(
            Waiting(picture: picture, record: record, place: place, damaged: reader.damaged), number: record.decode)
    }

    /// Begins with pictures of another size: nothing predicts from those before.
    private func begin(_ picture: Picture) throws(PFrameError) {
        let isReadable = picture.format == .yuv420p || picture.format == .yuv420pFullRange
        guard rule != .h264 || isReadable else {
            throw PFrameError(
                .unsupported, path: reader.path,
                "pixel format \(picture.formatName) is not supported with the stream's own motion (8-bit 4:2:0 is); "
                    + Self.remedy)
        }
        while let next = waiting.pop(isComplete: true) { process(next) }
        references = ReferencePictures(capacity: rule == .h264 ? reader.referenceFrames : 2)
        trails.removeAll()
        pending.removeAll()
        size = picture.size
        let visible = try picture.visible().size
        corner = SIMD2(
            Double(picture.size.width - picture.crop.right - visible.width),
            Double(picture.size.height - picture.crop.bottom - visible.height))
    }

    private func process(_ next: Waiting) {
        let (picture, record) = (next.picture, next.record)
        if next.place == .inside {
            finished.insert(next, at: record.display - (first ?? 0))
            unfinished -= 1
        }
        references?.advance(to: record.decode, reader.packets)
        let candidates = references?.entries ?? []
        let isTrusted = record.type != .intra && !record.isInterlaced && !record.isDamaged
        // No trail leads on from a picture before the span.
        if isTrusted, !candidates.isEmpty, next.place != .before {
            if record.isReference {
                keep(picture, record.display, candidates)
            } else {
                pending[record.display] = Pending(picture: picture, candidates: candidates)
            }
        }
        if record.isReference { references?.insert(picture, display: Int32(record.display)) }
    }

    /// Finds the references of a picture's vectors, and keeps the vectors.
    private func keep(_ picture: Picture, _ display: Int, _ candidates: [ReferencePicture]) {
        picture.readMotionVectors(into: &vectors)
        rows.removeAll(keepingCapacity: true)
        for vector in vectors { rows.append(MotionRow(frame: Int32(display), vector: vector)) }
        rows.withUnsafeMutableBufferPointer { rows in
            inference.infer(rows, of: picture, from: candidates)
            trails.insert(rows, of: display, size: picture.size)
        }
    }
}

@available(*, unavailable)
extension TracedReader: Sendable {}
