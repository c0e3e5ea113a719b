import Bitstream
import Codec
import Storage

/// Puts the pictures of a bitstream into display order, as rows of files.
struct BitstreamFrames {
    private let timeBase: Rational
    private let limit: Int
    private let keepsMacroblocks: Bool
    private let first: Picture
    private var order = DisplayOrder<(record: FrameRecord, syntax: PictureSyntax)>()
    private var residuals: ResidualPool
    private var lengths = (sum: 0.0, frames: 0)
    private var prediction = PredictionStatistics()
    /// The decoding times of all pictures, in decode order.
    private var decodingTimes: [Int?] = []
    /// The frames so far, in display order.
    private(set) var records: [FrameRecord] = []
    /// Whether a decoder may know better of the frames so far: one is damaged, has no time, or does not come after the
    /// frame before in time.
    private(set) var isDoubtful = false

    /// Begins a stream.
    ///
    /// - Parameters:
    ///   - timeBase: of its times.
    ///   - limit: the most frames to give; nil for all.
    ///   - first: the first picture, decoded.
    ///   - keepsMacroblocks: keep a row of every macroblock.
    init(timeBase: Rational, limit: Int?, first: Picture, keepsMacroblocks: Bool) {
        self.timeBase = timeBase
        self.limit = limit ?? .max
        self.first = first
        self.keepsMacroblocks = keepsMacroblocks
        residuals = ResidualPool(size: first.size)
    }

    /// Whether all frames that were asked for are there.
    var isComplete: Bool { records.count >= limit }

    var summary: ExtractionSummary {
        var summary = ExtractionSummary()
        summary.frames = records.count
        summary.vectors = records.reduce(0) { $0 + $1.vectors }
        summary.damaged = records.count { $0.isDamaged }
        summary.meanLength = lengths.sum / Double(max(1, lengths.frames))
        summary.intraShare = prediction.intraShare
        return summary
    }

    /// Takes a picture in decode order, of the first one's size; gives the frames whose turn it is. Hidden pictures, and
    /// those beyond the limit, are no frames: what predicts from them has no reference among the frames.
    mutating func insert(
        _ picture: BitstreamPicture, _ write: (FrameRecord, PictureSyntax) throws(PFrameError) -> Void
    ) throws(PFrameError) {
        decodingTimes.append(picture.decodingTime)
        guard (0..<limit).contains(picture.display) else { return }
        var syntax = PictureSyntax(
            picture, keepsMacroblocks: keepsMacroblocks, residual: picture.residual == nil ? nil : residuals.take())
        syntax.renumber(frame: Int32(truncatingIfNeeded: picture.display)) { number in
            (0..<limit).contains(number) ? Int32(truncatingIfNeeded: number) : MotionRow.unused
        }
        order.insert((FrameRecord(picture, syntax, timeBase: timeBase), syntax), at: picture.display)
        while !isComplete, let (record, syntax) = order.pop() {
            isDoubtful = isDoubtful || record.isDamaged || !follows(record)
            records.append(record)
            if !syntax.rows.isEmpty {
                lengths.sum += MotionStatistics.meanLength(syntax.rows)
                lengths.frames += 1
            }
            prediction.add(record, syntax.rows, size: first.size, crop: first.crop)
            try write(record, syntax)
        }
    }

    /// The frames with the times that a decoder gives them: where the container has no presentation times, or wrong ones,
    /// that is the decoding time of the packet that makes the decoder give the picture.
    ///
    /// - Parameter delay: how many later packets the decoder takes before it gives a picture.
    func timedRecords(delay: Int) -> [FrameRecord] {
        var times = BestEffortTimestamp()
        return records.map { record in
            let last = record.display + delay
            var record = record
            record.pts = times.next(pts: record.pts, dts: last < decodingTimes.count ? decodingTimes[last] : nil)
            record.seconds = record.pts.map { Double($0) * timeBase.value }
            return record
        }
    }

    /// Whether a record has a time, and comes after the one before.
    private func follows(_ record: FrameRecord) -> Bool {
        guard let time = record.pts else { return false }
        guard let last = records.last else { return true }
        return last.pts.map { $0 < time } ?? false
    }
}

extension FrameRecord {
    /// Describes a packet that gave no picture.
    init(lost packet: PacketFacts, timeBase: Rational) {
        (decode, display, pts) = (packet.number, -1, packet.time)
        seconds = pts.map { Double($0) * timeBase.value }
        type = .other
        (isKey, isInterlaced, isDamaged, isReference) = (false, false, true, false)
        (vectors, bytes) = (0, packet.bytes)
    }

    fileprivate init(_ picture: BitstreamPicture, _ syntax: PictureSyntax, timeBase: Rational) {
        decode = picture.packet
        display = picture.display
        pts = picture.time
        seconds = pts.map { Double($0) * timeBase.value }
        type = syntax.type
        isKey = picture.isKey
        isInterlaced = false
        isDamaged = syntax.isDamaged
        vectors = syntax.rows.count
        bytes = picture.bytes
        isReference = syntax.referenceIDC > 0
        self.syntax = FrameSyntax(syntax)
    }
}
