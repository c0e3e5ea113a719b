internal import CTorch
import Glibc
package import Storage

/// The six functions of NCCL, NVIDIA's library of sums and copies between GPUs, that PFrame calls, as `nccl.h` has them.
///
/// `libnccl.so.2` comes with PyTorch for CUDA. It is opened when it is needed, so that programs run without it.
package struct NCCL {
    /// `ncclComm_t`.
    package typealias Handle = OpaquePointer

    /// `ncclDataType_t`.
    package enum DataType: Int32, Sendable {
        case uint8 = 1
        case float32 = 7
        case float64 = 8
    }

    /// `ncclRedOp_t`.
    package enum Operation: Int32, Sendable {
        case sum = 0
    }

    /// Bytes of an `ncclUniqueId`.
    package static let idLength = MemoryLayout<ct_nccl_id>.size

    /// `ncclGetUniqueId`: fills ``idLength`` bytes.
    package let getUniqueId: (_ id: inout [UInt8]) -> Int32
    /// `ncclCommInitRank`: returns when all ranks called it.
    package let commInitRank: (_ handle: inout Handle?, _ ranks: Int32, _ id: [UInt8], _ rank: Int32) -> Int32
    /// `ncclAllReduce`: `count` in elements; the call returns before the sum is there.
    package let allReduce:
        (
            _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer, _ count: Int, DataType, Operation, Handle,
            _ stream: UnsafeMutableRawPointer
        ) -> Int32
    /// `ncclBroadcast`: `count` in elements; the call returns before the copy is there.
    package let broadcast:
        (
            _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer, _ count: Int, DataType, _ root: Int32,
            Handle,
            _ stream: UnsafeMutableRawPointer
        ) -> Int32
    /// `ncclCommDestroy`.
    package let commDestroy: (Handle) -> Int32
    /// `ncclGetErrorString`.
    package let getErrorString: (_ code: Int32) -> String

    /// Functions by themselves.
    package init(
        getUniqueId: @escaping (inout [UInt8]) -> Int32,
        commInitRank: @escaping (inout Handle?, Int32, [UInt8], Int32) -> Int32,
        allReduce:
            @escaping (
                UnsafeRawPointer, UnsafeMutableRawPointer, Int, DataType, Operation, Handle, UnsafeMutableRawPointer
            ) -> Int32,
        broadcast:
            @escaping (
                UnsafeRawPointer, UnsafeMutableRawPointer, Int, DataType, Int32, Handle, UnsafeMutableRawPointer
            ) -> Int32, commDestroy: @escaping (Handle) -> Int32, getErrorString: @escaping (Int32) -> String
    ) {
        (self.getUniqueId, self.commInitRank, self.commDestroy) = (getUniqueId, commInitRank, commDestroy)
        (self.allReduce, self.broadcast, self.getErrorString) = (allReduce, broadcast, getErrorString)
    }

    /// The functions of a library.
    ///
    /// - Parameter library: its name, for the loader to find, or its path.
    /// - Throws: `PFrameError` if there is no such library, or it lacks one of the functions.
    package init(library: String = "libnccl.so.2") throws(PFrameError) {
        guard let opened = dlopen(library, RTLD_NOW) else {
            let reason = dlerror().map { String(cString: $0) } ?? library
            throw PFrameError(
                .missing,
                "GPUs of several processes exchange gradients by NCCL, and it cannot be opened (\(reason)): install PyTorch "
                    + "for CUDA with its dependencies, or put the folder of libnccl.so.2 into LD_LIBRARY_PATH")
        }
        func function<Function>(_ name: String, _ type: Function.Type) throws(PFrameError) -> Function {
            guard let symbol = dlsym(opened, name) else {
                throw PFrameError(.unsupported, "\(library) has no \(name): it is no NCCL 2")
            }
            return unsafeBitCast(symbol, to: type)
        }
        typealias Memory = UnsafeMutableRawPointer
        typealias Transfer = @convention(c) (UnsafeRawPointer, Memory, Int, Int32, Int32, Handle, Memory) -> Int32
        let getUniqueId = try function(
            "ncclGetUniqueId", (@convention(c) (UnsafeMutablePointer<ct_nccl_id>) -> Int32).self)
        let commInitRank = try function(
            "ncclCommInitRank",
            (@convention(c) (UnsafeMutablePointer<Handle?>, Int32, ct_nccl_id, Int32) -> Int32).self)
        // The fifth argument is the operation of the one and the root of the other.
        let allReduce = try function("ncclAllReduce", Transfer.self)
        let broadcast = try function("ncclBroadcast", Transfer.self)
        let commDestroy = try function("ncclCommDestroy", (@convention(c) (Handle) -> Int32).self)
        let getErrorString = try function(
            "ncclGetErrorString", (@convention(c) (Int32) -> UnsafePointer<CChar>?).self)
        self.init(
            getUniqueId: { id in
                var made = ct_nccl_id()
                let code = getUniqueId(&made)
                id = withUnsafeBytes(of: made) { Array($0) }
                return code
            },
            commInitRank: { handle, ranks, id, rank in
                var given = ct_nccl_id()
                withUnsafeMutableBytes(of: &given) { $0.copyBytes(from: id.prefix(Self.idLength)) }
                return commInitRank(&handle, ranks, given, rank)
            },
            allReduce: { allReduce($0, $1, $2, $3.rawValue, $4.rawValue, $5, $6) },
            broadcast: { broadcast($0, $1, $2, $3.rawValue, $4, $5, $6) }, commDestroy: { commDestroy($0) },
            getErrorString: { code in getErrorString(code).map { String(cString: $0) } ?? "error \(code)" })
    }

    /// The one place where a code of NCCL becomes an error.
    func check(_ code: Int32, _ what: @autoclosure () -> String) throws(PFrameError) {
        guard code != 0 else { return }
        throw PFrameError("\(what()): NCCL: \(getErrorString(code)); NCCL_DEBUG=WARN makes NCCL say more")
    }
}

@available(*, unavailable)
extension NCCL: Sendable {}
