import Codec
import MotionVectors
import SystemPackage

let extraction = try Extraction(path: FilePath(CommandLine.arguments.last ?? ""))
while let frame = try extraction.next() {
    let field = MotionField(frame.rows, size: frame.picture.size, cellSize: 16)
    let covered = field.mask.count { $0 == 1 }
    let length = (MotionStatistics.meanLength(frame.rows) * 100).rounded() / 100
    print(
        "frame \(frame.record.display), \(frame.record.type.rawValue): field \(field.rows)x\(field.columns), "
            + "\(covered) cells with a vector, mean length \(length) px")
}
