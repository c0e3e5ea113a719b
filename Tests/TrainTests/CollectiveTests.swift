import CollectiveChecks
import Foundation
import Storage
import SystemPackage
import TestSupport
import Testing
import Train

/// Sums and copies over ranks that are threads, over a double of NCCL, and over NCCL itself where there is a GPU. The same
/// checks run over MPI in `GradientExchangeTests`.
@Suite struct CollectiveTests {
    @Test(arguments: [1, 2, 3]) func threadsDoAsTheyShould(ranks: Int) throws {
        let results = ThreadRanks.run(ranks) { try CollectiveChecks.problems(of: $0) }
        for result in results { #expect(try result.get() == []) }
    }

    @Test(arguments: [1, 2, 3]) func ranksDoAsTheyShouldOverNCCL(ranks: Int) throws {
        let results = ThreadRanks.run(ranks) { rank in
            let double = NCCLDouble(rank)
            let collective = try NCCLCollective(double.functions, device: .cpu, host: rank)
            let problems = try CollectiveChecks.problems(of: collective)
            try collective.close()
            return (problems: problems, calls: double.calls, stream: double.streams.map { UInt(bitPattern: $0) })
        }
        let found = try results.map { try $0.get() }
        #expect(found.allSatisfy { $0.problems.isEmpty }, "\(found)")
        // Rank 0 alone names the group; from then on all make the same calls, each on a stream of its own.
        #expect(found[0].calls.first == "id of 0")
        let sums = ["allReduce 1 float32 sum", "allReduce 35 float64 sum", "allReduce 100003 float32 sum"]
        let copies = (0..<ranks).flatMap { root in
            ["broadcast 24 uint8 \(root)"] + (root > 0 ? ["broadcast \(3 * root) uint8 \(root)"] : [])
        }
        for (rank, one) in found.enumerated() {
            #expect(Array(one.calls.dropFirst(rank == 0 ? 1 : 0)) == ["join \(ranks)"] + sums + copies + ["destroy"])
            #expect(one.stream.count == 1, "\(one.stream)")
        }
        #expect(Set(found.flatMap(\.stream)).count == ranks)
    }

    @Test func twoRanksTrainWhatOneDoesOverNCCL() throws {
        let one = try CollectiveChecks.trained(nil, batch: 8, steps: 5)
        let results = ThreadRanks.run(2) { rank in
            let double = NCCLDouble(rank)
            let collective = try NCCLCollective(double.functions, device: .cpu, host: rank)
            return (try CollectiveChecks.trained(collective, batch: 8, steps: 5), double.calls)
        }
        let (first, second) = (try results[0].get(), try results[1].get())
        #expect(first.0 == second.0)
        #expect(one.count == first.0.count)
        #expect(zip(one, first.0).allSatisfy { abs($0 - $1) <= 1e-5 * max(abs($0), 1e-2) })
        // Several buckets, and none but sums while it trains.
        let sums = second.1.filter { $0.hasPrefix("allReduce") }
        #expect(sums.count >= 10 && sums.count % 5 == 0, "\(second.1)")
    }

    /// A rank that makes another call, or the same with other arguments, ends all.
    @Test(arguments: ["count", "type", "function", "root"]) func otherCallsAreRefused(difference: String) throws {
        let results = ThreadRanks.run(2) { rank in
            let collective = try NCCLCollective(NCCLDouble(rank).functions, device: .cpu, host: rank)
            let isOther = rank.rank == 1
            let count = difference == "count" && isOther ? 3 : 4
            let tensor = try Tensor.zeros([count], type: difference == "type" && isOther ? .float64 : .float32)
            if difference == "root" || (difference == "function" && isOther) {
                try collective.broadcast(tensor, from: isOther ? 1 : 0)
            } else {
                try collective.allReduce(tensor).wait()
            }
        }
        for result in results {
            let error = #expect(throws: PFrameError.self) { try result.get() }
            #expect(error?.message.contains("NCCL: invalid usage") == true, "\(String(describing: error))")
        }
    }

    @Test func refusesTensorsThatAreNotDenseOnItsDevice() throws {
        let results = ThreadRanks.run(1) { rank in
            let collective = try NCCLCollective(NCCLDouble(rank).functions, device: .cpu, host: rank)
            _ = try collective.allReduce(Tensor.zeros([2, 3]).permuted([1, 0]))
        }
        let error = #expect(throws: PFrameError.self) { try results[0].get() }
        #expect(error?.message == "a tensor [3, 2] on cpu is not dense on cpu")
    }

    /// What the library gets, through its C interface, is what `nccl.h` declares.
    @Test func callsALibraryAsItsHeaderSays() throws {
        try withTemporaryFolder { folder in
            let library = folder.appending("libnccl.so.2").string
            let compiler = Process()
            compiler.executableURL = URL(filePath: "/usr/bin/env")
            compiler.arguments = ["cc", "-shared", "-fPIC", "-o", library, "\(repository)/Tests/Peers/nccl.c"]
            try compiler.run()
            compiler.waitUntilExit()
            #expect(compiler.terminationStatus == 0)
            let nccl = try NCCL(library: library)
            var (id, handle): ([UInt8], NCCL.Handle?) = ([], nil)
            #expect(nccl.getUniqueId(&id) == 0)
            #expect(id == (0..<128).map { UInt8(truncatingIfNeeded: $0 * 7) })
            #expect(nccl.commInitRank(&handle, 3, id, 1) == 4 && nccl.commInitRank(&handle, 3, id, 2) == 0)
            let own = try #require(handle)
            let opened = try #require(dlopen(library, RTLD_NOW))
            let symbol = try #require(dlsym(opened, "test_stream"))
            let stream = unsafeBitCast(symbol, to: (@convention(c) () -> UnsafeMutableRawPointer).self)()
            var floats: [Float] = [1, 2, 3]
            floats.withUnsafeMutableBytes {
                guard let base = $0.baseAddress else { return }
                #expect(nccl.allReduce(base, base, 3, .float32, .sum, own, stream) == 0)
                #expect(nccl.allReduce(base, base, 3, .float64, .sum, own, stream) == 4)
                #expect(nccl.broadcast(base, base, 12, .uint8, 1, own, stream) == 0)
                #expect(nccl.broadcast(base, base, 12, .uint8, 0, own, stream) == 4)
            }
            #expect(floats == [3, 6, 9])
            #expect(nccl.commDestroy(own) == 0 && nccl.getErrorString(4) == "invalid argument")
        }
    }

    @Test func saysWhatIsMissing() throws {
        let absent = #expect(throws: PFrameError.self) { _ = try NCCL(library: "libnccl-that-is-not-there.so.2") }
        #expect(absent?.code == .missing && absent?.message.contains("LD_LIBRARY_PATH") == true)
        let other = #expect(throws: PFrameError.self) { _ = try NCCL(library: "libc.so.6") }
        #expect(other?.message == "libc.so.6 has no ncclGetUniqueId: it is no NCCL 2")
    }

    @Test(.requires(.cuda)) func oneRankOnCUDA() throws {
        let results = ThreadRanks.run(1) { rank in
            try Device.cuda.open()
            let collective = try NCCLCollective(NCCL(), device: .cuda, host: rank)
            let trained = try CollectiveChecks.trained(collective, batch: 4, steps: 5, device: .cuda)
            let problems = try CollectiveChecks.problems(of: collective)
            try collective.close()
            return (problems, trained)
        }
        let (problems, trained) = try results[0].get()
        let alone = try CollectiveChecks.trained(nil, batch: 4, steps: 5)
        #expect(problems.isEmpty, "\(problems)")
        #expect(zip(alone, trained).allSatisfy { abs($0 - $1) <= 1e-3 * max(abs($0), 1e-1) })
    }
}
