import CKernels
import Codec
import Glibc
import MotionVectors
import Storage
import TestSupport
import Testing

/// The interpolation kernels against their plain meaning.
@Suite struct InterpolationKernelTests {
    static let contents = [
        "noise 44x36", "checks 44x36", "bars 44x36", "noise 1x1", "noise 3x5", "checks 16x1", "noise 7x40",
    ]

    @Test("luma of every size at all 16 phases", arguments: contents)
    func luma(content: String) throws { try check(.luma, content) }

    @Test("chroma of every size at all 64 phases", arguments: contents)
    func chroma(content: String) throws { try check(.chroma, content) }

    @Test("half-pel prediction of every size with both roundings", arguments: contents, [0, 1])
    func half(content: String, rounding: Int) throws { try check(.half(rounding: rounding), content) }

    @Test("averages of every size")
    func average() throws {
        var random = SplitMix64(seed: 9)
        for w in 1...16 {
            for h in 1...16 {
                let (a, b) = (
                    Pixels.noise(w + 2, h, seed: random.next()), Pixels.noise(w + 5, h, seed: random.next())
                )
                var output = Output()
                output.expect(w, h) { x, y in UInt8((a.at(x, y) + b.at(x, y) + 1) >> 1) }
                a.values.withUnsafeBufferPointer { one in
                    b.values.withUnsafeBufferPointer { other in
                        guard let one = one.baseAddress, let other = other.baseAddress else { return }
                        output.write {
                            pframe_average($0, Output.stride, one, a.width, other, b.width, Int32(w), Int32(h))
                        }
                    }
                }
                #expect(output.isAsExpected, "\(w)x\(h)")
            }
        }
    }

    @Test("weighted predictions of every size")
    func weighted() {
        var random = SplitMix64(seed: 10)
        for w in 1...16 {
            for h in 1...16 {
                let (a, b) = (
                    Pixels.noise(w + 2, h, seed: random.next()), Pixels.noise(w + 5, h, seed: random.next())
                )
                let shift = Int.random(in: 0...7, using: &random)
                let weights = (0..<2).map { _ in Int.random(in: -128...128, using: &random) }
                let offset = Int.random(in: -128...127, using: &random)
                // 8-298 to 8-300 of the standard.
                var (single, pair) = (Output(), Output())
                single.expect(w, h) { x, y in
                    let value = a.at(x, y) * weights[0]
                    return UInt8(clamping: (shift > 0 ? (value + (1 << (shift - 1))) >> shift : value) + offset)
                }
                pair.expect(w, h) { x, y in
                    let value = a.at(x, y) * weights[0] + b.at(x, y) * weights[1]
                    return UInt8(clamping: ((value + (1 << shift)) >> (shift + 1)) + offset)
                }
                let (first, second) = (Int32(weights[0]), Int32(weights[1]))
                a.values.withUnsafeBufferPointer { one in
                    b.values.withUnsafeBufferPointer { other in
                        guard let one = one.baseAddress, let other = other.baseAddress else { return }
                        single.write {
                            pframe_weigh(
                                $0, Output.stride, one, a.width, Int32(w), Int32(h), first, Int32(offset), Int32(shift))
                        }
                        pair.write {
                            pframe_weigh_pair(
                                $0, Output.stride, one, a.width, other, b.width, Int32(w), Int32(h), first, second,
                                Int32(offset), Int32(shift))
                        }
                    }
                }
                #expect(single.isAsExpected && pair.isAsExpected, "\(w)x\(h), shift \(shift)")
            }
        }
    }

    private func check(_ kernel: Kernel, _ content: String) throws {
        let pixels = try pixels(content)
        for atEnd in [true, false] {
            let guarded = try GuardedPlane(pixels, atEnd: atEnd)
            for fy in 0..<kernel.unit {
                for fx in 0..<kernel.unit {
                    check(kernel, guarded, fx, fy, content)
                }
            }
        }
    }

    /// Around the plane in every position for the usual block sizes, at chosen ones for all sizes, and far outside.
    private func check(_ kernel: Kernel, _ guarded: GuardedPlane, _ fx: Int, _ fy: Int, _ content: String) {
        let (width, height) = (guarded.plane.width, guarded.plane.height)
        let near = PlainMap(kernel, guarded.plane, fx, fy, columns: -22..<width + 24, rows: -22..<height + 24)
        var failures: [String] = []
        func compare(_ map: PlainMap, _ x: Int, _ y: Int, _ w: Int, _ h: Int) {
            var output = Output()
            map.lend(x, y) { row, stride in output.expect(w, h, from: row, stride) }
            output.write {
                kernel.run($0, Output.stride, guarded.plane, x * kernel.unit + fx, y * kernel.unit + fy, w, h)
            }
            if !output.isAsExpected { failures.append("\(w)x\(h) at (\(x), \(y))") }
        }
        let step = kernel.unit > 4 ? 3 : 1
        for (w, h) in [(4, 4), (8, 8), (16, 16), (16, 8), (8, 16)] {
            for y in stride(from: -20, through: height + 4, by: step) {
                for x in stride(from: -20, through: width + 4, by: step) { compare(near, x, y, w, h) }
            }
        }
        for w in 1...16 {
            for h in 1...16 {
                for y in [-5, height / 2 - 8, height - 7] {
                    for x in [-5, width / 2 - 8, width - 7] { compare(near, x, y, w, h) }
                }
            }
        }
        for y in [-700, 3, height + 500] {
            for x in [-900, 2, width + 333] where (x, y) != (2, 3) {
                let far = PlainMap(kernel, guarded.plane, fx, fy, columns: x..<x + 16, rows: y..<y + 16)
                for (w, h) in [(16, 16), (8, 8), (5, 3)] { compare(far, x, y, w, h) }
            }
        }
        #expect(failures.isEmpty, "\(content), phase (\(fx), \(fy)): \(failures.count) wrong, \(failures.prefix(3))")
    }

