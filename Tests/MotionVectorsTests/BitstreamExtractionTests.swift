import Bitstream
import Codec
import Foundation
import MotionVectors
import Storage
import SystemPackage
import TestSupport
import Testing

/// `--motion-source bitstream`: the folder holds what the reader says, and libavcodec's vectors where both hold one.
@Suite struct BitstreamExtractionTests {
    private static let clip = repository.appending("fixtures/bframes-4refs.mp4")

    private static func extract(
        _ path: FilePath, to folder: FilePath, frames: Int? = nil
    ) throws -> ExtractionSummary {
        var options = ExtractionOptions()
        (options.source, options.frameLimit) = (.bitstream, frames)
        return try ExtractionWriter(path: path, options: options, output: ExtractionOutput(folder: folder)).run()
    }

    private static func array<Element: BitwiseCopyable>(
        _ path: FilePath, _ type: NPYType, _ zero: Element
    ) throws -> (shape: [Int], values: [Element]) {
        let reader = try NPYReader(path: path, type: type)
        var values = [Element](repeating: zero, count: reader.shape.reduce(1, *))
        try values.withUnsafeMutableBufferPointer { buffer throws(PFrameError) in try reader.read(into: buffer) }
        return (reader.shape, values)
    }

    @Test func filesHoldWhatTheStreamSays() throws {
        try withTemporaryFolder { folder in
            let summary = try Self.extract(Self.clip, to: folder.appending("out"))
            #expect(summary.frames == 24 && summary.damaged == 0 && summary.truncation == nil)
            let motion = try Self.array(folder.appending("out/motion.npy"), .int32, Int32(0))
            let macroblocks = try Self.array(folder.appending("out/macroblocks.npy"), .int32, Int32(0))
            let bits = try Self.array(folder.appending("out/bits.npy"), .uint32, UInt32(0))
            let quantisers = try Self.array(folder.appending("out/qp.npy"), .int8, Int8(0))
            #expect(motion.shape == [summary.vectors, 12])
            #expect(macroblocks.shape == [24 * 48, 19])
            #expect(bits.shape == [24, 6, 8] && quantisers.shape == [24, 6, 8])
            for number in 0..<(24 * 48) {
                let row = macroblocks.values[(number * 19)..<(number * 19 + 19)].map { Int($0) }
                #expect(row[0] == number / 48 && row[1] == number % 8 && row[2] == number / 8 % 6)
                #expect(row[7] == Int(quantisers.values[number]) && row[11] + row[12] == Int(bits.values[number]))
            }
            try Self.expectVectors(motion.values, of: Self.clip)
            let slices = try String(decoding: contents(of: folder.appending("out/slices.csv")), as: UTF8.self)
                .split(separator: "\n").dropFirst().map { $0.split(separator: ",", omittingEmptySubsequences: false) }
            #expect(slices.count == 24)
            // Header and macroblocks are the whole slice.
            for slice in slices {
                let (frame, header, all) = (try #require(Int(slice[0])), Int(slice[7]), Int(slice[8]))
                let sum = bits.values[(frame * 48)..<(frame * 48 + 48)].reduce(0) { $0 + Int($1) }
                #expect(try #require(header) + sum == all)
            }
        }
    }

    /// Every 8×8 block or larger one has the vector that libavcodec exports, and predicts from another frame.
    private static func expectVectors(_ rows: [Int32], of path: FilePath) throws {
        var expected: Set<[Int32]> = []
        let reader = try VideoReader(path: path)
        var vectors: [MotionVector] = []
        while let picture = try reader.next() {
            picture.readMotionVectors(into: &vectors)
            for vector in vectors {
                for y in stride(from: vector.top, to: vector.top + Int(vector.height), by: 8) {
                    for x in stride(from: vector.left, to: vector.left + Int(vector.width), by: 8) {
                        expected.insert(
                            [Int32(reader.delivered - 1), vector.source, Int32(x), Int32(y)]
                                + [vector.motionX, vector.motionY])
                    }
                }
            }
        }
        var compared = 0
        for start in stride(from: 0, to: rows.count, by: 12) {
            let row = Array(rows[start..<(start + 12)])
            #expect((0..<24).contains(row[1]) && row[1] != row[0])
            guard row[3] >= 8, row[4] >= 8 else { continue }
            compared += 1
            let corner = [row[7] - row[3] / 2, row[8] - row[4] / 2]
            #expect(expected.contains([row[0], row[2]] + corner + [row[9], row[10]]), "\(row)")
        }
        #expect(compared > 800)
    }

    @Test func framesOfALimitAreTheFirst() throws {
        try withTemporaryFolder { folder in
            let all = try Self.extract(Self.clip, to: folder.appending("all"))
            let some = try Self.extract(Self.clip, to: folder.appending("some"), frames: 10)
            #expect(some.frames == 10 && all.frames == 24)
            func both(_ name: String) throws -> (long: [UInt8], short: [UInt8]) {
                let names = ["all", "some"].map { folder.appending("\($0)/\(name)") }
                return (
                    Array(try contents(of: names[0]).dropFirst(128)), Array(try contents(of: names[1]).dropFirst(128))
                )
            }
            for name in ["bits.npy", "macroblocks.npy"] {
                let (long, short) = try both(name)
                #expect(long.starts(with: short) && !short.isEmpty)
            }
            // A reference that is no frame of the extraction is unknown.
            let (long, short) = try both("motion.npy")
            func rows(_ bytes: [UInt8]) -> [Int32] { bytes.withUnsafeBytes { Array($0.bindMemory(to: Int32.self)) } }
            var expected = rows(long)
            for start in stride(from: 0, to: expected.count, by: 12) where expected[start + 1] >= 10 {
                expected[start + 1] = -1
            }
            #expect(expected != rows(long) && expected.starts(with: rows(short)) && !short.isEmpty)
        }
    }

    @Test func refusesWhatIsOutOfScope() throws {
        try withTemporaryFolder { folder in
            for (name, reason) in [("interlaced.ts", "MBAFF"), ("ten-bit.mp4", "10-bit"), ("mpeg2.mpg", "mpeg2video")] {
                let error = #expect(throws: PFrameError.self) {
                    _ = try Self.extract(repository.appending("fixtures/\(name)"), to: folder.appending("out"))
                }
                #expect(error?.code == .unsupported && error?.message.contains(reason) == true)
            }
        }
    }

