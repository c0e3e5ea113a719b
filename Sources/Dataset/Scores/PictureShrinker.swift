import CKernels
import Codec
import Storage

/// Shrinks pictures of one size, row by row, as OpenCV does: `cv2.resize` with `INTER_LINEAR` of pictures that were turned
/// for display before.
///
/// The pixels come out as they lie in the picture, not turned: whoever sums over them does not care. Only rows and columns
/// that the taps name are looked at.
final class PictureShrinker {
    /// The size of the pictures.
    let source: Size
    /// The size they shrink to, not turned.
    let size: Size
    private let columns: ShrinkTaps
    private let rows: ShrinkTaps
    private let isWhole: Bool
    private let interpolatesRowsFirst: Bool
    private let wide: UnsafeMutablePointer<UInt32>
    private let result: UnsafeMutablePointer<UInt32>
    private let columnWeights: UnsafeMutablePointer<Int16>
    private let rowWeights: UnsafeMutablePointer<Int16>
    private let weightCount: Int
    private var picked: (PickedRow, PickedRow)

    /// Prepares for pictures of a size.
    ///
    /// - Parameter rotation: clockwise degrees by which they are turned for display, a multiple of 90.
    init(_ source: Size, rule: ShrinkRule, rotation: Int) {
        let isSideways = rotation == 90 || rotation == 270
        let shrunk = rule.shrunk(isSideways ? source.turned : source)
        let size = isSideways ? shrunk.turned : shrunk
        (self.source, self.size) = (source, size)
        columns = ShrinkTaps(
            length: source.width, count: size.width,
            isMirrored: size != source && (rotation == 180 || rotation == 270))
        rows = ShrinkTaps(
            length: source.height, count: size.height,
            isMirrored: size != source && (rotation == 90 || rotation == 180))
        isWhole = columns.isWhole && rows.isWhole
        // OpenCV interpolates along the displayed rows first, and what it rounds there shows in the second step.
        interpolatesRowsFirst = isSideways
        wide = .allocate(capacity: source.width)
        wide.initialize(repeating: 0, count: source.width)
        result = .allocate(capacity: size.width)
        result.initialize(repeating: 0, count: size.width)
        picked = (PickedRow(size.width), PickedRow(size.width))
        // One a channel, and whole fours of pixels, as the kernel wants them.
        weightCount = (size.width + 3) / 4 * 16
        columnWeights = .allocate(capacity: weightCount)
        rowWeights = .allocate(capacity: weightCount)
        for index in 0..<weightCount {
            (columnWeights + index).initialize(to: index / 4 < size.width ? columns.weights[index / 4] : 0)
            (rowWeights + index).initialize(to: 0)
        }
    }

    deinit {
        wide.deallocate()
        result.deallocate()
        columnWeights.deallocate()
        rowWeights.deallocate()
    }

    /// Calls `body` with every row of the shrunk picture, `size.width` pixels, lent until it returns.
    func forEachRow(of pixels: PixelRows, _ body: (Int, UnsafePointer<UInt32>) -> Void) {
        (picked.0.row, picked.1.row) = (nil, nil)
        for index in 0..<size.height {
            let (upper, lower) = (Int(rows.first[index]), Int(rows.second[index]))
            if isWhole {
                pick(upper, of: pixels, into: picked.0)
                body(index, picked.0.first)
            } else {
                fetch(upper, lower, of: pixels)
                blend(index)
                body(index, result)
            }
        }
    }

    /// Makes the two picked rows the given ones, keeping what is there already.
    private func fetch(_ upper: Int, _ lower: Int, of pixels: PixelRows) {
        if picked.1.row == upper || picked.0.row == lower { picked = (picked.1, picked.0) }
        if picked.0.row != upper { pick(upper, of: pixels, into: picked.0) }
        if picked.1.row != lower, !rows.isWhole { pick(lower, of: pixels, into: picked.1) }
    }

    private func pick(_ row: Int, of pixels: PixelRows, into target: PickedRow) {
        target.row = row
        guard size.width != source.width else {
            pixels.read(row, into: target.first)
            if !isWhole { target.second.update(from: target.first, count: size.width) }
            return
        }
        if pixels.isPickingFaster(isWhole ? size.width : 2 * size.width) {
            pixels.pick(row, at: columns.first, into: target.first)
            if !isWhole { pixels.pick(row, at: columns.second, into: target.second) }
            return
        }
        pixels.read(row, into: wide)
        pframe_pick_pixels(target.first, wide, columns.first, size.width)
        if !isWhole { pframe_pick_pixels(target.second, wide, columns.second, size.width) }
    }

    private func blend(_ index: Int) {
        let (a, b) = picked
        rowWeights.update(repeating: rows.weights[index], count: weightCount)
        if interpolatesRowsFirst {
            pframe_blend_pixels(
                result, a.first, b.first, a.second, b.second, rowWeights, columnWeights, size.width)
        } else {
            pframe_blend_pixels(
                result, a.first, a.second, b.first, b.second, columnWeights, rowWeights, size.width)
        }
    }
}

@available(*, unavailable)
extension PictureShrinker: Sendable {}

/// The pixels of one row of a picture that the taps along it name.
private final class PickedRow {
    /// Which row, nil before the first.
    var row: Int?
    /// At the first taps.
    let first: UnsafeMutablePointer<UInt32>
    /// At the second taps.
    let second: UnsafeMutablePointer<UInt32>

    init(_ width: Int) {
        first = .allocate(capacity: width)
        second = .allocate(capacity: width)
        first.initialize(repeating: 0, count: width)
        second.initialize(repeating: 0, count: width)
    }

    deinit {
        first.deallocate()
        second.deallocate()
    }
}

@available(*, unavailable)
extension PickedRow: Sendable {}

extension Size {
    /// Width and height exchanged.
    fileprivate var turned: Size { Size(width: height, height: width) }
}
