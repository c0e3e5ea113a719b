import Storage

/// Tells the presentation times of pictures where containers leave them out or count them wrong: ffprobe's
/// `best_effort_timestamp` (libavcodec's `guess_correct_pts`).
///
/// A picture's own pts holds as long as pts step back no more often than dts do; then, or where there is none, the dts of
/// the packet that made the decoder give the picture holds.
struct BestEffortTimestamp {
    private var last = (pts: Int.min, dts: Int.min)
    private var faulty = (pts: 0, dts: 0)

    /// The time of the next picture in output order, in the unit of its arguments; nil where both are unknown.
    mutating func next(pts: Int?, dts: Int?) -> Int? {
        if let dts {
            if dts <= last.dts { faulty.dts += 1 }
            last.dts = dts
        } else if let pts {
            last.dts = pts
        }
        if let pts {
            if pts <= last.pts { faulty.pts += 1 }
            last.pts = pts
        } else if let dts {
            last.pts = dts
        }
        return faulty.pts <= faulty.dts || dts == nil ? pts ?? dts : dts
    }
}
