public import Codec
public import Storage
public import SystemPackage

/// Rebuilds a video's pictures from an extraction folder alone: `frame = prediction + residual`, exactly.
public final class Reconstruction {
    /// What the folder says of the video.
    public let description: StreamDescription
    package let folder: FilePath
    private let records: [FrameRecord]
    private let motion: MotionReader
    private let residuals: ResidualReader
    private let compensator: MotionCompensator
    private var references: ReferencePictures
    private var said: SaidPrediction?
    private var order = DecodeOrder<Pending>()
    private var finished = DisplayOrder<ExtractedFrame>()
    private var pool: ResidualPool
    private var nextRead = 0

    /// A picture whose residual was read and whose references are yet to come.
    private struct Pending {
        let record: FrameRecord
        var rows: [MotionRow]
        let weights: RowWeights?
        let residual: Residual
    }

    /// Opens an extraction folder.
    ///
    /// - Throws: `PFrameError` if a file is missing, incomplete, or does not fit the others.
    public init(folder: FilePath) throws(PFrameError) {
        let description = try StreamDescription(folder: folder)
        self.description = description
        self.folder = folder
        guard let format = description.options.residual else {
            throw PFrameError(.missing, path: folder, "holds no residual; extract the video again with its residual")
        }
        let all = try FrameTable.read(folder.appending("frames.csv"))
        let records = all.filter { $0.display >= 0 }
        self.records = records
        guard records.count == description.frames, records.indices.allSatisfy({ records[$0].display == $0 }) else {
            throw PFrameError(
                .damaged, path: folder.appending("frames.csv"),
                "does not list the \(description.frames) frames in order")
        }
        let path = folder.appending("motion.npy")
        motion = try MotionReader(path: path)
        let rows = records.reduce(0) { $0 + $1.vectors }
        guard motion.count == rows else {
            throw PFrameError(
                .damaged, path: path, "has \(motion.count) vectors, but frames.csv says \(rows); extract again")
        }
        residuals = try ResidualReader(format, folder: folder, size: description.codedSize, frames: records.count)
        compensator = try MotionCompensator(size: description.codedSize, rule: description.predictionRule)
        references = ReferencePictures(capacity: max(1, description.referenceFrames))
        said = description.bitstreamFrames == nil ? nil : try SaidPrediction(folder, records, vectors: rows)
        pool = ResidualPool(size: description.codedSize)
    }

    /// The rows of `frames.csv` that are pictures, in display order.
    public var frames: [FrameRecord] { records }

    /// The next picture in display order, at coded size, nil at the end.
    ///
    /// - Throws: `PFrameError` if the files end early or contradict each other.
    public func next() throws(PFrameError) -> Picture? { try nextFrame()?.picture }

    /// The next picture in display order with its vectors and its residual, nil at the end.
    ///
    /// - Throws: `PFrameError` if the files end early or contradict each other.
    public func nextFrame() throws(PFrameError) -> ExtractedFrame? {
        while true {
            if let frame = finished.pop() { return frame }
            guard nextRead < records.count else { return nil }
            try readNext()
            let isComplete = nextRead == records.count
            while let pending = order.pop(isComplete: isComplete) { try rebuild(pending) }
        }
    }

    private func readNext() throws(PFrameError) {
        let record = records[nextRead]
        let rows = try motion.read(record.vectors)
        guard rows.allSatisfy({ $0.isSane(in: record.display) }) else {
            throw PFrameError(
                .damaged, path: folder.appending("motion.npy"),
                "rows of frame \(record.display) are not what PFrame writes")
        }
        let weights = try said?.read(record)
        let residual = pool.take()
        try residuals.read(into: residual)
        // Estimated vectors predict from the frame displayed before, whatever the stream's own order.
        let number = description.motionSource.isEstimated ? record.display : record.decode
        order.insert(Pending(record: record, rows: rows, weights: weights, residual: residual), number: number)
        nextRead += 1
    }

    private func rebuild(_ pending: Pending) throws(PFrameError) {
        let record = pending.record
        let isStream = !description.motionSource.isEstimated
        let picture = try Picture(
            size: description.codedSize, format: description.fullRange ? .yuv420pFullRange : .yuv420p)
        var prediction: Picture?
        if isStream && record.predictsUnmoved, let latest = references.entries.first {
            compensator.predictUnmoved(from: latest.picture)
            prediction = compensator.prediction
        } else if !pending.rows.isEmpty {
            var rows = pending.rows
            let candidates = said?.pictures ?? references.entries
            rows.withUnsafeMutableBufferPointer { rows in
                compensator.predict(rows, from: candidates, weights: pending.weights)
            }
            prediction = compensator.prediction
        }
        picture.describe(crop: description.crop, tags: description.display ?? DisplayTags())
        pending.residual.add(to: prediction, into: picture)
        if !isStream || record.isReference { references.insert(picture, display: Int32(record.display)) }
        try said?.keep(picture, record)
        let frame = ExtractedFrame(
            record: record, rows: pending.rows, picture: picture, residual: pending.residual, accumulated: nil,
            accumulatedResidual: nil)
        finished.insert(frame, at: record.display)
    }
}

