import Codec
package import Storage
package import SystemPackage

/// How `motion.npy` stores vectors.
public enum MotionFormat: String, Sendable, CaseIterable, Codable {
    /// Int32 `(N, 12)`: 48 bytes per vector.
    case wide
    /// A structured array `(N,)` of ten fields: 20 bytes per vector. `src_x` and `src_y` follow from the others.
    case compact

    /// Bytes of `motion.npy` per vector.
    public var bytesPerVector: Int {
        switch self {
        case .wide: MemoryLayout<MotionRow>.size
        case .compact: MemoryLayout<CompactMotionRow>.size
        }
    }
}

/// One row of a compact `motion.npy`, as it lies in the file.
struct CompactMotionRow: BitwiseCopyable, Equatable {
    private let frame: Int32
    private let reference: Int32
    private let destinationX: Int16
    private let destinationY: Int16
    private let motionX: Int16
    private let motionY: Int16
    private let width: UInt8
    private let height: UInt8
    private let source: Int8
    private let motionScale: UInt8

    /// The names and types of the fields, in the order of the bytes.
    static let fields: [NPYField] = [
        NPYField("frame", .int32), NPYField("reference", .int32), NPYField("dst_x", .int16), NPYField("dst_y", .int16),
        NPYField("motion_x", .int16), NPYField("motion_y", .int16), NPYField("w", .uint8), NPYField("h", .uint8),
        NPYField("source", .int8), NPYField("motion_scale", .uint8),
    ]

    /// Nil where a number has no room, or the centre of the prediction does not follow from the vector.
    init?(_ row: MotionRow) {
        let vector = row.vector
        guard let destinationX = Int16(exactly: vector.destinationX),
            let destinationY = Int16(exactly: vector.destinationY),
            let motionX = Int16(exactly: vector.motionX), let motionY = Int16(exactly: vector.motionY),
            let width = UInt8(exactly: vector.width), let height = UInt8(exactly: vector.height),
            let source = Int8(exactly: vector.source), let motionScale = UInt8(exactly: vector.motionScale),
            motionScale > 0
        else { return nil }
        (frame, reference, self.source, self.motionScale) = (row.frame, row.reference, source, motionScale)
        (self.destinationX, self.destinationY, self.motionX, self.motionY) = (
            destinationX, destinationY, motionX, motionY
        )
        (self.width, self.height) = (width, height)
        guard vector.sourceX == predictionX, vector.sourceY == predictionY else { return nil }
    }

    /// The row with all its columns.
    var row: MotionRow {
        MotionRow(
            frame: frame, reference: reference,
            vector: MotionVector(
                source: Int32(source), width: Int32(width), height: Int32(height), sourceX: predictionX,
                sourceY: predictionY, destinationX: Int32(destinationX), destinationY: Int32(destinationY),
                motionX: Int32(motionX), motionY: Int32(motionY), motionScale: Int32(motionScale)))
    }

    private var predictionX: Int32 { prediction(destinationX, motionX) }
    private var predictionY: Int32 { prediction(destinationY, motionY) }

    /// libavcodec's centre of the prediction: the displacement without its fraction, in an `int16_t`.
    private func prediction(_ destination: Int16, _ motion: Int16) -> Int32 {
        // A damaged file may say 0, which readers of rows refuse.
        let whole = motionScale == 0 ? 0 : Int32(motion) / Int32(motionScale)
        return Int32(Int16(truncatingIfNeeded: Int32(destination) + whole))
    }
}

/// Writes `motion.npy`.
package final class MotionWriter {
    private let path: FilePath
    private let format: MotionFormat
    private let file: NPYWriter
    private var rows: [CompactMotionRow] = []

    package init(path: FilePath, format: MotionFormat) throws(PFrameError) {
        (self.path, self.format) = (path, format)
        switch format {
        case .wide: file = try NPYWriter(path: path, type: .int32, itemShape: [MotionRow.columns])
        case .compact: file = try NPYWriter(path: path, element: .record(CompactMotionRow.fields), itemShape: [])
        }
    }

    package func append(_ wide: [MotionRow]) throws(PFrameError) {
        guard format == .compact else { return try file.append(wide) }
        rows.removeAll(keepingCapacity: true)
        for row in wide {
            guard let compact = CompactMotionRow(row) else {
                let vector = row.vector
                throw PFrameError(
                    .unsupported, path: nil,
                    "frame \(row.frame): the vector (\(vector.motionX), \(vector.motionY)) / \(vector.motionScale) of the "
                        + "block at (\(vector.destinationX), \(vector.destinationY)) has no room in the compact format: "
                        + "take the format wide")
            }
            rows.append(compact)
        }
        try file.append(rows)
    }

    package func close() throws(PFrameError) { try file.close() }
}

/// Reads `motion.npy` of either format from start to end.
package final class MotionReader {
    /// Vectors in all.
    package let count: Int
    private let format: MotionFormat
    private let file: NPYReader

    package init(path: FilePath) throws(PFrameError) {
        let file = try NPYReader(path: path, elements: [.number(.int32), .record(CompactMotionRow.fields)])
        format = file.element == .number(.int32) ? .wide : .compact
        guard file.shape.dropFirst() == (format == .wide ? [MotionRow.columns] : []), let count = file.shape.first
        else {
            throw PFrameError(
                .damaged, path: path, "has shape \(file.shape) and not (N, \(MotionRow.columns)); extract again")
        }
        (self.count, self.file) = (count, file)
    }

    /// The next rows.
    ///
    /// - Throws: `PFrameError` if the file ends before.
    package func read(_ count: Int) throws(PFrameError) -> [MotionRow] {
        let empty = MotionRow(frame: 0, vector: MotionVector(blockX: 0, y: 0, size: 16, dx: 0, dy: 0))
        var rows = [MotionRow](repeating: empty, count: count)
        guard format == .compact else {
            try rows.withUnsafeMutableBufferPointer { buffer throws(PFrameError) in try file.read(into: buffer) }
            return rows
        }
        guard let zero = CompactMotionRow(empty) else { preconditionFailure("a block of 16 pixels has room") }
        var compact = [CompactMotionRow](repeating: zero, count: count)
        try compact.withUnsafeMutableBufferPointer { buffer throws(PFrameError) in try file.read(into: buffer) }
        for index in compact.indices { rows[index] = compact[index].row }
        return rows
    }
}

@available(*, unavailable)
extension MotionWriter: Sendable {}

@available(*, unavailable)
extension MotionReader: Sendable {}
