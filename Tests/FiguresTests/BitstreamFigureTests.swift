import Bitstream
import Codec
import Figures
import Storage
import SystemPackage
import TestSupport
import Testing

/// Where the figure of a stream shows what, beside the macroblocks that the stream holds.
@Suite struct BitstreamFigureTests {
    /// Left top corners of the panels of a picture of 128×96 pixels, enlarged four times, in two rows without a title: a
    /// margin of 24, 30 for the line of facts, 28 for a panel's heading, 46 for its legend; 22 between panels.
    private static let panels = [(x: 24, y: 82), (x: 558, y: 82), (x: 24, y: 562), (x: 558, y: 562)]
    private static let path = repository.appending("fixtures/bframes-4refs.mp4")

    private static func color(_ image: RGBImage, panel: Int, x: Int, y: Int) -> RGBColor {
        let at = 3 * ((panels[panel].y + y) * image.width + panels[panel].x + x)
        return RGBColor(red: image.pixels[at], green: image.pixels[at + 1], blue: image.pixels[at + 2])
    }

    /// The macroblocks and blocks of a frame.
    private static func said(_ display: Int) throws -> (macroblocks: [Macroblock], blocks: [PredictedBlock]) {
        let reader = try BitstreamReader(path: path)
        while let picture = try reader.next() {
            guard picture.display == display else { continue }
            var blocks: [PredictedBlock] = []
            picture.forEachBlock { blocks.append($0) }
            return (picture.withMacroblocks { Array($0) }, blocks)
        }
        throw PFrameError(.missing, path: path, "no frame \(display)")
    }

    @Test(arguments: [0, 1, 4, 8])
    func panelsShowTheMacroblocks(_ display: Int) throws {
        try Self.check(BitstreamFigure(path: Self.path).still(frame: display), shows: display)
    }

    /// Frames of a part count from its first, which is a key frame, or between two.
    @Test(arguments: [(0.48, 12), (0.6, 15)])
    func framesOfAPartCountFromItsFirst(start: Double, first: Int) throws {
        let figure = try BitstreamFigure(path: Self.path, span: TimeSpan(start: start, end: 0.9))
        try Self.check(figure.still(frame: 0), shows: first)
        try Self.check(figure.still(frame: 5), shows: first + 5)
        let past = #expect(throws: PFrameError.self) { try figure.still(frame: 23 - first) }
        #expect(past?.message.contains("it has \(23 - first) frames") == true, "\(past?.message ?? "")")
    }

