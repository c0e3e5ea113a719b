import Codec
import Storage

/// Predicts pictures from the stream's own vectors, in decode order: by what the bitstream says of a picture, else by
/// libavcodec's vectors and inferred references.
final class StreamPredictor: FramePredictor {
    private let options: ExtractionOptions
    /// Whether the bitstream is followed.
    private let isFollowing: Bool
    private let inference: ReferenceInference
    private let compensator: MotionCompensator
    private var references: ReferencePictures
    /// Decoded pictures that the bitstream keeps, by the numbers of their packets.
    private var kept: [Int: ReferencePicture] = [:]
    private var order = DecodeOrder<DecodedFrame>()
    private var residuals: ResidualPool
    private var traces: [Int32: Trace] = [:]
    private var lastReference: Picture?
    /// The display indices of references that are not delivered: whoever rebuilds the pictures does not have them.
    private var undelivered: Set<Int32> = []

    /// Accumulated motion and the intra picture it leads back to.
    private struct Trace {
        let motion: AccumulatedMotion
        let origin: Picture
    }

    init(
        size: Size, rule: PredictionRule, referenceFrames: Int, options: ExtractionOptions, isFollowing: Bool
    ) throws(PFrameError) {
        (self.options, self.isFollowing) = (options, isFollowing)
        inference = ReferenceInference(rule: rule)
        compensator = try MotionCompensator(size: size, rule: rule)
        references = ReferencePictures(capacity: referenceFrames)
        residuals = ResidualPool(size: size)
    }

    func accept(
        _ frame: DecodedFrame, packets: [PacketRecord], emit: (ExtractedFrame) -> Void
    ) {
        order.insert(frame, number: frame.record.decode)
        while let next = order.pop(isComplete: false) { process(next, packets).map(emit) }
    }

    func finish(packets: [PacketRecord], emit: (ExtractedFrame) -> Void) {
        while let next = order.pop(isComplete: true) { process(next, packets).map(emit) }
    }

    /// The frame with what was predicted; nil if it is not delivered.
    private func process(_ frame: consuming DecodedFrame, _ packets: [PacketRecord]) -> ExtractedFrame? {
        references.advance(to: frame.record.decode, packets)
        guard frame.isDelivered else {
            if frame.record.isReference {
                references.insert(frame.picture, display: frame.display)
                undelivered.insert(frame.display)
            }
            keep(frame, frame.syntax?.kept)
            return nil
        }
        let laterKept = frame.syntax?.kept
        let (prediction, isCopy) = frame.isExact(options.source) ? predictExactly(&frame) : predict(&frame)
        let trace = options.accumulate ? trace(&frame) : nil
        keep(frame, laterKept)
        if frame.record.isReference {
            references.insert(frame.picture, display: frame.display)
            lastReference = frame.picture
            if let trace { traces[frame.display] = trace }
            let stored = Set(references.entries.map(\.display)).union(kept.values.map(\.display))
            traces = traces.filter { stored.contains($0.key) }
        }
        var residual: Residual?
        var accumulatedResidual: Residual?
        if options.residual {
            let values = residuals.take()
            values.subtract(prediction, from: frame.picture)
            residual = values
            if let trace {
                let values = residuals.take()
                trace.motion.subtract(origin: trace.origin, from: frame.picture, into: values)
                accumulatedResidual = values
            }
        }
        return ExtractedFrame(
            record: frame.record, rows: frame.rows, picture: frame.picture, residual: residual,
            copiesReference: isCopy, accumulated: trace?.motion, accumulatedResidual: accumulatedResidual,
            syntax: frame.syntax)
    }

    /// Keeps a picture as long as the bitstream does.
    private func keep(_ frame: DecodedFrame, _ numbers: [Int]?) {
        guard let numbers else { return }
        kept[frame.record.decode] = ReferencePicture(display: frame.display, picture: frame.picture)
        kept = kept.filter { numbers.contains($0.key) }
    }

    /// Takes the blocks, references and weights of the bitstream, and forms the prediction where residuals are asked for;
    /// nil if it is 0.
    private func predictExactly(_ frame: inout DecodedFrame) -> (Picture?, isCopy: Bool) {
        guard var syntax = frame.syntax.take() else { return (nil, false) }
        syntax.renumber(frame: frame.display) { number in
            guard let picture = kept[number], !undelivered.contains(picture.display) else { return MotionRow.unused }
            return picture.display
        }
        frame.rows = syntax.takeRows()
        frame.record.vectors = frame.rows.count
        // Field and MBAFF pictures are out of scope: this one is only marked for interlaced display.
        frame.record.isInterlaced = false
        frame.record.syntax = FrameSyntax(syntax)
        frame.syntax = syntax
        guard options.residual, !frame.rows.isEmpty else { return (nil, false) }
        frame.rows.withUnsafeMutableBufferPointer { rows in
            compensator.predict(
                rows, from: Array(kept.values), weights: RowWeights(syntax.indices, syntax.slices.map(\.weights)))
        }
        return (compensator.prediction, false)
    }

    /// Infers the frame's references and, where residuals are asked for, forms its prediction; nil if it is 0. Also
    /// tells whether it is a copy of the last reference picture.
    private func predict(_ frame: inout DecodedFrame) -> (Picture?, isCopy: Bool) {
        let result = predictInferring(&frame)
        if isFollowing {
            frame.record.syntax = FrameSyntax(frame.rows)
            frame.syntax = nil
        }
        return result
    }

    private func predictInferring(_ frame: inout DecodedFrame) -> (Picture?, isCopy: Bool) {
        let isTrusted =
            frame.record.type != .intra && !frame.record.isInterlaced && !frame.record.isDamaged
            && !references.entries.isEmpty
        guard isTrusted else {
            for index in frame.rows.indices { frame.rows[index].reference = MotionRow.unused }
            guard options.residual, frame.record.predictsUnmoved, let lastReference else {
                return (nil, false)
            }
            compensator.predictUnmoved(from: lastReference)
            return (compensator.prediction, true)
        }
        let picture = frame.picture
        frame.rows.withUnsafeMutableBufferPointer { rows in
            inference.infer(rows, of: picture, from: references.entries)
            for index in rows.indices where undelivered.contains(rows[index].reference) {
                rows[index].reference = MotionRow.unused
            }
            if options.residual { compensator.predict(rows, from: references.entries) }
        }
        return (options.residual ? compensator.prediction : nil, false)
    }

    private func trace(_ frame: inout DecodedFrame) -> Trace {
        let latest = references.entries.first { !undelivered.contains($0.display) }.flatMap { traces[$0.display] }
        guard frame.record.type != .intra, !frame.record.isDamaged, let latest else {
            let identity = AccumulatedMotion(identity: frame.picture.size, origin: frame.record.display)
            return Trace(motion: identity, origin: frame.picture)
        }
        guard !frame.record.isInterlaced else { return latest }
        let motion = frame.rows.withUnsafeMutableBufferPointer { rows in
            AccumulatedMotion(latest.motion, rows: rows) { display in
                // A reference from before the latest intra picture leads back to another origin: not comparable.
                traces[display].flatMap { $0.motion.origin == latest.motion.origin ? $0.motion : nil }
            }
        }
        return Trace(motion: motion, origin: latest.origin)
    }
}
