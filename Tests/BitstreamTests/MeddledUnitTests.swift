import Bitstream
import Codec
import Foundation
import Storage
import SystemPackage
import TestSupport
import Testing

/// Packets with units that no encoder puts together: what belongs to a picture is read, what does not is counted.
@Suite struct MeddledUnitTests {
    private static let sets = CraftedStream.configuration(CraftedStream.sequence(4, 4), CraftedStream.picture())

    /// Lends an FLV file.
    private static func withFLV(
        _ packets: [CraftedStream.FLVPacket], _ body: (FilePath) throws -> Void
    ) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("meddled.flv")
            try put(CraftedStream.flv(packets), at: path)
            try body(path)
        }
    }

    private static func picture(_ number: Int, between units: [[UInt8]] = []) -> CraftedStream.FLVPacket {
        let slices = [
            CraftedStream.slice(count: 8, number: number & 1, value: number),
            CraftedStream.slice(first: 8, count: 8, number: number & 1, value: number),
        ]
        return .units([slices[0]] + units + [slices[1]], isKey: true)
    }

    @Test func aSliceOfAnotherSizeIsLost() throws {
        let units = [
            CraftedStream.sequence(512, 256), CraftedStream.slice(first: 131_071, count: 1, number: 1),
            CraftedStream.sequence(4, 4),
        ]
        let packets = (0..<6).map { Self.picture($0, between: $0 == 3 ? units : []) }
        try Self.withFLV([.configuration(Self.sets)] + packets) { path in
            let pictures = try said(path, threads: 1)
            #expect(pictures.count == 6)
            for (number, picture) in pictures.enumerated() {
                #expect(picture.facts[4] == (number == 3 ? 1 : 0) && picture.size == Size(width: 64, height: 64))
                #expect(picture.damage.isEmpty && picture.slices.count == 2 && picture.quantisers.count == 16)
            }
            #expect(try said(path, threads: 3) == pictures)
        }
    }

    /// Slices that begin where the one before does are no slices of the picture, and a frame has sixteen references.
    @Test func slicesOfAPictureAreNoMoreThanItsMacroblocks() throws {
        let sets = CraftedStream.configuration(CraftedStream.sequence(4, 4), CraftedStream.picture(isWeighted: true))
        let slice = CraftedStream.skippingSlice(count: 16, references: 16)
        let packets: [CraftedStream.FLVPacket] = [
            .configuration(sets), Self.picture(0), Self.picture(1),
            .units(Array(repeating: slice, count: 3000), isKey: false),
            .units([CraftedStream.skippingSlice(count: 16, references: 17)], isKey: false), Self.picture(0),
        ]
        try Self.withFLV(packets) { path in
            let reader = try BitstreamReader(path: path)
            var pictures: [[Int]] = []
            while let picture = try reader.next() {
                pictures.append([picture.packet, picture.slices.count, picture.lostSlices])
                guard picture.packet == 2 else { continue }
                #expect(picture.slices[0].references.map(\.count) == [16, 16])
                #expect(picture.slices[0].weighting == .explicit)
            }
            #expect(pictures == [[0, 2, 0], [1, 2, 0], [2, 1, 2999], [4, 2, 0]])
            #expect(reader.lostPackets.map(\.number) == [3])
        }
    }

    /// A packet that holds nothing that is known is lost; one of SEI and delimiters alone is not.
    @Test func packetsWithoutPicturesAreToldApart() throws {
        let packets: [CraftedStream.FLVPacket] = [
            .configuration(Self.sets), Self.picture(0),
            .units([[0x06, 0x05, 0x01, 0xAA, 0x80]], isKey: false), .units([[0x09, 0xF0]], isKey: false),
            .units([[], [], []], isKey: false), .units([[0x00, 0x00, 0x00]], isKey: false),
            .units([[0xE5, 0x88, 0x80]], isKey: false), Self.picture(1),
        ]
        try Self.withFLV(packets) { path in
            let reader = try BitstreamReader(path: path)
            var pictures: [Int] = []
            while let picture = try reader.next() { pictures.append(picture.packet) }
            #expect(pictures == [0, 6] && reader.lostPackets.map(\.number) == [3, 4, 5])
        }
    }

    /// A picture parameter set that does not fit the new sequence parameter set is gone, and the others stand.
    @Test func setsThatDoNotFitAreGone() throws {
        let units = [
            CraftedStream.sequence(4, 4, isTenBit: true), CraftedStream.picture(number: 1, chromaOffset: 20),
            CraftedStream.sequence(4, 4), CraftedStream.slice(count: 16, number: 1, set: 1),
        ]
        let packets: [CraftedStream.FLVPacket] = [
            .configuration(Self.sets), Self.picture(0), .units(units, isKey: true), Self.picture(1),
        ]
        try Self.withFLV(packets) { path in
            let reader = try BitstreamReader(path: path)
            var pictures: [Int] = []
            while let picture = try reader.next() { pictures.append(picture.packet) }
            #expect(pictures == [0, 2] && reader.lostPackets.map(\.number) == [1])
        }
    }

    /// What the profile excludes is damage once pictures were read, and out of scope before.
    @Test(arguments: [UInt8(2), 3, 4]) func aPartitionIsDamage(_ type: UInt8) throws {
        let partition: [UInt8] = [0x60 | type] + CraftedStream.slice(count: 1, number: 0).dropFirst()
        try Self.withFLV([.configuration(Self.sets), Self.picture(0), Self.picture(1, between: [partition])]) { path in
            let pictures = try said(path, threads: 1)
            #expect(pictures.map { $0.facts[4] } == [0, 1])
        }
        try Self.withFLV([.configuration(Self.sets), .units([partition], isKey: true), Self.picture(0)]) { path in
            let error = #expect(throws: PFrameError.self) { _ = try said(path, threads: 1) }
            #expect(error?.code == .unsupported && error?.message.contains("data partitioning") == true)
        }
    }

    /// Parameters that the container sends on the way hold from their packet on, as they do for libavcodec.
    @Test func containersSendNewParameters() throws {
        try withTemporaryFolder { folder in
            var joined: [UInt8] = []
            for (number, quantiser) in [20, 36].enumerated() {
                let path = folder.appending("\(quantiser).flv")
                let process = Process()
                process.executableURL = URL(filePath: try #require(program("ffmpeg")))
                process.arguments =
                    [
                        "-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=size=176x112:rate=10", "-frames:v",
                        "10",
                    ]
                    + ["-pix_fmt", "yuv420p", "-c:v", "libx264", "-qp", "\(quantiser)", path.string]
                try process.run()
                process.waitUntilExit()
                try #require(process.terminationStatus == 0)
                // A file without its header continues another.
                joined += try contents(of: path).dropFirst(number == 0 ? 0 : 13)
            }
            let path = folder.appending("joined.flv")
            try put(joined, at: path)
            let check = try StreamCheck(path)
            #expect(check.holds && check.missing == 0 && check.pictures == 20, "\(check)")
            #expect(check.quantisers.count == 20 * 77 && check.identity.count > 200)
        }
    }

    /// What is out of scope ends reading behind the pictures before it, at any number of threads.
    @Test func picturesBeforeTheEndOfTheScopeAreGiven() throws {
        try withTemporaryFolder { folder in
            var bytes: [UInt8] = []
            for format in ["yuv420p", "yuv420p10"] {
                let path = folder.appending(format + ".h264")
                let process = Process()
                process.executableURL = URL(filePath: try #require(program("ffmpeg")))
                process.arguments =
                    ["-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=size=64x64:rate=10", "-frames:v", "40"]
                    + ["-pix_fmt", format, "-c:v", "libx264", path.string]
                try process.run()
                process.waitUntilExit()
                try #require(process.terminationStatus == 0)
                bytes += try contents(of: path)
            }
            let path = folder.appending("both.h264")
            try put(bytes, at: path)
            for threads in [1, 2, 5] {
                var options = BitstreamOptions()
                options.threads = threads
                let reader = try BitstreamReader(path: path, options: options)
                var displays: Set<Int> = []
                let error = #expect(throws: PFrameError.self) {
                    while let picture = try reader.next() { displays.insert(picture.display) }
                }
                #expect(error?.message.contains("10-bit pictures") == true)
                #expect(displays == Set(0..<40), "\(threads) threads")
            }
        }
    }
}
