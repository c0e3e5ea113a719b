import CKernels
import Codec
import Storage

/// A plane with its edge pixels repeated `margin` pixels outwards, so that clamped offsets need no checks.
private struct PaddedPlane: ~Copyable {
    let margin: Int
    let stride: Int
    private let memory: UnsafeMutablePointer<UInt8>

    init(_ plane: borrowing Plane, margin: Int) {
        self.margin = margin
        stride = plane.width + 2 * margin
        let rows = plane.height + 2 * margin
        memory = .allocate(capacity: stride * rows)
        for row in 0..<rows {
            let source = plane.base + min(max(row - margin, 0), plane.height - 1) * plane.stride
            let target = memory + row * stride
            target.initialize(repeating: source[0], count: margin)
            (target + margin).initialize(from: source, count: plane.width)
            (target + margin + plane.width).initialize(repeating: source[plane.width - 1], count: margin)
        }
    }

    deinit { memory.deallocate() }

    /// The pixel (0, 0) of the plane.
    var origin: UnsafePointer<UInt8> { UnsafePointer(memory + margin * stride + margin) }
}

/// The search of one block after another: pure offsets and their SADs.
///
/// It points into the frame's plane, and so lives while the plane is lent.
struct BlockMatcher: ~Copyable {
    private let search: BlockSearch
    private let frame: pframe_plane
    private let reference: PaddedPlane
    private var block: UnsafePointer<UInt8>
    private var home: UnsafePointer<UInt8>
    private var width: Int32 = 0
    private var height: Int32 = 0
    /// The best offset so far, in whole pixels.
    private(set) var best = SIMD2<Int>.zero
    private var bestSAD = UInt32.max
    /// Every offset within the radius, shortest first, then smaller y, then smaller x.
    private let offsets: [SIMD2<Int>]

    /// - Parameter margin: how far outside the reference offsets may lead, in pixels.
    init(search: BlockSearch, frame: borrowing Plane, reference: borrowing Plane, margin: Int) {
        self.search = search
        self.frame = frame.kernel
        let padded = PaddedPlane(reference, margin: margin)
        block = UnsafePointer(frame.base)
        home = padded.origin
        self.reference = padded
        let range = -search.radius...search.radius
        let all = search.method == .full ? range.flatMap { y in range.map { x in SIMD2(x, y) } } : []
        offsets = all.sorted { Self.precedes($0, $1) }
    }

    /// Starts on the block whose top left pixel is (x, y); blocks are cut at the right and bottom edge.
    mutating func move(to x: Int, _ y: Int) {
        block = frame.base + y * frame.stride + x
        home = reference.origin + y * reference.stride + x
        width = min(Int32(search.blockSize), frame.width - Int32(x))
        height = min(Int32(search.blockSize), frame.height - Int32(y))
        best = .zero
        bestSAD = .max
    }

    func sad(_ offset: SIMD2<Int>) -> UInt32 {
        pframe_sad(block, frame.stride, home + offset.y * reference.stride + offset.x, reference.stride, width, height)
    }

    mutating func searchAll() {
        for offset in offsets {
            let value = sad(offset)
            if value < bestSAD { (best, bestSAD) = (offset, value) }
        }
    }

    /// Guesses, then hexagons, then diamonds; where the match stays poor, a cross and rings over the whole range.
    mutating func searchFast(_ guesses: [SIMD2<Int>]) {
        attempt(.zero)
        for guess in guesses { attempt(guess) }
        let pixels = UInt32(width * height)
        if bestSAD > pixels { descend(Self.hexagon) }
        descend(Self.diamond)
        // More than two grey levels per pixel: perhaps a local minimum.
        guard bestSAD > 2 * pixels, search.radius > 3 else { return }
        let local = best
        for distance in stride(from: 2, through: search.radius, by: 2) {
            for direction in Self.diamond { attempt(direction &* distance) }
            for direction in Self.diamond { attempt(local &+ direction &* distance) }
        }
        for distance in stride(from: 1, through: max(1, search.radius / 4), by: 1) {
            for point in Self.ring { attempt(point &* distance) }
        }
        descend(Self.hexagon)
        descend(Self.square)
    }

    /// Takes the best of some offsets.
    ///
    /// - Returns: whether any of them is within the radius.
    mutating func choose(among offsets: some Sequence<SIMD2<Int>>) -> Bool {
        for offset in offsets { attempt(offset) }
        return bestSAD < .max
    }

    private mutating func attempt(_ offset: SIMD2<Int>) {
        guard abs(offset.x) <= search.radius, abs(offset.y) <= search.radius else { return }
        let value = sad(offset)
        guard value < bestSAD || value == bestSAD && Self.precedes(offset, best) else { return }
        (best, bestSAD) = (offset, value)
    }

    /// Moves to the best neighbour until none is better.
    private mutating func descend(_ pattern: [SIMD2<Int>]) {
        var centre: SIMD2<Int>
        repeat {
            centre = best
            for step in pattern { attempt(centre &+ step) }
        } while best != centre
    }

    private static func precedes(_ a: SIMD2<Int>, _ b: SIMD2<Int>) -> Bool {
        (a.x * a.x + a.y * a.y, a.y, a.x) < (b.x * b.x + b.y * b.y, b.y, b.x)
    }

    private static let diamond = [SIMD2(0, -1), SIMD2(-1, 0), SIMD2(1, 0), SIMD2(0, 1)]
    private static let square = diamond + [SIMD2(-1, -1), SIMD2(1, -1), SIMD2(-1, 1), SIMD2(1, 1)]
    private static let hexagon = [
        SIMD2(-2, 0), SIMD2(2, 0), SIMD2(-1, -2), SIMD2(1, -2), SIMD2(-1, 2), SIMD2(1, 2),
    ]
    /// Sixteen directions at distance 4, scaled to rings (the multi-hexagon grid of UMHexagonS).
    private static let ring = [
        SIMD2(-4, 0), SIMD2(4, 0), SIMD2(0, -4), SIMD2(0, 4), SIMD2(-4, -2), SIMD2(-4, 2), SIMD2(4, -2), SIMD2(4, 2),
        SIMD2(-2, -3), SIMD2(-2, 3), SIMD2(2, -3), SIMD2(2, 3), SIMD2(-4, -1), SIMD2(-4, 1), SIMD2(4, -1), SIMD2(4, 1),
    ]
}
