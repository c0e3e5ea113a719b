import CKernels
import Codec
import Storage

/// A picture in 8-bit HSV, three planes: hue 0…179, saturation and value 0…255 (OpenCV's `COLOR_BGR2HSV`).
final class HSVPicture {
    let size: Size
    private let hue: UnsafeMutablePointer<UInt8>
    private let saturation: UnsafeMutablePointer<UInt8>
    private let value: UnsafeMutablePointer<UInt8>

    /// A black picture.
    init(_ size: Size) {
        self.size = size
        func plane() -> UnsafeMutablePointer<UInt8> {
            let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: size.width * size.height)
            memory.initialize(repeating: 0, count: size.width * size.height)
            return memory
        }
        (hue, saturation, value) = (plane(), plane(), plane())
    }

    deinit {
        hue.deallocate()
        saturation.deallocate()
        value.deallocate()
    }

    /// Sets a row from `size.width` pixels of 32 bits, blue lowest.
    func set(_ row: Int, _ pixels: UnsafePointer<UInt32>) {
        let start = row * size.width
        pframe_pixels_to_hsv(hue + start, saturation + start, value + start, pixels, size.width)
    }

    /// The mean absolute differences to a picture of the same size.
    func difference(to other: HSVPicture) -> ContentScore {
        precondition(size == other.size, "pictures of different sizes")
        let pixels = Double(max(1, size.width * size.height))
        return ContentScore(
            hue: Double(sum(hue, other.hue)) / pixels, saturation: Double(sum(saturation, other.saturation)) / pixels,
            luma: Double(sum(value, other.value)) / pixels)
    }

    private func sum(_ a: UnsafePointer<UInt8>, _ b: UnsafePointer<UInt8>) -> Int {
        // So many pixels at a time: the kernel's sum has 32 bits.
        let (count, step) = (size.width * size.height, 1 << 20)
        return stride(from: 0, to: count, by: step).reduce(0) { sum, start in
            sum + Int(pframe_sad(a + start, 0, b + start, 0, Int32(min(step, count - start)), 1))
        }
    }
}

@available(*, unavailable)
extension HSVPicture: Sendable {}
