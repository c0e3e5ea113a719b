import CTorch
public import Codec
public import Storage

/// An array of libtorch: elements of one type, with gradients where they are asked for.
///
/// Images are `(N, H, W, C)` throughout, clips `(B·T, H, W, C)` with the frames folded into the batch. A tensor owns its
/// handle; operations make new ones and throw `PFrameError` with libtorch's own words where shapes do not fit.
public final class Tensor {
    /// The handle, for calls of `CTorch`.
    public let handle: OpaquePointer

    /// Takes over a handle.
    init(owning handle: OpaquePointer) { self.handle = handle }

    deinit { ct_tensor_free(handle) }

    /// Takes what a call of libtorch makes.
    static func made(
        _ what: @autoclosure () -> String, by call: (UnsafeMutablePointer<OpaquePointer?>) -> ct_status
    ) throws(PFrameError) -> Tensor {
        var result: OpaquePointer?
        try check(call(&result), what())
        guard let result else { throw PFrameError("\(what()): libtorch gave nothing") }
        return Tensor(owning: result)
    }

    /// A tensor with every element `value`.
    public static func full(
        _ shape: [Int], _ value: Double, type: ElementType = .float32, device: Device = .cpu
    ) throws(PFrameError) -> Tensor {
        let sizes = shape.map(Int64.init)
        return try made("making \(shape)") { ct_full(sizes, Int32(sizes.count), value, type.code, device.code, $0) }
    }

    /// A tensor of zeros.
    public static func zeros(
        _ shape: [Int], type: ElementType = .float32, device: Device = .cpu
    ) throws(PFrameError) -> Tensor { try full(shape, 0, type: type, device: device) }

    /// Copies elements in C order to a device, without waiting for what the device still computes.
    public convenience init(
        bytes: UnsafeRawBufferPointer, type: ElementType, shape: [Int], device: Device = .cpu
    ) throws(PFrameError) {
        let sizes = shape.map(Int64.init)
        var result: OpaquePointer?
        try check(
            ct_from_bytes(bytes.baseAddress, bytes.count, sizes, Int32(sizes.count), type.code, device.code, &result),
            "making \(shape)")
        guard let result else { throw PFrameError("making \(shape): libtorch gave nothing") }
        self.init(owning: result)
    }

    /// Copies float32 elements in C order.
    public convenience init(_ values: [Float], shape: [Int]? = nil, device: Device = .cpu) throws(PFrameError) {
        try self.init(elements: values, type: .float32, shape: shape ?? [values.count], device: device)
    }

    /// Copies int64 elements in C order: indices.
    public convenience init(_ values: [Int64], shape: [Int]? = nil, device: Device = .cpu) throws(PFrameError) {
        try self.init(elements: values, type: .int64, shape: shape ?? [values.count], device: device)
    }

    /// Copies elements in C order that are of `type` in memory.
    public convenience init<Element: BitwiseCopyable>(
        elements: [Element], type: ElementType, shape: [Int], device: Device = .cpu
    ) throws(PFrameError) {
        let sizes = shape.map(Int64.init)
        var result: OpaquePointer?
        let status = elements.withUnsafeBytes {
            ct_from_bytes($0.baseAddress, $0.count, sizes, Int32(sizes.count), type.code, device.code, &result)
        }
        try check(status, "making \(shape)")
        guard let result else { throw PFrameError("making \(shape): libtorch gave nothing") }
        self.init(owning: result)
    }

    /// The length of every dimension.
    public var shape: [Int] {
        let count = Int(ct_dimensions(handle))
        let sizes = [Int64](unsafeUninitializedCapacity: count) { buffer, initialized in
            if let base = buffer.baseAddress { ct_sizes(handle, base) }
            initialized = count
        }
        return sizes.map(Int.init)
    }

    /// Elements in all.
    public var count: Int { shape.reduce(1, *) }

    /// The type of the elements.
    public var type: ElementType { ElementType(ct_tensor_type(handle)) }

    /// Where the elements are.
    public var device: Device { Device(ct_tensor_device(handle)) }

