import CKernels
public import Codec
import Storage

/// The residual of a 4:2:0 picture: three `Int16` planes of `frame − prediction`, luma `(H, W)` and chroma
/// `(ceil(H/2), ceil(W/2))`, values −255…255.
///
/// It is a *closure* residual: the decoded picture minus our prediction, not the residual that the encoder coded.
public final class Residual {
    /// Luma size.
    public let size: Size
    private let planes: [UnsafeMutableBufferPointer<Int16>]

    /// An unset residual.
    public init(size: Size) {
        self.size = size
        planes = [size, size.chroma, size.chroma].map { .allocate(capacity: $0.width * $0.height) }
        for plane in planes { plane.initialize(repeating: 0) }
    }

    deinit {
        for plane in planes { plane.deallocate() }
    }

    /// Width and height of plane 0…2.
    public func extent(_ index: Int) -> Size { index == 0 ? size : size.chroma }

    /// Lends plane 0…2, row-major without gaps.
    public func withPlane<Result, Failure: Error>(
        _ index: Int, _ body: (UnsafeMutableBufferPointer<Int16>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(planes[index])
    }

    /// `r = frame − prediction`, no clipping; a nil prediction is 0 everywhere.
    public func subtract(_ prediction: Picture?, from frame: Picture) {
        for index in 0..<3 {
            let (extent, target) = (extent(index), planes[index])
            let out = target.baseAddress.unsafelyUnwrapped
            frame.withPlane(index) { source in
                guard let prediction else {
                    Self.widen(source, extent, into: out)
                    return
                }
                prediction.withPlane(index) { predicted in
                    for row in 0..<extent.height {
                        pframe_subtract(
                            out + row * extent.width, source.base + row * source.stride,
                            predicted.base + row * predicted.stride, extent.width)
                    }
                }
            }
        }
    }

    /// `frame = prediction + r`; a nil prediction is 0 everywhere.
    public func add(to prediction: Picture?, into frame: Picture) {
        for index in 0..<3 {
            let (extent, values) = (extent(index), planes[index])
            let residual = values.baseAddress.unsafelyUnwrapped
            frame.withPlane(index) { target in
                guard let prediction else {
                    Self.narrow(residual, extent, into: target)
                    return
                }
                prediction.withPlane(index) { predicted in
                    for row in 0..<extent.height {
                        pframe_add(
                            target.base + row * target.stride, predicted.base + row * predicted.stride,
                            residual + row * extent.width, extent.width)
                    }
                }
            }
        }
    }

    private static func widen(_ source: borrowing Plane, _ extent: Size, into out: UnsafeMutablePointer<Int16>) {
        for row in 0..<extent.height {
            for column in 0..<extent.width {
                out[row * extent.width + column] = Int16(source.base[row * source.stride + column])
            }
        }
    }

    private static func narrow(_ values: UnsafePointer<Int16>, _ extent: Size, into target: borrowing Plane) {
        for row in 0..<extent.height {
            for column in 0..<extent.width {
                target.base[row * target.stride + column] =
                    UInt8(truncatingIfNeeded: values[row * extent.width + column])
            }
        }
    }
}

@available(*, unavailable)
extension Residual: Sendable {}