    private func pixels(_ content: String) throws -> Pixels {
        let words = content.split(separator: " ")
        let size = words[1].split(separator: "x").compactMap { Int($0) }
        let (width, height) = (size[0], size[1])
        return switch words[0] {
        case "checks": Pixels(width, height) { x, y in (x + y) % 2 * 255 }
        // Extremes of the six-tap filter: black where its taps are negative and white where they are positive.
        case "bars": Pixels(width, height) { x, y in [1, 0, 1, 1, 0, 1, 0, 0, 1, 0][(x + 3 * y) % 10] * 255 }
        default: Pixels.noise(width, height, seed: UInt64(width * 64 + height))
        }
    }
}

/// An interpolation kernel beside its plain meaning.
private enum Kernel {
    case luma
    case chroma
    case half(rounding: Int)

    /// Positions a pixel.
    var unit: Int {
        switch self {
        case .luma: 4
        case .chroma: 8
        case .half: 2
        }
    }

    func run(
        _ out: UnsafeMutablePointer<UInt8>, _ stride: Int, _ plane: borrowing Plane, _ x: Int, _ y: Int, _ w: Int,
        _ h: Int
    ) {
        let reference = pframe_plane(
            base: plane.base, stride: plane.stride, width: Int32(plane.width), height: Int32(plane.height))
        let (x, y, w, h) = (Int32(x), Int32(y), Int32(w), Int32(h))
        switch self {
        case .luma: pframe_predict_luma(out, stride, reference, x, y, w, h)
        case .chroma: pframe_predict_chroma(out, stride, reference, x, y, w, h)
        case .half(let rounding): pframe_predict_half(out, stride, reference, x, y, w, h, Int32(rounding))
        }
    }

    func plain(_ plane: borrowing Plane, _ x: Int, _ y: Int) -> UInt8 {
        switch self {
        case .luma: PlainKernels.luma(plane, x: x, y: y)
        case .chroma: PlainKernels.chroma(plane, x: x, y: y)
        case .half(let rounding): PlainKernels.half(plane, x: x, y: y, rounding: rounding)
        }
    }
}

/// The plain prediction of every pixel of an area, at one phase.
private struct PlainMap {
    private let left: Int
    private let top: Int
    private let width: Int
    private let values: [UInt8]

    init(_ kernel: Kernel, _ plane: borrowing Plane, _ fx: Int, _ fy: Int, columns: Range<Int>, rows: Range<Int>) {
        (left, top, width) = (columns.lowerBound, rows.lowerBound, columns.count)
        values = rows.flatMap { y in
            columns.map { x in kernel.plain(plane, x * kernel.unit + fx, y * kernel.unit + fy) }
        }
    }

    func lend(_ x: Int, _ y: Int, _ body: (UnsafePointer<UInt8>, Int) -> Void) {
        values.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            body(base + (y - top) * width + x - left, width)
        }
    }
}

/// Where a kernel writes a block, among bytes that it must leave alone.
private struct Output {
    static let stride = 21
    private static let start = 3 * stride + 2
    private var written = [UInt8](repeating: 0xA5, count: stride * 22)
    private var expected = [UInt8](repeating: 0xA5, count: stride * 22)

    mutating func expect(_ w: Int, _ h: Int, from source: UnsafePointer<UInt8>, _ sourceStride: Int) {
        expected.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            for row in 0..<h {
                (base + Self.start + row * Self.stride).update(from: source + row * sourceStride, count: w)
            }
        }
    }

    mutating func expect(_ w: Int, _ h: Int, _ value: (Int, Int) -> UInt8) {
        for y in 0..<h {
            for x in 0..<w { expected[Self.start + y * Self.stride + x] = value(x, y) }
        }
    }

    mutating func write(_ kernel: (UnsafeMutablePointer<UInt8>) -> Void) {
        written.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            kernel(base + Self.start)
        }
    }

    var isAsExpected: Bool { written == expected }
}

/// A plane whose first or last pixel lies beside memory that ends the process when it is read.
private final class GuardedPlane {
    let plane: Plane
    private let memory: UnsafeMutableRawPointer
    private let length: Int

    init(_ pixels: Pixels, atEnd: Bool) throws {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let stride = pixels.width + 3
        let used = stride * (pixels.height - 1) + pixels.width
        let inside = (used + page - 1) / page * page
        length = inside + 2 * page
        let mapped = mmap(nil, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        memory = try #require(mapped == MAP_FAILED ? nil : mapped)
        try #require(mprotect(memory + page, inside, PROT_READ | PROT_WRITE) == 0)
        let base = (memory + page + (atEnd ? inside - used : 0)).bindMemory(to: UInt8.self, capacity: used)
        for y in 0..<pixels.height {
            for x in 0..<pixels.width { base[y * stride + x] = pixels.values[y * pixels.width + x] }
        }
        plane = Plane(base: base, stride: stride, width: pixels.width, height: pixels.height)
    }

    deinit { munmap(memory, length) }
}
