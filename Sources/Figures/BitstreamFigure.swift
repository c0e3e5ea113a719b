import Bitstream
public import Codec
public import Storage
public import SystemPackage

/// Draws what an H.264 stream says of its pictures: blocks, macroblock types, bits and QP, one frame or all as a film.
///
/// The four panels stand in two rows of two, in a row or in a column. The colours of QP end at 50; those of bits end at
/// the 99.5th percentile of macroblocks, rounded up to 1, 2 or 5 times a power of ten: of the frame, and in a film of the
/// first sixty frames.
public struct BitstreamFigure {
    private let path: FilePath
    private let streamIndex: Int?
    private let title: String
    private let arrangement: MotionFigure.Arrangement
    private let limit: Int

    /// Frames looked at to choose a frame or a range.
    private static let probe = 60

    /// Plans figures of a video.
    ///
    /// - Parameters:
    ///   - path: the video: a file or an address.
    ///   - streamIndex: container index of the stream; nil for the first video stream.
    ///   - title: the heading; none if empty.
    ///   - arrangement: of the panels.
    ///   - frameLimit: the frames that a film shows at most; nil for all.
    /// - Throws: `PFrameError` for a pipe: the figure reads its video more than once.
    public init(
        path: FilePath, streamIndex: Int? = nil, title: String = "",
        arrangement: MotionFigure.Arrangement = .automatic, frameLimit: Int? = nil
    ) throws(PFrameError) {
        guard !PipedVideo.isPipe(path) else {
            throw PFrameError(
                .unsupported, path: path,
                "is a pipe, and a figure of the bitstream reads its video twice: write it to a file first")
        }
        (self.path, self.streamIndex, self.title, self.arrangement) = (path, streamIndex, title, arrangement)
        limit = frameLimit ?? .max
    }

    /// The figure of a frame by display index; nil for the frame that spends most bits on motion among the first sixty.
    ///
    /// - Throws: `PFrameError` if the video cannot be read, is out of the reader's scope, or has no such frame.
    public func still(frame index: Int?) throws(PFrameError) -> RGBImage {
        let chosen: Int
        if let index { chosen = index } else { chosen = try liveliest() }
        let source = try Source(path, streamIndex)
        while let frame = try source.next() {
            if source.delivered - 1 == chosen {
                return try render(frame, bitsLimit: Self.range(of: [frame.said]), source)
            }
        }
        guard source.delivered > 0 else { throw source.nothing }
        throw PFrameError(
            .missing, path: path, "has no frame \(chosen): it has \(source.delivered) frames, numbered from 0")
    }

    /// Writes the figures of all frames as a film with the video's own timing; returns how many there are.
    ///
    /// - Parameters:
    ///   - output: the file to write.
    ///   - progress: called after every frame with the frames so far and the share of the file read, 0…1.
    /// - Throws: `PFrameError`.
    public func film(
        to output: FilePath, progress: (Int, Double) throws(PFrameError) -> Void
    ) throws(PFrameError) -> Int {
        let bitsLimit = try Self.range(of: probed())
        let source = try Source(path, streamIndex)
        let count = try FigureFilm.write(to: output, rate: source.averageFrameRate, isSpan: false) {
            number throws(PFrameError) in
            guard number < limit, let frame = try source.next() else { return nil }
            let image = try render(frame, bitsLimit: bitsLimit, source)
            try progress(number + 1, source.share)
            return (image, frame.seconds)
        }
        guard count > 0 else { throw source.nothing }
        return count
    }

    /// What the stream says of its first pictures, in decode order.
    private func probed() throws(PFrameError) -> [MacroblockFrame] {
        var options = BitstreamOptions()
        options.streamIndex = streamIndex
        let reader = try BitstreamReader(path: path, options: options)
        var frames: [MacroblockFrame] = []
        while frames.count < Self.probe, let picture = try reader.next() { frames.append(MacroblockFrame(picture)) }
        return frames
    }

    private func liveliest() throws(PFrameError) -> Int {
        var best = (display: 0, bits: -1)
        for frame in try probed() {
            let bits = frame.known.reduce(0) { $0 + ($1.type.isIntra ? 0 : Int($1.headerBits)) }
            if bits > best.bits { best = (frame.display, bits) }
        }
        return best.display
    }