    /// Beside a decoder, a packet that speaks of another size than the picture says nothing of it.
    @Test func anotherSizeSaysNothing() throws {
        let sets = CraftedStream.configuration(CraftedStream.sequence(64, 4), CraftedStream.picture())
        // libavcodec refuses a sequence that is cropped away.
        let units = [CraftedStream.sequence(4, 64, crop: 60_000), CraftedStream.slice(count: 256, number: 1, value: 9)]
        let packets: [CraftedStream.FLVPacket] = [
            .configuration(sets), .units([CraftedStream.slice(count: 256, number: 0)], isKey: true),
            .units(units, isKey: true), .units([CraftedStream.slice(count: 256, number: 0)], isKey: true),
        ]
        try withTemporaryFolder { folder in
            let path = folder.appending("size.flv")
            try put(CraftedStream.flv(packets), at: path)
            var options = ExtractionOptions()
            (options.source, options.accumulate) = (.bitstream, true)
            var output = ExtractionOutput(folder: folder.appending("out"))
            output.codedResidual = true
            let summary = try ExtractionWriter(path: path, options: options, output: output).run()
            #expect(summary.frames == 3)
            let bits = try Self.array(folder.appending("out/bits.npy"), .uint32, UInt32(0))
            let quantisers = try Self.array(folder.appending("out/qp.npy"), .int8, Int8(0))
            #expect(bits.shape == [3, 4, 64])
            for frame in 0..<3 {
                let places = (frame * 256)..<(frame * 256 + 256)
                #expect(bits.values[places].allSatisfy { (frame == 0) == ($0 > 3072) }, "frame \(frame)")
                #expect(quantisers.values[places].allSatisfy { $0 == (frame == 0 ? 0 : -1) }, "frame \(frame)")
            }
            #expect(try VideoSurvey(path: path).bitstream == "in scope")
        }
    }
}