    /// Copies the elements out in C order as bytes of their type.
    public func bytes() throws(PFrameError) -> [UInt8] {
        let length = count * type.size
        var status = CT_OK
        let result = [UInt8](unsafeUninitializedCapacity: length) { buffer, initialized in
            status = ct_to_bytes(handle, buffer.baseAddress, length)
            initialized = status == CT_OK ? length : 0
        }
        try check(status, "copying \(shape) out")
        return result
    }

    /// Copies the elements out in C order as float32, whatever their type.
    public func floats() throws(PFrameError) -> [Float] {
        let source = try to(.float32)
        let count = self.count
        var status = CT_OK
        let result = [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            status = ct_to_bytes(source.handle, buffer.baseAddress, count * 4)
            initialized = status == CT_OK ? count : 0
        }
        try check(status, "copying \(shape) out")
        return result
    }

    /// The one element, as a number.
    public func item() throws(PFrameError) -> Double {
        let values = try floats()
        guard values.count == 1 else { throw PFrameError("one number was expected of a tensor of shape \(shape)") }
        return Double(values[0])
    }

    /// Overwrites the elements with bytes in C order of the tensor's type.
    public func set(_ bytes: UnsafeRawBufferPointer) throws(PFrameError) {
        try check(ct_set_bytes(handle, bytes.baseAddress, bytes.count), "filling \(shape)")
    }

    /// Overwrites the elements with those of another, converted.
    public func set(_ source: Tensor) throws(PFrameError) {
        try check(ct_copy_into(handle, source.handle), "copying \(source.shape) into \(shape)")
    }

    /// Overwrites every element with a number.
    public func fill(_ value: Double) throws(PFrameError) { try check(ct_fill(handle, value), "filling \(shape)") }

    /// Lends the elements of a dense tensor on the CPU; they must not be stored.
    public func withBytes<Result>(
        _ body: (UnsafeRawBufferPointer) throws(PFrameError) -> Result
    ) throws(PFrameError) -> Result {
        guard let pointer = ct_data(handle) else { throw PFrameError("a tensor \(shape) that is not dense in memory") }
        return try body(UnsafeRawBufferPointer(start: pointer, count: count * type.size))
    }

    /// Lends the elements of a dense tensor on the CPU for writing; they must not be stored.
    public func withMutableBytes<Result>(
        _ body: (UnsafeMutableRawBufferPointer) throws(PFrameError) -> Result
    ) throws(PFrameError) -> Result {
        guard let pointer = ct_data(handle) else { throw PFrameError("a tensor \(shape) that is not dense in memory") }
        return try body(UnsafeMutableRawBufferPointer(start: pointer, count: count * type.size))
    }
}

@available(*, unavailable)
extension Tensor: Sendable {}

extension ElementType {
    var code: ct_type {
        switch self {
        case .float32: CT_FLOAT32
        case .float16: CT_FLOAT16
        case .bfloat16: CT_BFLOAT16
        case .float64: CT_FLOAT64
        case .int64: CT_INT64
        case .int32: CT_INT32
        case .int16: CT_INT16
        case .int8: CT_INT8
        case .uint8: CT_UINT8
        case .bool: CT_BOOL
        }
    }

    init(_ code: ct_type) {
        self = Self.allCases.first { $0.code == code } ?? .float32
    }
}

extension Tensor {
    /// Copies frames to a tensor on the CPU, uint8 `(N, H, W, 3)`.
    ///
    /// - Parameters:
    ///   - frames: uint8 RGB `(N, H, W, 3)`, contiguous.
    ///   - size: W and H in pixels.
    /// - Throws: if these are not whole frames.
    public static func frames(_ frames: Span<UInt8>, size: Size) throws(PFrameError) -> Tensor {
        let area = size.width * size.height * 3
        guard area > 0, frames.count % area == 0 else {
            throw PFrameError("\(frames.count) bytes are not whole RGB frames of \(size)")
        }
        let shape = [frames.count / area, size.height, size.width, 3]
        return try frames.withUnsafeBytes { bytes throws(PFrameError) in
            try Tensor(bytes: bytes, type: .uint8, shape: shape)
        }
    }
}
