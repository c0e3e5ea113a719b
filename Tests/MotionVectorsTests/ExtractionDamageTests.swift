import Bitstream
import Codec
import Foundation
import MotionVectors
import Storage
import SystemPackage
import TestSupport
import Testing

/// Streams whose units are meddled with: moved, doubled, left out, broken, with parameter sets of other sizes among them.
/// An extraction ends, and what it writes is of one size.
///
/// A few in every test run; `make fuzz` reads more in a build under AddressSanitizer.
@Suite struct ExtractionDamageTests {
    private static let count = max(
        6, (ProcessInfo.processInfo.environment["PFRAME_FUZZ_STREAMS"].flatMap { Int($0) } ?? 0) / 20)

    /// Extracts in one of four ways; the first two decode no picture.
    private static func extract(_ path: FilePath, way: Int, to folder: FilePath) throws(PFrameError) -> Bool {
        var (options, output) = (ExtractionOptions(), ExtractionOutput(folder: folder))
        if way == 0 { options.references = .exact } else { options.source = .bitstream }
        if way == 2 { output.residual = .npy }
        output.codedResidual = way % 2 == 1
        options.accumulate = way == 3
        return try ExtractionWriter(path: path, options: options, output: output).run().damaged > 0
    }

    private typealias Units = (units: [[UInt8]], isKey: Bool)

    /// The packets of a video as lists of units, and its `avcC`.
    private static func packets(of path: FilePath) throws -> (configuration: [UInt8], packets: [Units]) {
        var demuxer = try Demuxer(path: path)
        let configuration = demuxer.withExtradata { Array($0) }
        let packet = try Packet()
        var packets: [Units] = []
        while try demuxer.read(into: packet) {
            let bytes = packet.withBytes { Array($0) }
            var (units, place) = ([[UInt8]](), 0)
            while place + 4 <= bytes.count {
                let size = bytes[place..<(place + 4)].reduce(0) { $0 << 8 | Int($1) }
                units.append(Array(bytes[(place + 4)..<(place + 4 + size)]))
                place += 4 + size
            }
            packets.append((units, packet.isKey))
        }
        return (configuration, packets)
    }

    @Test(arguments: [
        "slices=4:bframes=2:weightp=2:ref=3", "slices=8:cabac=0:bframes=3:direct=temporal:weightb=1:ref=4",
    ])
    func meddledUnitsAreHandled(_ options: String) throws {
        try withTemporaryFolder { folder in
            let clip = folder.appending("clip.mp4")
            let process = Process()
            process.executableURL = URL(filePath: try #require(program("ffmpeg")))
            process.arguments =
                ["-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=size=64x128:rate=10", "-frames:v", "16"]
                + ["-vf", "noise=alls=9:allf=t,format=yuv420p", "-c:v", "libx264"]
                + ["-x264-params", "threads=1:keyint=8:\(options)", clip.string]
            try process.run()
            process.waitUntilExit()
            try #require(process.terminationStatus == 0)
            let (configuration, packets) = try Self.packets(of: clip)
            try #require(packets.count == 16 && packets.allSatisfy { $0.units.count >= 4 })
            var random = SplitMix64(seed: UInt64(options.count))
            var found = (whole: 0, damaged: 0, refused: 0)
            for number in 0..<Self.count {
                let meddled = packets.map { packet in
                    CraftedStream.FLVPacket.units(
                        Self.meddle(packet.units, packets.flatMap { $0.units }, &random), isKey: packet.isKey)
                }
                let path = folder.appending("meddled.flv")
                try put(CraftedStream.flv([.configuration(configuration)] + meddled), at: path)
                do throws(PFrameError) {
                    let isDamaged = try Self.extract(path, way: number % 4, to: folder.appending("out"))
                    if isDamaged { found.damaged += 1 } else { found.whole += 1 }
                    _ = try VideoSurvey(path: path, frameLimit: 16)
                } catch {
                    found.refused += 1
                }
            }
            print("fuzz: \(found) extractions of meddled units")
            #expect(found.damaged > 0 && found.whole < Self.count / 2, "meddling must be worth something: \(found)")
        }
    }

    /// Changes the units of a packet in a third of all packets.
    private static func meddle(
        _ units: [[UInt8]], _ others: [[UInt8]], _ random: inout SplitMix64
    ) -> [[UInt8]] {
        guard Int.random(in: 0..<3, using: &random) == 0 else { return units }
        var units = units
        let place = Int.random(in: 0..<units.count, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0:
            let sizes = [(1, 1), (4, 8), (8, 4), (2, 16), (16, 16), (40, 30)]
            let (width, height) = sizes[Int.random(in: 0..<sizes.count, using: &random)]
            let crop = Bool.random(using: &random) ? nil : Int.random(in: 0...60_000, using: &random)
            units.insert(CraftedStream.sequence(width, height, crop: crop), at: place)
            units.insert(CraftedStream.picture(isWeighted: Bool.random(using: &random)), at: place + 1)
            let first = Int.random(in: 0..<(width * height), using: &random)
            units.insert(CraftedStream.slice(first: first, count: 1, number: 0), at: place + 2)
        case 1: units.insert(others[Int.random(in: 0..<others.count, using: &random)], at: place)
        case 2: units += Array(repeating: units[place], count: Int.random(in: 1...200, using: &random))
        case 3: units.remove(at: place)
        case 4: units.swapAt(place, Int.random(in: 0..<units.count, using: &random))
        default:
            // Headers are short: most changes hit them.
            let reach = min(units[place].count, Bool.random(using: &random) ? 8 : .max)
            guard reach > 0 else { break }
            units[place][Int.random(in: 0..<reach, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        return units
    }
}
