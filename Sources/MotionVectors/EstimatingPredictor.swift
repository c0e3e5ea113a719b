import Codec
import Storage

/// Estimates vectors (`search`, `h264`) between displayed pictures, each against the one before, and predicts from them.
final class EstimatingPredictor: FramePredictor {
    private let options: ExtractionOptions
    private let compensator: MotionCompensator
    private let search: BlockSearch
    private let reencoded: ReencodedMotion?
    private var residuals: ResidualPool
    private var previous: DecodedFrame?
    private var previousField: MotionField?
    private var trace: (motion: AccumulatedMotion, origin: Picture)?

    init(size: Size, options: ExtractionOptions) throws(PFrameError) {
        self.options = options
        compensator = try MotionCompensator(size: size, rule: .h264)
        residuals = ResidualPool(size: size)
        var search = BlockSearch()
        search.radius = options.radius
        self.search = search
        reencoded = options.source == .h264 ? try ReencodedMotion(size: size, radius: options.radius) : nil
    }

    func accept(
        _ decoded: DecodedFrame, packets: [PacketRecord], emit: (ExtractedFrame) -> Void
    ) throws(PFrameError) {
        var frame = decoded
        let field = try estimate(frame.picture)
        previousField = field
        frame.rows = field?.motionRows(frame: frame.display, reference: frame.display - 1) ?? []
        frame.record.vectors = frame.rows.count
        let last = previous
        previous = frame

        var residual: Residual?
        if options.residual {
            let values = residuals.take()
            if let last {
                frame.rows.withUnsafeMutableBufferPointer { rows in
                    compensator.predict(rows, from: [ReferencePicture(display: last.display, picture: last.picture)])
                }
                values.subtract(compensator.prediction, from: frame.picture)
            } else {
                values.subtract(nil, from: frame.picture)
            }
            residual = values
        }
        var accumulatedResidual: Residual?
        if options.accumulate {
            let motion = trace?.motion
            let next = frame.rows.withUnsafeMutableBufferPointer { rows in
                motion.map { motion in AccumulatedMotion(motion, rows: rows) { _ in motion } }
                    ?? AccumulatedMotion(identity: frame.picture.size, origin: frame.record.display)
            }
            let origin = trace?.origin ?? frame.picture
            trace = (next, origin)
            if options.residual {
                let values = residuals.take()
                next.subtract(origin: origin, from: frame.picture, into: values)
                accumulatedResidual = values
            }
        }
        emit(
            ExtractedFrame(
                record: frame.record, rows: frame.rows, picture: frame.picture, residual: residual,
                accumulated: trace?.motion, accumulatedResidual: accumulatedResidual))
    }

    /// Share of `h264`'s blocks that block search had to fill, 0…1; nil for `search` itself.
    var searchedShare: Double? {
        reencoded.map { $0.blocks > 0 ? Double($0.replacedBlocks) / Double($0.blocks) : 0 }
    }

    func finish(packets: [PacketRecord], emit: (ExtractedFrame) -> Void) {}

    private func estimate(_ picture: Picture) throws(PFrameError) -> MotionField? {
        if let reencoded { return try reencoded.next(picture) }
        return previous.map { search.field(of: picture, against: $0.picture, previous: previousField) }
    }
}
