// By hand, because scores must equal those that PySceneDetect gets from OpenCV, to the last bit; libswscale scales
// otherwise, and OpenCV itself would be hundreds of megabytes for one function.
import CKernels
public import Codec
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
        // One per channel, and whole fours of pixels, as the kernel needs them.
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

    /// Makes the two picked rows the given ones, keeping what exists already.
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

/// To which size PySceneDetect shrinks pictures before it compares them: its releases disagree.
public enum ShrinkRule: String, Sendable, CaseIterable, Codable {
    /// Releases up to 0.6.4, among them the 0.6.2 of ART·V's time: both sides by the whole factor ⌊width / 256⌋.
    case v06 = "0.6"
    /// Releases since 0.6.5: both sides by the factor that makes the longer one 256.
    case v07 = "0.7"
    /// Not at all (`downscale=1`).
    case none

    /// What the rules call wide enough, in pixels.
    static let effectiveWidth = 256

    /// The size at which a picture of `size`, as displayed, is compared: sides rounded half to even as Python does, at
    /// least 1; `size` itself where the rule's factor is not above 1.
    public func shrunk(_ size: Size) -> Size {
        let factor: Double
        switch self {
        case .v06: factor = Double(size.width / Self.effectiveWidth)
        case .v07: factor = Double(max(size.width, size.height)) / Double(Self.effectiveWidth)
        case .none: factor = 1
        }
        guard factor > 1 else { return size }
        func side(_ length: Int) -> Int { max(1, Int((Double(length) / factor).rounded(.toNearestOrEven))) }
        return Size(width: side(size.width), height: side(size.height))
    }
}

/// Which two samples of a line make each sample of a shorter one, and their weights: one axis of OpenCV's
/// `INTER_LINEAR` for bytes.
///
/// Centres of pixels map to centres of pixels; there are two taps however much the line shrinks (no antialiasing), places
/// are single precision, weights are rounded to 2⁻¹¹ one by one, and edges repeat.
struct ShrinkTaps: Sendable, Equatable {
    /// The weights of both samples add up to this.
    static let unit: Float = 2048
    /// The sample of each pair that weighs more, or as much.
    private(set) var first: [Int32] = []
    /// The other, next to it.
    private(set) var second: [Int32] = []
    /// Weights of the second samples, 0…1024; the first have the rest.
    private(set) var weights: [Int16] = []

    /// The taps of a line of `length` samples shrunk to `count`, which is then read backwards where `isMirrored`.
    ///
    /// A mirrored line is one that somebody turns before shrinking: sample k counts from its other end.
    init(length: Int, count: Int, isMirrored: Bool = false) {
        let scale = Double(length) / Double(count)
        for index in 0..<count {
            let place = Float((Double(index) + 0.5) * scale - 0.5)
            let floor = place.rounded(.down)
            var (sample, fraction) = (Int(floor), place - floor)
            if sample < 0 { (sample, fraction) = (0, 0) }
            if sample >= length - 1 { (sample, fraction) = (length - 1, 0) }
            let weight = Int16((fraction * Self.unit).rounded(.toNearestOrEven))
            let other = Int16(((1 - fraction) * Self.unit).rounded(.toNearestOrEven))
            // OpenCV rounds both; halves go to the even one of each, so that they add up all the same.
            precondition(weight + other == Int16(Self.unit), "weights \(weight) and \(other) at \(place)")
            var pair = (sample, min(sample + 1, length - 1))
            if isMirrored { pair = (length - 1 - pair.0, length - 1 - pair.1) }
            if weight > other { pair = (pair.1, pair.0) }
            first.append(Int32(pair.0))
            second.append(Int32(pair.1))
            weights.append(min(weight, other))
        }
    }

    /// Samples of the shorter line.
    var count: Int { first.count }
    /// Whether every sample is one of the line's, as when it shrinks by an odd whole factor.
    var isWhole: Bool { weights.allSatisfy { $0 == 0 } }
}
