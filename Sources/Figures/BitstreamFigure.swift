import Bitstream
public import Codec
import MotionVectors
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
    private let span: TimeSpan?
    /// A figure reads its video more than once.
    private let pipe: PipedVideo?

    /// Frames looked at to choose a frame or a range.
    private static let probe = 60

    /// Plans figures of a video.
    ///
    /// - Parameters:
    ///   - path: the video: a file, a pipe, `-`, or an address.
    ///   - streamIndex: container index of the stream; nil for the first video stream.
    ///   - title: the heading; none if empty.
    ///   - arrangement: of the panels.
    ///   - frameLimit: the frames that a film shows at most; nil for all.
    ///   - span: the part of the video; nil for all. Frames count from its first.
    /// - Throws: `PFrameError` for a pipe that cannot be opened.
    public init(
        path: FilePath, streamIndex: Int? = nil, title: String = "",
        arrangement: MotionFigure.Arrangement = .automatic, frameLimit: Int? = nil, span: TimeSpan? = nil
    ) throws(PFrameError) {
        pipe = try PipedVideo(path)
        (self.path, self.streamIndex, self.title, self.arrangement) = (path, streamIndex, title, arrangement)
        (limit, self.span) = (frameLimit ?? .max, span)
    }

    /// The figure of a frame by display index; nil for the frame that spends most bits on motion among the first sixty.
    ///
    /// - Throws: `PFrameError` if the video cannot be read, is out of the reader's scope, or has no such frame.
    public func still(frame index: Int?) throws(PFrameError) -> RGBImage {
        let chosen: Int
        if let index { chosen = index } else { chosen = try liveliest() }
        let source = try open()
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
        let source = try open()
        let count = try FigureFilm.write(to: output, rate: source.stream.averageFrameRate, isSpan: span != nil) {
            number throws(PFrameError) in
            guard number < limit, let frame = try source.next() else { return nil }
            let image = try render(frame, bitsLimit: bitsLimit, source)
            try progress(number + 1, source.share)
            return (image, frame.seconds)
        }
        guard count > 0 else { throw source.nothing }
        return count
    }

    private func open() throws(PFrameError) -> Source { try Source(path, streamIndex, span) }

    /// What the stream says of the first frames.
    private func probed() throws(PFrameError) -> [MacroblockFrame] {
        let source = try open()
        var frames: [MacroblockFrame] = []
        while frames.count < min(Self.probe, limit), let frame = try source.next() { frames.append(frame.said) }
        return frames
    }

    private func liveliest() throws(PFrameError) -> Int {
        var best = (index: 0, bits: -1)
        for (index, frame) in try probed().enumerated() {
            let bits = frame.known.reduce(0) { $0 + ($1.type.isIntra ? 0 : Int($1.headerBits)) }
            if bits > best.bits { best = (index, bits) }
        }
        return best.index
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

    /// Decoded pictures in display order, each with what its packet says.
    private final class Source {
        struct Frame {
            let picture: Picture
            let said: MacroblockFrame
            let seconds: Double
        }

        private let reader: VideoReader
        private let bitstream: FollowedBitstream<MacroblockFrame>
        private let span: TimeSpan?
        /// Frames so far.
        private(set) var delivered = 0

        init(_ path: FilePath, _ streamIndex: Int?, _ span: TimeSpan?) throws(PFrameError) {
            reader = try VideoReader(path: path, streamIndex: streamIndex, span: span)
            guard let bitstream = FollowedBitstream(reader, residual: false, keep: MacroblockFrame.init) else {
                throw PFrameError(
                    .unsupported, path: path,
                    "the bitstream of \(reader.stream.codecName) cannot be read, only that of h264; the motion source stream "
                        + "takes other codecs")
            }
            (self.bitstream, self.span) = (bitstream, span)
        }

        var orientation: Orientation { reader.orientation }
        var stream: VideoStream { reader.stream }
        var nothing: PFrameError { reader.nothingDecoded(in: span) }
        var share: Double {
            reader.fileSize > 0 ? min(1, Double(reader.bytesRead) / Double(reader.fileSize)) : 0
        }

        func next() throws(PFrameError) -> Frame? {
            guard let picture = try reader.next() else { return nil }
            let said = bitstream.take(picture).flatMap { $0.size == picture.size ? $0 : nil }
            if said == nil, let reason = bitstream.outOfScope {
                throw PFrameError(
                    .unsupported, path: reader.path,
                    "its H.264 has \(reason), which the bitstream reader does not read; use the motion source stream")
            }
            delivered += 1
            let seconds = picture.time.map { Double($0) * stream.timeBase.value } ?? 0
            return Frame(picture: picture, said: said ?? MacroblockFrame(unknown: picture.size), seconds: seconds)
        }
    }
}

@available(*, unavailable)
extension BitstreamFigure: Sendable {}
