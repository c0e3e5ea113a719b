import CTorch
public import Storage

/// Where tensors live and operations run: a kind of device, and of several GPUs which one.
public struct Device: Sendable, Hashable, CustomStringConvertible {
    /// The kinds of devices.
    public enum Kind: String, Sendable, CaseIterable {
        /// The processor's memory.
        case cpu
        /// A GPU, where libtorch was built with CUDA.
        case cuda
        /// Nowhere: shapes without elements, for counting what a model would take.
        case meta
    }

    /// The kind.
    public let kind: Kind
    /// The number of a GPU among those that the process sees, from 0; 0 for the other kinds.
    public let index: Int

    private init(_ kind: Kind, _ index: Int = 0) { (self.kind, self.index) = (kind, index) }

    /// A GPU by its number.
    public init(cuda index: Int) { self.init(.cuda, index) }

    /// The processor.
    public static let cpu = Device(.cpu)
    /// The first GPU.
    public static let cuda = Device(.cuda)
    /// Shapes without elements.
    public static let meta = Device(.meta)

    /// `cpu`, `cuda:0` or `meta`.
    public var description: String { kind == .cuda ? "cuda:\(index)" : kind.rawValue }

    /// How many GPUs the process sees, at least 1: those of `CUDA_VISIBLE_DEVICES`, where it is set.
    ///
    /// - Throws: `PFrameError` if libtorch was built without CUDA or the machine has no GPU.
    public static func countOfGPUs() throws(PFrameError) -> Int {
        var count: Int32 = 0
        try check(ct_cuda_devices(&count), "cannot use the device cuda")
        return Int(count)
    }

    /// Makes the device ready for use.
    ///
    /// - Throws: `PFrameError` if libtorch or the machine has no such device.
    public func open() throws(PFrameError) {
        try check(ct_open_device(code), "cannot use the device \(self)")
        // Until the number of threads is set, MKL takes as many as it likes for each product: sums come out in another
        // order from run to run, and OpenMP makes new threads at every change.
        Self.threads = Self.threads
    }

    /// Waits until the device has done what it was given.
    public func synchronize() throws(PFrameError) { try check(ct_synchronize(code), "waiting for \(self)") }

    /// The most of its memory that tensors held at once, in bytes; 0 for the CPU, whose memory is the process's.
    public var highestMemory: Int { Int(ct_highest_memory(code)) }

    /// What NVIDIA's driver says of a GPU: its name, such as `NVIDIA H100 80GB HBM3`, and the bytes of its memory; nil for
    /// the other kinds.
    public var facts: (name: String, memory: Int)? {
        var memory: Int64 = 0
        var name = [CChar](repeating: 0, count: 256)
        guard ct_describe_device(code, &name, Int32(name.count), &memory) else { return nil }
        let bytes = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return (String(decoding: bytes, as: UTF8.self), Int(memory))
    }

    /// Whether it multiplies bfloat16 without emulating it.
    public var hasBFloat16: Bool { ct_has_bfloat16(code) }

    /// Whether it has no arithmetic of this precision, and takes detours through another.
    public func emulates(_ precision: Precision) -> Bool { precision == .bfloat16 && !hasBFloat16 }

    /// Threads of operations on the CPU.
    public static var threads: Int {
        get { Int(ct_threads()) }
        set { ct_set_threads(Int32(newValue)) }
    }

    init(_ code: ct_device) {
        self =
            switch code.kind {
            case CT_CUDA: Device(cuda: Int(code.index))
            case CT_META: .meta
            default: .cpu
            }
    }

    var code: ct_device {
        let kind =
            switch kind {
            case .cpu: CT_CPU
            case .cuda: CT_CUDA
            case .meta: CT_META
            }
        return ct_device(kind: kind, index: Int32(index))
    }
}

/// The one place where a status of libtorch becomes an error.
func check(_ status: ct_status, _ what: @autoclosure () -> String) throws(PFrameError) {
    guard status != CT_OK else { return }
    let message = String(cString: ct_message())
    if status == CT_OUT_OF_MEMORY {
        throw PFrameError(.full, "\(what())\(PFrameError.outOfMemory)(\(message)): take a smaller batch")
    }
    throw PFrameError("\(what()): \(message)")
}

extension PFrameError {
    fileprivate static let outOfMemory = ": out of memory "

    /// Whether libtorch found no memory for a tensor.
    public var isOutOfMemory: Bool { code == .full && path == nil && message.contains(Self.outOfMemory) }
}
