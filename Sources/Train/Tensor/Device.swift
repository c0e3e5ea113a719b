import CTorch
public import Storage

/// Where tensors live and operations run.
public enum Device: String, Sendable, CaseIterable {
    /// The processor's memory.
    case cpu
    /// The first CUDA device, where libtorch was built with CUDA.
    case cuda
    /// Nowhere: shapes without elements, for counting what a model would take.
    case meta

    /// Makes the device ready for use.
    ///
    /// - Throws: `PFrameError` if libtorch or the machine has no such device.
    public func open() throws(PFrameError) {
        try check(ct_open_device(code), "cannot use the device \(rawValue)")
        // Until the number of threads is set, MKL takes as many as it likes for each product: sums come out in another
        // order from run to run, and OpenMP makes new threads at every change.
        Self.threads = Self.threads
    }

    /// Waits until the device has done what it was given.
    public func synchronize() throws(PFrameError) { try check(ct_synchronize(code), "waiting for \(rawValue)") }

    /// The most of its memory that tensors held at once, in bytes; 0 for the CPU, whose memory is the process's.
    public var highestMemory: Int { Int(ct_highest_memory(code)) }

    /// Whether it multiplies bfloat16 without emulating it.
    public var hasBFloat16: Bool { ct_has_bfloat16(code) }

    /// Whether it has no arithmetic of this precision, and takes detours through another.
    public func emulates(_ precision: Precision) -> Bool { precision == .bfloat16 && !hasBFloat16 }

    /// Threads of operations on the CPU.
    public static var threads: Int {
        get { Int(ct_threads()) }
        set { ct_set_threads(Int32(newValue)) }
    }

    var code: ct_device {
        switch self {
        case .cpu: CT_CPU
        case .cuda: CT_CUDA
        case .meta: CT_META
        }
    }
}

/// The one place where a status of libtorch becomes an error.
func check(_ status: ct_status, _ what: @autoclosure () -> String) throws(PFrameError) {
    guard status != CT_OK else { return }
    let message = String(cString: ct_message())
    if status == CT_OUT_OF_MEMORY {
        throw PFrameError(.full, "\(what()): out of memory (\(message)): take a smaller batch")
    }
    throw PFrameError("\(what()): \(message)")
}
