import Bitstream
import Foundation
import Storage
import SystemPackage
import TestSupport
import Testing

/// Macroblock types beside what `ffmpeg -debug mb_type` prints of every picture.
@Suite struct MacroblockTypeTests {
    @Test(arguments: ["bframes-4refs.mp4", "one-reference.mp4", "cropped.mp4", "open-gop.h264", "full-range.mp4"])
    func equalThoseOfFFmpegOnFixtures(_ name: String) throws {
        #expect(try Self.compare(repository.appending("fixtures").appending(name)) > 700)
    }

    @Test(
        .requires(.sharedStreams),
        arguments: [
            "openh264_QCIF_2P_I_allIPCM.264", "frext_HCAFR1_HHI.264", "jcodec_cabac_test_b_8x8.264",
            "jcodec_cavlc_test_b_4x4_cavlc.264", "openh264_SVA_NL1_B.264",
        ])
    func equalThoseOfFFmpegOnStreams(_ name: String) throws {
        #expect(try Self.compare(sharedStream(name)) > 10)
    }

    @Test(arguments: [
        "cabac=0:ref=3:bframes=0:partitions=all:8x8dct=0", "direct=temporal:bframes=4:partitions=all",
        "direct=spatial:bframes=3:partitions=all:slices=3",
    ])
    func equalThoseOfFFmpegOnX264(_ options: String) throws {
        try StreamTests.withStream(options, "yuv420p") { path in
            let count = try Self.compare(path)
            #expect(count == 20 * 77)
        }
    }

    /// Compares every macroblock; returns how many there are.
    private static func compare(_ path: FilePath) throws -> Int {
        let expected = try printed(path)
        var pictures: [Int: [String]] = [:]
        let reader = try BitstreamReader(path: path)
        while let picture = try reader.next() { pictures[picture.display] = letters(picture) }
        #expect(pictures.count == expected.count)
        var count = 0
        for (display, letters) in pictures.sorted(by: { $0.key < $1.key }) where display < expected.count {
            #expect(letters.count == expected[display].count)
            count += letters.count
            let wrong = zip(letters, expected[display]).enumerated().first { _, pair in
                // FFmpeg divides a direct macroblock as its vectors allow, which its type does not say.
                pair.0.first == pair.1.first && (pair.0 == pair.1 || "dD".contains(pair.0.prefix(1))) ? false : true
            }
            if let (address, (mine, theirs)) = wrong {
                Issue.record("picture \(display) macroblock \(address): \"\(mine)\", not \"\(theirs)\"")
            }
        }
        return count
    }

    /// The two letters of every macroblock of every picture in display order, as FFmpeg prints them.
    private static func printed(_ path: FilePath) throws -> [[String]] {
        let ffmpeg = ["ffmpeg", "-nostdin", "-nostats", "-v", "debug", "-threads", "1", "-debug", "mb_type"]
        let outcome = try Python.run(ffmpeg + ["-i", path.string, "-map", "0:v:0", "-f", "null", "-"])
        try #require(outcome.status == 0)
        var pictures: [[String]] = []
        var decoder: Substring = ""
        var isTable = false
        for line in outcome.errors.split(separator: "\n") {
            // "[h264 @ 0x55dbedd78dc0] ": which decoder prints.
            guard let end = line.range(of: "] ") else { continue }
            let text = line[end.upperBound...]
            if text.hasPrefix("New frame, type:") {
                // The first decoder looks at the first pictures alone, to tell what the stream is.
                if line[..<end.lowerBound] != decoder { pictures.removeAll() }
                decoder = line[..<end.lowerBound]
                pictures.append([])
                isTable = true
            } else if isTable, text.count % 3 == 0, text.allSatisfy({ "PAiIdDgGS><X+-|? =".contains($0) }) {
                let row = Array(text)
                pictures[pictures.count - 1] += stride(from: 0, to: row.count, by: 3).map { String(row[$0...($0 + 1)]) }
            } else {
                isTable = false
            }
        }
        return pictures
    }

    /// What FFmpeg's letters say: how a macroblock is predicted, and how it is divided.
    private static func letters(_ picture: BitstreamPicture) -> [String] {
        var lists = [Int](repeating: 0, count: picture.width * picture.height)
        picture.forEachBlock { block in
            lists[block.macroblock] |= (block.indices[0] >= 0 ? 1 : 0) | (block.indices[1] >= 0 ? 2 : 0)
        }
        return picture.withMacroblocks { all in
            all.enumerated().map { address, macroblock in
                let list = [">", "<", "X"][max(0, lists[address] - 1)]
                return switch macroblock.type {
                case .pcm: "P "
                case .intra4x4, .intra8x8: "i "
                case .intra16x16: "I "
                case .pSkip: "S "
                case .bSkip: "d "
                case .bDirect: "D "
                case .p16x16, .b16x16: list + " "
                case .p16x8, .b16x8: list + "-"
                case .p8x16, .b8x16: list + "|"
                case .p8x8: list + "+"
                // Its type names both lists, whichever its quarters use.
                case .b8x8: "X+"
                }
            }
        }
    }
}