    private static func check(_ image: RGBImage, shows display: Int) throws {
        let (macroblocks, _) = try said(display)
        #expect(image.width == 1094 && image.height == 1016)
        // Orange, yellow, pale yellow, violet, blue, light blue and grey, as Okabe and Ito have them.
        let colors: [MacroblockType: UInt32] = [
            .intra4x4: 0xD55E00, .intra8x8: 0xE69F00, .intra16x16: 0xF0E442, .pcm: 0xCC79A7, .bDirect: 0x56B4E9,
            .pSkip: 0xE8ECEF, .bSkip: 0xE8ECEF,
        ]
        let bits = macroblocks.map { Float($0.headerBits + $0.coefficientBits) }
        let limit = ColorScale.niceLimit(try #require(bits.max()), minimum: 10)
        for (address, macroblock) in macroblocks.enumerated() {
            let (x, y) = (address % 8 * 64 + 32, address / 8 * 64 + 32)
            #expect(
                color(image, panel: 1, x: x, y: y) == RGBColor(colors[macroblock.type] ?? 0x0072B2),
                "frame \(display) macroblock \(address): \(macroblock.type)")
            #expect(
                color(image, panel: 2, x: x, y: y) == ColorScale.magnitude(limit: limit).color(bits[address]),
                "frame \(display) macroblock \(address): \(bits[address]) bits")
            #expect(
                color(image, panel: 3, x: x, y: y)
                    == ColorScale.magnitude(limit: 50).color(Float(macroblock.qp)),
                "frame \(display) macroblock \(address): QP \(macroblock.qp)")
        }
    }

    /// Lines lie at the left and the upper edge of every block, and nowhere else.
    @Test func linesPartTheBlocks() throws {
        let image = try BitstreamFigure(path: Self.path).still(frame: 4)
        let (macroblocks, blocks) = try Self.said(4)
        var expected = Set<[Int]>()
        func outline(_ x: Int, _ y: Int, _ width: Int, _ height: Int) {
            if x > 0 { for row in 0..<(height * 4) { expected.insert([x * 4, y * 4 + row]) } }
            if y > 0 { for column in 0..<(width * 4) { expected.insert([x * 4 + column, y * 4]) } }
        }
        for block in blocks { outline(block.x, block.y, block.width, block.height) }
        for (address, macroblock) in macroblocks.enumerated() where macroblock.type.isIntra {
            let size = [MacroblockType.intra4x4: 4, .intra8x8: 8][macroblock.type] ?? 16
            for part in 0..<(256 / size / size) {
                let (x, y) = (part % (16 / size) * size, part / (16 / size) * size)
                outline(address % 8 * 16 + x, address / 8 * 16 + y, size, size)
            }
        }
        var found = Set<[Int]>()
        for y in 0..<384 {
            for x in 0..<512 where Self.color(image, panel: 0, x: x, y: y) == RGBColor(0xFFD53D) {
                found.insert([x, y])
            }
        }
        #expect(found == expected && blocks.contains { $0.width == 8 })
    }

    @Test func filmsAndRefusals() throws {
        try withTemporaryFolder { folder in
            let output = folder.appending("film.mp4")
            #expect(try BitstreamFigure(path: Self.path, frameLimit: 5).film(to: output) { _, _ in } == 5)
            let film = try VideoReader(path: output)
            var frames = 0
            while let picture = try film.next() {
                #expect(picture.size.width >= 1094)
                frames += 1
            }
            #expect(frames == 5)
            let past = #expect(throws: PFrameError.self) { try BitstreamFigure(path: Self.path).still(frame: 24) }
            #expect(past?.message.contains("has no frame 24: it has 24 frames") == true)
            let interlaced = repository.appending("fixtures/interlaced.ts")
            let refused = #expect(throws: PFrameError.self) { try BitstreamFigure(path: interlaced).still(frame: 0) }
            #expect(refused?.code == .unsupported && refused?.message.contains("MBAFF") == true)
        }
    }

    /// Where a packet speaks of another size than the decoder, nothing is known of its picture, and the figure is drawn.
    @Test func whatIsNotKnownIsHatched() throws {
        let sets = CraftedStream.configuration(CraftedStream.sequence(8, 6), CraftedStream.picture())
        // libavcodec refuses a sequence that is cropped away.
        let units = [CraftedStream.sequence(6, 8, crop: 60_000), CraftedStream.slice(count: 48, number: 1, value: 9)]
        let packets: [CraftedStream.FLVPacket] = [
            .configuration(sets), .units([CraftedStream.slice(count: 48, number: 0)], isKey: true),
            .units(units, isKey: true),
        ]
        try withTemporaryFolder { folder in
            let path = folder.appending("size.flv")
            try put(CraftedStream.flv(packets), at: path)
            let (known, unknown) = (
                try BitstreamFigure(path: path).still(frame: 0), try BitstreamFigure(path: path).still(frame: 1)
            )
            #expect(known.width == unknown.width && known.height == unknown.height)
            // All macroblocks of the first are PCM, in violet.
            #expect(Self.color(known, panel: 1, x: 32, y: 32) == RGBColor(0xCC79A7))
            #expect(Self.color(unknown, panel: 1, x: 32, y: 32) != RGBColor(0xCC79A7))
        }
    }
}
