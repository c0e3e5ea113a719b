import Foundation
import Storage
import Train

/// Stands in for NCCL where there is no GPU: sums and copies the memory of threads, and refuses what NCCL leaves undefined:
/// ranks that call different functions, or one with different counts, types or roots.
final class NCCLDouble {
    /// `ncclInvalidUsage`.
    static let invalidUsage: Int32 = 5

    /// The calls of this rank in their order: the function and its arguments.
    private(set) var calls: [String] = []
    /// The streams of this rank's calls.
    private(set) var streams: Set<UnsafeMutableRawPointer> = []
    private let rank: ThreadRank
    private let handle = UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1)

    init(_ rank: ThreadRank) { self.rank = rank }

    deinit { handle.deallocate() }

    /// Its functions, as of one rank.
    var functions: NCCL {
        NCCL(
            getUniqueId: { [self] id in
                id = (0..<NCCL.idLength).map { UInt8($0 ^ 0x5A) }
                calls.append("id of \(rank.rank)")
                return 0
            },
            commInitRank: { [self] made, ranks, id, rank in
                guard id == (0..<NCCL.idLength).map({ UInt8($0 ^ 0x5A) }), rank == self.rank.rank else {
                    return Self.invalidUsage
                }
                made = OpaquePointer(handle)
                return meets("join \(ranks)") ? 0 : Self.invalidUsage
            },
            allReduce: { [self] source, target, count, type, operation, handle, stream in
                guard handle == OpaquePointer(self.handle), source == UnsafeRawPointer(target) else {
                    return Self.invalidUsage
                }
                streams.insert(stream)
                guard meets("allReduce \(count) \(type) \(operation)") else { return Self.invalidUsage }
                return type == .float64
                    ? sum(target.bindMemory(to: Double.self, capacity: count), count)
                    : sum(target.bindMemory(to: Float.self, capacity: count), count)
            },
            broadcast: { [self] source, target, count, type, root, handle, stream in
                guard handle == OpaquePointer(self.handle), source == UnsafeRawPointer(target), type == .uint8 else {
                    return Self.invalidUsage
                }
                streams.insert(stream)
                guard meets("broadcast \(count) \(type) \(root)"),
                    let parts = gather(UnsafeRawBufferPointer(start: source, count: count))
                else { return Self.invalidUsage }
                target.copyMemory(from: parts[Int(root)], byteCount: count)
                return 0
            },
            commDestroy: { [self] handle in
                calls.append("destroy")
                return handle == OpaquePointer(self.handle) ? 0 : Self.invalidUsage
            },
            getErrorString: { $0 == Self.invalidUsage ? "invalid usage" : "code \($0)" })
    }

    /// The bytes of all ranks; nil where a rank does not come.
    private func gather(_ bytes: UnsafeRawBufferPointer) -> [[UInt8]]? {
        do throws(PFrameError) { return try rank.all.gather(rank.rank, Array(bytes)) } catch { return nil }
    }

    /// Whether all ranks make the same call now.
    private func meets(_ call: String) -> Bool {
        calls.append(call)
        guard let all = Array(call.utf8).withUnsafeBytes({ gather($0) }) else { return false }
        return all.allSatisfy { $0 == all[0] }
    }

    private func sum<Number: BinaryFloatingPoint & BitwiseCopyable>(
        _ values: UnsafeMutablePointer<Number>, _ count: Int
    ) -> Int32 {
        guard let parts = gather(UnsafeRawBufferPointer(start: values, count: count * MemoryLayout<Number>.size)) else {
            return Self.invalidUsage
        }
        for index in 0..<count { values[index] = 0 }
        for part in parts {
            part.withUnsafeBytes { bytes in
                for (index, value) in bytes.bindMemory(to: Number.self).enumerated() { values[index] += value }
            }
        }
        return 0
    }
}
