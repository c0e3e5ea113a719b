import Bitstream
import Foundation
import Storage
import SystemPackage
import TestSupport
import Testing

/// Mutated streams: never a crash, an endless loop or a block outside the picture; what is damaged is said.
@Suite struct DamageTests {
    @Test(arguments: [
        "bframes-4refs.mp4", "open-gop.h264", "two-streams.mkv", "size-change.h264", "cropped.mp4",
    ])
    func mutatedFixturesAreHandled(_ name: String) throws {
        let bytes = try contents(of: repository.appending("fixtures").appending(name))
        let found = try Self.readMutations(of: bytes, count: 40, seed: UInt64(name.count))
        #expect(found.read > 20 && found.damaged > 10, "the mutations must be worth something: \(found)")
    }

    @Test(
        .requires(.sharedStreams),
        arguments: [
            "openh264_MR1_BT_A.h264", "openh264_SVA_CL1_E.264", "frext_HCAFR1_HHI.264", "jcodec_cabac_p_2_seq.264",
            "openh264_test_scalinglist_jm.264", "openh264_QCIF_2P_I_allIPCM.264", "jcodec_scale_list.264",
            "jcodec_cavlc_test_long_term_cavlc.264", "edge264_finish-frame.264", "openh264_BA_MW_D_P_LOST.264",
        ])
    func mutatedStreamsAreHandled(_ name: String) throws {
        let found = try Self.readMutations(of: contents(of: sharedStream(name)), count: 20, seed: UInt64(name.count))
        #expect(found.read + found.refused == 20 && found.read > 2)
    }

    /// Reads files with random bytes changed and ends cut off.
    private static func readMutations(
        of bytes: [UInt8], count: Int, seed: UInt64
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
                    let result = try read(path)
                    found = (found.read + 1, found.damaged + result.damaged, found.refused)
                    #expect(result.outside == 0)
                } catch {
                    found.refused += 1
                }
            }
        }
        return found
    }

    /// Reads all that a stream says: the slices that are damaged, and what lies outside its bounds.
    private static func read(_ path: FilePath) throws(PFrameError) -> (damaged: Int, outside: Int) {
        var options = BitstreamOptions()
        options.residual = true
        let reader = try BitstreamReader(path: path, options: options)
        var (damaged, outside) = (0, 0)
        while let picture = try reader.next() {
            damaged += picture.damage.count
            let (width, height) = (picture.width * 16, picture.height * 16)
            picture.forEachBlock { block in
                let isInside =
                    block.x >= 0 && block.y >= 0 && block.x + block.width <= width && block.y + block.height <= height
                if !isInside || max(block.references[0], block.references[1]) > 100_000 { outside += 1 }
            }
            picture.withMacroblocks { all in
                for record in all where record.slice >= 0 && !(0...51).contains(record.qp) { outside += 1 }
            }
        }
        return (damaged, outside)
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
