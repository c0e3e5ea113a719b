import Codec
import MotionVectors
import Storage

/// How much a clip moves by its own motion field.
struct ClipMotion: Equatable {
    /// Mean vector length, in picture diagonals a second; NaN where time stands still.
    var speed = Double.nan
    /// Share of blocks that move by a pixel or more, 0…1.
    var moving = 0.0
    /// Share of blocks that move as the median block does, to a pixel, 0…1: the camera's share.
    var global = 0.0

    /// Measures the fields of a clip: one from each frame after the first.
    init(_ fields: [MotionField], seconds: [Double], width: Int, height: Int) {
        guard !fields.isEmpty else { return }
        let size = Size(width: width, height: height)
        var length = 0.0
        for (index, field) in fields.enumerated() {
            let rows = field.motionRows(frame: Int32(index) + 1, reference: Int32(index))
            let statistics = MotionStatistics(rows, size: size)
            length += statistics.meanLength
            moving += statistics.moving / Double(fields.count)
            global += statistics.global / Double(fields.count)
        }
        let duration = (seconds.last ?? 0) - (seconds.first ?? 0)
        guard duration > 0 else { return }
        speed = length / duration / Double(width * width + height * height).squareRoot()
    }
}
