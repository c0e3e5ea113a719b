import Bitstream
import Foundation
import Storage
import SystemPackage
import TestSupport
import Testing

/// Mutated streams: never a crash, an endless loop or a block outside the picture; what is damaged is said, and the same
/// at any number of threads.
///
/// A few in every test run; `make fuzz` reads 10,000 in a build under AddressSanitizer.
@Suite struct DamageTests {
    private static let fixtures = [
        "bframes-4refs.mp4", "open-gop.h264", "two-streams.mkv", "size-change.h264", "cropped.mp4",
    ]
    private static let streams = [
        "openh264_MR1_BT_A.h264", "openh264_SVA_CL1_E.264", "frext_HCAFR1_HHI.264", "jcodec_cabac_p_2_seq.264",
        "openh264_test_scalinglist_jm.264", "openh264_QCIF_2P_I_allIPCM.264", "jcodec_scale_list.264",
        "jcodec_cavlc_test_long_term_cavlc.264", "edge264_finish-frame.264", "openh264_BA_MW_D_P_LOST.264",
    ]
    /// Mutations of each.
    private static let count = max(
        20,
        (ProcessInfo.processInfo.environment["PFRAME_FUZZ_STREAMS"].flatMap { Int($0) } ?? 0)
            / (fixtures.count + streams.count))
    /// Bytes of a stream that are mutated and read.
    private static let longest = 60_000

    @Test(arguments: fixtures)
    func mutatedFixturesAreHandled(_ name: String) throws {
        let bytes = try contents(of: repository.appending("fixtures").appending(name))
        let found = try Self.readMutations(of: bytes, seed: UInt64(name.count))
        #expect(
            found.read > Self.count / 2 && found.damaged > Self.count / 4, "mutations must be worth something: \(found)"
        )
    }

    @Test(.requires(.sharedStreams), arguments: streams)
    func mutatedStreamsAreHandled(_ name: String) throws {
        let bytes = try Array(contents(of: sharedStream(name)).prefix(Self.longest))
        let found = try Self.readMutations(of: bytes, seed: UInt64(name.count))
        #expect(found.read + found.refused == Self.count && found.read > Self.count / 10)
    }

    /// Reads files with random bytes changed and ends cut off.
    private static func readMutations(
        of bytes: [UInt8], seed: UInt64
    ) throws -> (read: Int, damaged: Int, refused: Int) {
        var random = SplitMix64(seed: seed)
        var found = (read: 0, damaged: 0, refused: 0)
        try withTemporaryFolder { folder in
            let path = folder.appending("mutated")
            for number in 0..<count {
                var mutated = bytes
                for _ in 0...Int.random(in: 0..<(1 << (number % 6)), using: &random) {
                    let place = Int.random(in: 0..<mutated.count, using: &random)
                    mutated[place] = UInt8.random(in: 0...255, using: &random)
                }
                if number % 5 == 4 { mutated.removeLast(Int.random(in: 1...(mutated.count / 2), using: &random)) }
                try put(mutated, at: path)
                do throws(PFrameError) {
                    let pictures = try said(path, threads: 1)
                    found.read += 1
                    found.damaged += pictures.reduce(0) { $0 + $1.damage.count }
                    #expect(pictures.allSatisfy { $0.isWithinBounds })
                    if number % 4 == 0 { #expect(try said(path, threads: 3) == pictures, "mutation \(number)") }
                } catch {
                    found.refused += 1
                }
            }
        }
        print("fuzz: \(count) streams, \(found.read) read, \(found.damaged) slices damaged, \(found.refused) refused")
        return found
    }

    /// A slice that loses its end is said to be damaged there, and what lies before stands.
    @Test func aCutSliceIsSaid() throws {
        let bytes = try contents(of: repository.appending("fixtures/open-gop.h264"))
        let starts = (0..<bytes.count - 3).filter { bytes[$0...($0 + 2)] == [0, 0, 1] }
        let first = try #require(starts.firstIndex { bytes[$0 + 3] & 31 == 5 })
        try withTemporaryFolder { folder in
            let path = folder.appending("cut.h264")
            try put(Array(bytes[..<(starts[first + 1] - 300)] + bytes[starts[first + 1]...]), at: path)
            let reader = try BitstreamReader(path: path)
            let picture = try #require(try reader.next())
            let damage = try #require(picture.damage.first)
            picture.withMacroblocks { all in
                #expect((1..<all.count).contains(damage.macroblock))
                #expect(all[..<damage.macroblock].allSatisfy { $0.slice == 0 })
                #expect(all[damage.macroblock...].allSatisfy { $0.slice == -1 })
            }
        }
    }
}