    /// Where the colours of bits end.
    private static func range(of frames: [MacroblockFrame]) -> Float {
        let bits = frames.flatMap { $0.known.map { $0.headerBits + $0.coefficientBits } }.sorted()
        guard !bits.isEmpty else { return 100 }
        return ColorScale.niceLimit(Float(bits[bits.count - 1 - bits.count / 200]), minimum: 10)
    }

    private func render(_ frame: Source.Frame, bitsLimit: Float, _ source: Source) throws(PFrameError) -> RGBImage {
        let view = ShownGeometry(
            source.orientation, sampleAspectRatio: DisplayTags(of: frame.picture, in: source.stream).sampleAspectRatio)
        let picture = try view.shown(frame.picture)
        let maps = MacroblockMaps(frame.said, of: frame.picture, view: view)
        let layout = FigureLayout(
            width: picture.width, height: picture.height, arrangement: arrangement, hasTitle: !title.isEmpty, panels: 4)
        var canvas = Canvas(width: layout.width, height: layout.height, background: FigurePalette.paper)
        let bits = frame.said.known.reduce(0) { $0 + Int($1.headerBits + $1.coefficientBits) }
        canvas.header(
            title,
            [
                "Frame \(source.delivered - 1)", "type \(frame.picture.type.rawValue)",
                NumberText.fixed(frame.seconds, 3) + " s", "\(NumberText.count(bits)) bits of macroblocks",
                "\(picture.width)×\(picture.height)",
            ], layout)
        BlockPanel(layout: layout, picture: picture, blocks: maps.blocks).draw(on: &canvas, at: layout.panels[0])
        TypePanel(layout: layout, width: picture.width, types: maps.types).draw(on: &canvas, at: layout.panels[1])
        MacroblockValuePanel(
            layout: layout, width: picture.width, values: maps.bits, types: maps.types,
            scale: .magnitude(limit: bitsLimit)
        ).draw(
            letter: "c", title: "Bits per macroblock",
            remark: "mean " + NumberText.fixed(frame.said.meanBits, 1), on: &canvas, at: layout.panels[2])
        let qp = frame.said.qp
        MacroblockValuePanel(
            layout: layout, width: picture.width, values: maps.quantisers, types: maps.types,
            scale: .magnitude(limit: 50)
        ).draw(
            letter: "d", title: "QP (luma)",
            remark: "mean \(NumberText.fixed(qp.mean, 1)), deviation \(NumberText.fixed(qp.spread, 1))", on: &canvas,
            at: layout.panels[3])
        return try canvas.image()
    }

    /// Decoded pictures in display order, each with what the stream says of it.
    private final class Source {
        struct Frame {
            let picture: Picture
            let said: MacroblockFrame
            let seconds: Double
        }

        private let decoder: VideoReader
        private let reader: BitstreamReader
        /// What the stream says of pictures that the decoder has not given yet, by packet.
        private var waiting: [Int: MacroblockFrame] = [:]

        init(_ path: FilePath, _ streamIndex: Int?) throws(PFrameError) {
            decoder = try VideoReader(path: path, streamIndex: streamIndex)
            var options = BitstreamOptions()
            options.streamIndex = streamIndex
            reader = try BitstreamReader(path: path, options: options)
        }

        var delivered: Int { decoder.delivered }
        var orientation: Orientation { decoder.orientation }
        var stream: VideoStream { decoder.stream }
        var averageFrameRate: Rational { decoder.stream.averageFrameRate }
        var nothing: PFrameError { decoder.nothingDecoded(in: nil) }
        var share: Double {
            decoder.fileSize > 0 ? min(1, Double(decoder.bytesRead) / Double(decoder.fileSize)) : 0
        }

        func next() throws(PFrameError) -> Frame? {
            guard let picture = try decoder.next() else { return nil }
            let packet = picture.packetNumber ?? -1
            while waiting[packet] == nil, let said = try reader.next() { waiting[said.packet] = MacroblockFrame(said) }
            guard let said = waiting.removeValue(forKey: packet), picture.size.width <= said.columns * 16,
                picture.size.height * said.columns <= said.macroblocks.count * 16
            else {
                throw PFrameError(
                    .damaged, path: reader.path, "frame \(delivered - 1): the stream does not say which picture this is"
                )
            }
            let seconds = picture.time.map { Double($0) * decoder.stream.timeBase.value } ?? 0
            return Frame(picture: picture, said: said, seconds: seconds)
        }
    }
}

@available(*, unavailable)
extension BitstreamFigure: Sendable {}
