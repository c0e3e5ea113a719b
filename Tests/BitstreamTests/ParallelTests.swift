import Bitstream
import Codec
import Storage
import SystemPackage
import TestSupport
import Testing

/// The same of every picture at any number of threads, and packet by packet.
@Suite struct ParallelTests {
    @Test(arguments: [
        "bframes-4refs.mp4", "open-gop.h264", "size-change.h264", "cropped.mp4", "two-streams.mkv",
    ])
    func threadsChangeNothing(_ name: String) throws {
        try Self.expectSame(repository.appending("fixtures").appending(name))
    }

    @Test(
        .requires(.sharedStreams),
        arguments: [
            "jcodec_cavlc_test_long_term_cavlc.264", "openh264_BA_MW_D_P_LOST.264", "frext_HCAFR1_HHI.264",
            "openh264_SVA_NL1_B.264",
        ])
    func threadsChangeNothingOfStreams(_ name: String) throws { try Self.expectSame(sharedStream(name)) }

    @Test(arguments: ["direct=temporal:bframes=4:b-pyramid=normal:ref=4", "slices=4:cabac=0:bframes=2"])
    func threadsChangeNothingOfX264(_ options: String) throws {
        try StreamTests.withStream(options, "yuv420p") { try Self.expectSame($0) }
    }

    private static func expectSame(_ path: FilePath) throws {
        let alone = try said(path, threads: 1)
        #expect(!alone.isEmpty)
        for threads in [2, 3, 7] { #expect(try said(path, threads: threads) == alone, "\(threads) threads") }
    }

    /// A packet alone says the same of its macroblocks as the whole stream does.
    @Test(arguments: ["bframes-4refs.mp4", "open-gop.h264", "size-change.h264"])
    func packetsSayTheSame(_ name: String) throws {
        let path = repository.appending("fixtures").appending(name)
        var demuxer = try Demuxer(path: path, streamIndex: nil)
        let packet = try Packet()
        let packets = demuxer.withExtradata { PacketParser(extradata: $0, residual: false) }
        let reader = try BitstreamReader(path: path)
        var count = 0
        while try demuxer.read(into: packet) {
            let picture = try #require(try reader.next())
            let expected = picture.withMacroblocks { Said.numbers($0) }
            let parsed = packets.parse(packet, number: count)
            let alone = try #require(parsed)
            #expect(alone.withMacroblocks { Said.numbers($0) } == expected && alone.width == picture.width)
            count += 1
        }
        #expect(try reader.next() == nil && count > 10)
    }
}

/// All that a picture says, in numbers.
struct Said: Equatable {
    var facts: [Int]
    var slices: [[Int]]
    var damage: [BitstreamDamage]
    var macroblocks: [Int]
    var quantisers: [Int8]
    /// In pixels.
    var size: Size
    var blocks: [PredictedBlock] = []
    var residual: [[Int16]] = []

    init(_ picture: BitstreamPicture) {
        facts = [picture.packet, picture.display, picture.order, picture.bytes, picture.lostSlices]
        slices = picture.slices.map {
            [$0.firstMacroblock, $0.qp, $0.headerBits, $0.bits] + $0.references.flatMap { $0 }
        }
        damage = picture.damage
        macroblocks = picture.withMacroblocks { Self.numbers($0) }
        quantisers = picture.withMacroblocks { $0.filter { $0.slice >= 0 }.map(\.qp) }
        size = Size(width: picture.width * 16, height: picture.height * 16)
        picture.forEachBlock { blocks.append($0) }
        if let residual = picture.residual {
            self.residual = (0..<3).map { residual.withPlane($0) { Array($0) } }
        }
    }

    /// Whether blocks lie in the picture, and QP in its range.
    var isWithinBounds: Bool {
        quantisers.allSatisfy { (0...51).contains($0) }
            && blocks.allSatisfy { block in
                block.x >= 0 && block.y >= 0 && block.x + block.width <= size.width
                    && block.y + block.height <= size.height && max(block.references[0], block.references[1]) < 100_000
            }
    }

    static func numbers(_ all: UnsafeBufferPointer<Macroblock>) -> [Int] {
        var numbers: [Int] = []
        numbers.reserveCapacity(all.count * 8)
        for one in all {
            numbers.append(Int(one.slice))
            guard one.slice >= 0 else { continue }
            numbers += [Int(one.type.rawValue), Int(one.codedBlockPattern), Int(one.qp)]
            numbers += [Int(one.headerBits), Int(one.coefficientBits)]
            guard one.type.isIntra else { continue }
            for block in 0..<16 { numbers.append(one.intraMode(x: block % 4, y: block / 4) ?? -1) }
        }
        return numbers
    }
}

/// All that a stream says.
func said(_ path: FilePath, threads: Int) throws(PFrameError) -> [Said] {
    var options = BitstreamOptions()
    (options.residual, options.threads) = (true, threads)
    let reader = try BitstreamReader(path: path, options: options)
    var pictures: [Said] = []
    while let picture = try reader.next() { pictures.append(Said(picture)) }
    return pictures
}