@available(*, unavailable)
extension Reconstruction: Sendable {}

extension MotionRow {
    /// Whether the row can be predicted from without leaving what numbers can hold: rows may come from anywhere.
    fileprivate func isSane(in display: Int) -> Bool {
        let near: ClosedRange<Int32> = -(1 << 20)...(1 << 20)
        return Int(frame) == display && (1...4).contains(vector.motionScale) && near.contains(vector.motionX)
            && near.contains(vector.motionY) && near.contains(vector.destinationX) && near.contains(vector.destinationY)
            && (1...64).contains(vector.width) && (1...64).contains(vector.height)
    }
}

extension Reconstruction {
    /// Writes all pictures as a video, before any was taken by ``next()``; `.yuv` and `.y4m` store them as they are, `.mp4`
    /// and `.mkv` encode them.
    ///
    /// - Parameters:
    ///   - path: a `.y4m`, `.yuv`, `.mkv` or `.mp4` file.
    ///   - crf: libx264's constant rate factor for encoded output.
    ///   - progress: called with the frames so far; what it throws ends the work, and nothing is written.
    /// - Returns: the number of frames and their size.
    /// - Throws: `PFrameError`, a full disk included.
    public func write(
        to path: FilePath, crf: Double, progress: (Int) throws(PFrameError) -> Void = { _ in }
    ) throws(PFrameError) -> (frames: Int, size: Size) {
        var (count, size) = (0, description.codedSize)
        try StagedFile.write(path) { hidden throws(PFrameError) in
            let video = try DeliveredVideo(path: hidden, description: description, crf: crf)
            size = video.size
            while let picture = try next() {
                try video.write(picture, frames[count])
                count += 1
                try progress(count)
            }
            try video.finish()
        }
        return (count, size)
    }
}

/// What the bitstream said of the prediction of an extraction's frames: their weights, and how long pictures are kept.
private struct SaidPrediction {
    /// The pictures that later frames predict from.
    private(set) var pictures: [ReferencePicture] = []
    /// The number of the last frame that predicts from a picture, by its display index.
    private var lastUses: [Int32: Int] = [:]
    private let indices: NPYReader
    private var weights: WeightReader
    private let path: FilePath

    init(_ folder: FilePath, _ records: [FrameRecord], vectors: Int) throws(PFrameError) {
        path = folder.appending("frames.csv")
        for record in records {
            for reference in record.syntax?.references ?? [] {
                lastUses[Int32(reference)] = max(lastUses[Int32(reference)] ?? 0, record.decode)
            }
        }
        let file = folder.appending("indices.npy")
        indices = try NPYReader(path: file, type: .int16)
        guard indices.shape == [vectors, 2] else {
            throw PFrameError(
                .damaged, path: file, "has shape \(indices.shape) and not \([vectors, 2]); extract again")
        }
        weights = try WeightReader(path: folder.appending("weights.csv"))
    }

    /// The weights of the next frame's rows.
    mutating func read(_ record: FrameRecord) throws(PFrameError) -> RowWeights? {
        var rows = [RowIndices](repeating: .unknown, count: record.vectors)
        try rows.withUnsafeMutableBufferPointer { buffer throws(PFrameError) in try indices.read(into: buffer) }
        return RowWeights(rows, try weights.read(frame: record.display))
    }

    /// Keeps a picture as long as frames predict from it.
    mutating func keep(_ picture: Picture, _ record: FrameRecord) throws(PFrameError) {
        pictures.append(ReferencePicture(display: Int32(record.display), picture: picture))
        pictures.removeAll { (lastUses[$0.display] ?? -1) <= record.decode }
        // A stream keeps at most sixteen, and as many may be inferred.
        guard pictures.count <= 32 else {
            throw PFrameError(
                .damaged, path: path, "frames after frame \(record.display) predict from more than 32; extract again")
        }
    }
}

/// Reads `frames.csv`.
enum FrameTable {
    /// The rows, in the file's order: delivered pictures by display index, then lost packets.
    static func read(_ path: FilePath) throws(PFrameError) -> [FrameRecord] {
        let text: String
        do { text = String(decoding: try readWholeFile(path), as: UTF8.self) } catch {
            throw PFrameError(error, path: path, "cannot read")
        }
        let lines = text.split(separator: "\n")
        guard let first = lines.first.map(String.init),
            first == FrameRecord.header || first == FrameRecord.syntaxHeader
        else {
            throw PFrameError(.damaged, path: path, "does not start with PFrame's columns: \(FrameRecord.header)")
        }
        var records: [FrameRecord] = []
        for (index, line) in lines.enumerated().dropFirst() {
            guard let record = FrameRecord(csvLine: line) else {
                throw PFrameError(.damaged, path: path, "line \(index + 1) is unreadable")
            }
            records.append(record)
        }
        return records
    }
}
