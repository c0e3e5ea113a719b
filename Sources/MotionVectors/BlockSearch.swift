import CKernels
public import Codec
import Storage

/// Whole-pixel block matching, the motion of the ED-VDM paper: for every block the offset within ±`radius` with the
/// least SAD of luma, `argmin Σ |frame(x) − reference(x + v)|`, coordinates clamped to the picture's edge.
public struct BlockSearch: Sendable {
    /// How to search.
    public enum Method: String, Sendable, CaseIterable {
        /// Every offset: the definition. Ties go to the shortest vector, then the smaller y, then the smaller x.
        case full
        /// Predicted vectors, a coarse cross and hexagons where those are poor, then diamonds: a few per cent of the
        /// offsets. Its loss against `full` is measured by the benchmark.
        case fast
    }

    /// Block size in pixels.
    public var blockSize = 16
    /// Largest offset in each direction, in pixels.
    public var radius = 15
    /// How to search.
    public var method = Method.fast

    /// The paper's settings: blocks of 16, radius 15.
    public init() {}

    /// Estimates the motion field of a picture against another of equal size, by their luma.
    ///
    /// - Parameters:
    ///   - previous: the field of the frame before, whose vectors are good guesses; nil if there is none.
    ///   - reference: the picture to predict from.
    ///   - frame: the picture to predict.
    /// - Returns: a field whose mask is 1 everywhere.
    public func field(of frame: Picture, against reference: Picture, previous: MotionField? = nil) -> MotionField {
        frame.withPlane(0) { luma in
            reference.withPlane(0) { field(of: luma, against: $0, previous: previous) }
        }
    }

    /// Estimates the motion field of `frame` against `reference`, planes of equal size.
    ///
    /// - Parameters:
    ///   - previous: the field of the frame before, whose vectors are good guesses; nil if there is none.
    ///   - frame: the picture to predict.
    ///   - reference: the picture to predict from.
    /// - Returns: a field whose mask is 1 everywhere.
    public func field(
        of frame: borrowing Plane, against reference: borrowing Plane, previous: MotionField? = nil
    ) -> MotionField {
        var result = MotionField(size: Size(width: frame.width, height: frame.height), cellSize: blockSize)
        replace(result.vectors.indices, in: &result, of: frame, against: reference, previous: previous)
        return result
    }

    /// Searches the given cells of a field again, with the other cells as guesses.
    func replace(
        _ cells: some Sequence<Int>, in field: inout MotionField, of frame: borrowing Plane,
        against reference: borrowing Plane, previous: MotionField? = nil
    ) {
        precondition(frame.width == reference.width && frame.height == reference.height, "planes of different size")
        precondition((1...16).contains(blockSize) && (0...1023).contains(radius), "block size 1…16, radius 0…1023")
        var matcher = BlockMatcher(search: self, frame: frame, reference: reference, margin: radius + blockSize)
        for cell in cells {
            let (column, row) = (cell % field.columns, cell / field.columns)
            matcher.move(to: column * blockSize, row * blockSize)
            switch method {
            case .full: matcher.searchAll()
            case .fast: matcher.searchFast(guesses(for: cell, column, row, field, previous))
            }
            field.vectors[cell] = SIMD2(Int16(matcher.best.x * 4), Int16(matcher.best.y * 4))
            field.mask[cell] = 1
        }
    }

    /// Gives each cell the best of its candidates within the radius; the mask stays 0 where there is none.
    func choose(
        _ field: inout MotionField, among candidates: [[SIMD2<Int16>]], of frame: borrowing Plane,
        against reference: borrowing Plane
    ) {
        var matcher = BlockMatcher(search: self, frame: frame, reference: reference, margin: radius + blockSize)
        for cell in field.vectors.indices {
            matcher.move(to: cell % field.columns * blockSize, cell / field.columns * blockSize)
            let offsets = candidates[cell].lazy.map { SIMD2(Int($0.x) >> 2, Int($0.y) >> 2) }
            guard matcher.choose(among: offsets) else { continue }
            field.vectors[cell] = SIMD2(Int16(matcher.best.x * 4), Int16(matcher.best.y * 4))
            field.mask[cell] = 1
        }
    }

    /// Neighbours already found (left, top, top right), their median, and the same place one frame ago.
    private func guesses(
        for cell: Int, _ column: Int, _ row: Int, _ field: MotionField, _ previous: MotionField?
    ) -> [SIMD2<Int>] {
        func whole(_ vector: SIMD2<Int16>) -> SIMD2<Int> { SIMD2(Int(vector.x) >> 2, Int(vector.y) >> 2) }
        func median(_ a: Int, _ b: Int, _ c: Int) -> Int { max(min(a, b), min(max(a, b), c)) }
        let left = column > 0 ? whole(field.vectors[cell - 1]) : .zero
        let top = row > 0 ? whole(field.vectors[cell - field.columns]) : .zero
        let corner =
            row > 0 && column + 1 < field.columns ? whole(field.vectors[cell - field.columns + 1]) : .zero
        var result = [left, top, corner, SIMD2(median(left.x, top.x, corner.x), median(left.y, top.y, corner.y))]
        if let previous, previous.vectors.count == field.vectors.count {
            result.append(whole(previous.vectors[cell]))
            if column + 1 < field.columns { result.append(whole(previous.vectors[cell + 1])) }
            if row + 1 < field.rows { result.append(whole(previous.vectors[cell + field.columns])) }
        }
        return result
    }

    /// Sum of absolute luma differences of every block at its vector, over the whole picture.
    public static func sumOfAbsoluteDifferences(
        _ field: MotionField, of frame: borrowing Plane, against reference: borrowing Plane
    ) -> Int {
        let longest = field.vectors.reduce(0) { max($0, abs(Int($1.x)) / 4, abs(Int($1.y)) / 4) }
        var search = BlockSearch()
        search.blockSize = field.cellSize
        search.radius = longest
        var matcher = BlockMatcher(
            search: search, frame: frame, reference: reference, margin: longest + field.cellSize)
        var sum = 0
        for cell in field.vectors.indices {
            matcher.move(to: cell % field.columns * field.cellSize, cell / field.columns * field.cellSize)
            let vector = field.vectors[cell]
            sum += Int(matcher.sad(SIMD2(Int(vector.x) >> 2, Int(vector.y) >> 2)))
        }
        return sum
    }
}
