import CKernels
import Codec
import MotionVectors

/// Times every C kernel against the Swift loop of the same meaning and the plain reference, and prints a line each.
///
/// It lives while the texture is lent.
struct KernelTimes {
    let stopwatch: Stopwatch
    /// A texture to predict from and to compare with.
    private let texture: pframe_plane

    private let outputs: [UnsafeMutablePointer<UInt8>]
    private let residual: UnsafeMutablePointer<Int16>
    private let count = 1280

    init(stopwatch: Stopwatch, texture: borrowing Plane) {
        self.stopwatch = stopwatch
        self.texture = pframe_plane(
            base: texture.base, stride: texture.stride, width: Int32(texture.width), height: Int32(texture.height))
        outputs = (0..<3).map { _ in
            let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: 1280)
            memory.initialize(repeating: 0, count: 1280)
            return memory
        }
        residual = .allocate(capacity: 1280)
        residual.initialize(repeating: 0, count: 1280)
    }

    func printAll() {
        print("ns of one 16x16 or 8x8 block, or of one row of \(count) pixels; best of \(stopwatch.repetitions)")
        print("kernel".column(24) + "        C  Swift loop  plain Swift   loop / C  plain / C")
        for size in [16, 8] {
            for phase in 0..<16 { luma(phase & 3, phase >> 2, size) }
        }
        for size in [8, 4] { chroma(size) }
        for size in [16, 8] { half(size) }
        for size in [16, 8] { average(size) }
        for size in [16, 8] { sums(size) }
        rows()
    }

    // A place whose filters stay inside the plane.
    private var x: Int { 321 }
    private var y: Int { 123 }
    private var origin: UnsafePointer<UInt8> { texture.base + y * texture.stride + x }
    private var other: UnsafePointer<UInt8> { origin + 5 * texture.stride + 3 }
    private var third: UnsafePointer<UInt8> { origin - 2 * texture.stride + 7 }
    private var plane: Plane {
        Plane(
            base: UnsafeMutablePointer(mutating: texture.base), stride: texture.stride, width: Int(texture.width),
            height: Int(texture.height))
    }

    private func luma(_ fx: Int, _ fy: Int, _ size: Int) {
        let (qx, qy, side) = (Int32(x * 4 + fx), Int32(y * 4 + fy), Int32(size))
        blocks(
            "luma \(fx)/4 \(fy)/4 \(size)x\(size)", size,
            kernel: { pframe_predict_luma($0, 16, texture, qx, qy, side, side) },
            loop: { SwiftLoops.luma($0, 16, origin, texture.stride, fx, fy, size, size) },
            plain: { PlainKernels.luma(plane, x: (x + $0) * 4 + fx, y: (y + $1) * 4 + fy) })
    }

    private func chroma(_ size: Int) {
        let side = Int32(size)
        blocks(
            "chroma 3/8 5/8 \(size)x\(size)", size,
            kernel: { pframe_predict_chroma($0, 16, texture, Int32(x * 8 + 3), Int32(y * 8 + 5), side, side) },
            loop: { SwiftLoops.chroma($0, 16, origin, texture.stride, 3, 5, size, size) },
            plain: { PlainKernels.chroma(plane, x: (x + $0) * 8 + 3, y: (y + $1) * 8 + 5) })
    }

    private func half(_ size: Int) {
        let side = Int32(size)
        blocks(
            "half-pel 1/2 1/2 \(size)x\(size)", size,
            kernel: { pframe_predict_half($0, 16, texture, Int32(x * 2 + 1), Int32(y * 2 + 1), side, side, 0) },
            loop: { SwiftLoops.halfPel($0, 16, origin, texture.stride, size, size) },
            plain: { PlainKernels.half(plane, x: (x + $0) * 2 + 1, y: (y + $1) * 2 + 1, rounding: 0) })
    }

    private func average(_ size: Int) {
        let side = Int32(size)
        blocks(
            "average \(size)x\(size)", size,
            kernel: { pframe_average($0, 16, origin, texture.stride, other, texture.stride, side, side) },
            loop: { SwiftLoops.average($0, origin, texture.stride, other, texture.stride, size, size) }, plain: nil)
    }

    private func sums(_ size: Int) {
        let (stride, side) = (texture.stride, Int32(size))
        values(
            "sad \(size)x\(size)",
            kernel: { pframe_sad(origin, stride, other, stride, side, side) },
            loop: { SwiftLoops.sad(origin, stride, other, stride, size, size) },
            plain: { PlainKernels.sad(origin, stride, other, stride, size, size) })
        values(
            "sad_average \(size)x\(size)",
            kernel: { pframe_sad_average(origin, stride, other, stride, third, stride, side, side) },
            loop: { SwiftLoops.sadAverage(origin, other, third, stride, size, size) }, plain: nil)
    }

    private func rows() {
        let (frame, prediction) = (texture.base, texture.base + 40 * texture.stride)
        let (residual, stopwatch) = (residual, stopwatch)
        report(
            "subtract row", stopwatch.measure { pframe_subtract(residual, frame, prediction, count) },
            stopwatch.measure { SwiftLoops.subtract(residual, frame, prediction, count) }, nil)
        report(
            "add row", stopwatch.measure { pframe_add(outputs[0], prediction, residual, count) },
            stopwatch.measure { SwiftLoops.add(outputs[1], prediction, residual, count) }, nil)
        for index in 0..<count {
            precondition(outputs[0][index] == frame[index] && outputs[1][index] == frame[index], "add: wrong pixel")
        }
        values(
            "sum_magnitude row", kernel: { pframe_sum_magnitude(residual, count) },
            loop: { SwiftLoops.sumOfMagnitudes(residual, count) }, plain: nil)
    }

    /// Kernels that write a block; all must write the same.
    private func blocks(
        _ name: String, _ size: Int, kernel: (UnsafeMutablePointer<UInt8>) -> Void,
        loop: (UnsafeMutablePointer<UInt8>) -> Void, plain: ((_ dx: Int, _ dy: Int) -> UInt8)?
    ) {
        let kernelTime = stopwatch.measure { kernel(outputs[0]) }
        let loopTime = stopwatch.measure { loop(outputs[1]) }
        let plainTime = plain.map { pixel in
            stopwatch.measure {
                for index in 0..<(size * size) {
                    outputs[2][index / size * 16 + index % size] = pixel(index % size, index / size)
                }
            }
        }
        for index in 0..<(size * size) {
            let place = index / size * 16 + index % size
            precondition(
                outputs[0][place] == outputs[1][place] && (plain == nil || outputs[0][place] == outputs[2][place]),
                "\(name): the implementations differ")
        }
        report(name, kernelTime, loopTime, plainTime)
    }

    /// Kernels that return a sum; all must return the same.
    private func values<Value: FixedWidthInteger>(
        _ name: String, kernel: () -> Value, loop: () -> Value, plain: (() -> Value)?
    ) {
        let result = kernel()
        precondition(result == loop() && (plain == nil || result == plain?()), "\(name): the implementations differ")
        // Results go to memory that the next call might read, or the compiler would move the work out of the loop.
        let sink = UnsafeMutablePointer<Value>.allocate(capacity: 1)
        sink.initialize(to: result)
        defer { sink.deallocate() }
        report(
            name, stopwatch.measure { sink.pointee = kernel() }, stopwatch.measure { sink.pointee = loop() },
            plain.map { plain in stopwatch.measure { sink.pointee = plain() } })
    }

    private func report(_ name: String, _ kernel: Double, _ loop: Double, _ plain: Double?) {
        let reference = plain?.column(13) ?? String(repeating: " ", count: 13)
        let ratio = plain.map { ($0 / kernel).column(11) } ?? ""
        let ratios = (loop / kernel).column(11) + ratio
        print(name.column(24) + kernel.column(9) + loop.column(12) + reference + ratios)
    }
}
