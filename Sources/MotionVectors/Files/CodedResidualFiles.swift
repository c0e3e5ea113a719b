import Codec
import Storage
import SystemPackage

/// Writes the coded residual: `coded_residual.mkv`, and in `coded_outliers.npy` what ten bits do not hold.
///
/// A value is stored plus 512. One outside of −512…511 is stored as the nearest of them, and is kept in a row of
/// `coded_outliers.npy`, int32 `(K, 5)`: frame, plane, y, x, value.
final class CodedResidualFiles {
    /// The files.
    static let names = ResidualFormat.mkv.files("coded_residual") + ["coded_outliers.npy"]
    private static let range: ClosedRange<Int16> = -512...511

    private let video: ResidualWriter
    private let outliers: NPYWriter
    private let nothing: Residual

    init(_ folder: inout StagedFolder, size: Size, frameRate: Rational, threads: Int) throws(PFrameError) {
        video = try ResidualWriter(
            .mkv, paths: [folder.stage(Self.names[0])], size: size, frameRate: frameRate, threads: threads)
        outliers = try NPYWriter(path: folder.stage(Self.names[1]), type: .int32, itemShape: [5])
        nothing = Residual(size: size)
    }

    /// Appends the residual of a frame, whose values change where they are outside of the range; nil stands for zeros.
    func write(_ residual: Residual?, frame: Int) throws(PFrameError) {
        if let residual {
            for plane in 0..<3 {
                let rows = residual.withPlane(plane) { limit($0, frame, plane, width: residual.extent(plane).width) }
                if !rows.isEmpty { try outliers.append(rows) }
            }
        }
        try video.write(residual ?? nothing)
    }

    /// Brings values into the range; the rows of those that were outside.
    private func limit(
        _ values: UnsafeMutableBufferPointer<Int16>, _ frame: Int, _ plane: Int, width: Int
    ) -> [Int32] {
        var (least, most) = (Int16(0), Int16(0))
        for value in values { (least, most) = (min(least, value), max(most, value)) }
        guard least < Self.range.lowerBound || most > Self.range.upperBound else { return [] }
        var rows: [Int32] = []
        for (place, value) in values.enumerated() where !Self.range.contains(value) {
            rows += [Int32(frame), Int32(plane), Int32(place / width), Int32(place % width), Int32(value)]
            values[place] = min(max(value, Self.range.lowerBound), Self.range.upperBound)
        }
        return rows
    }

    /// Completes the files.
    func close() throws(PFrameError) {
        try video.close()
        try outliers.close()
    }
}
