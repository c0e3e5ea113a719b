import Bitstream
import Codec
import Storage

/// What an H.264 stream says of the pixels of a frame, in the picture as players show it: (H, W) row-major each.
struct MacroblockMaps {
    /// Of each pixel the type of its macroblock (`MacroblockType`); −1 where the stream does not hold it.
    private(set) var types: [Int16]
    /// The bits of its macroblock.
    private(set) var bits: [Int16]
    /// The QP of its macroblock.
    private(set) var quantisers: [Int16]
    /// A number of its block, other than those of the neighbouring blocks.
    private(set) var blocks: [Int16]

    /// - Parameters:
    ///   - said: what the stream says of the picture.
    ///   - picture: at coded size.
    ///   - view: how players show it.
    init(_ said: MacroblockFrame, of picture: Picture, view: ShownGeometry) {
        let (coded, crop) = (picture.size, picture.crop)
        let blocks = said.blockNumbers(width: coded.width, height: coded.height)
        let visible = crop.applied(to: coded)
        func map(_ value: (_ pixel: Int, _ macroblock: Macroblock) -> Int16) -> [Int16] {
            var values: [Int16] = []
            values.reserveCapacity(visible.width * visible.height)
            for y in crop.top..<(crop.top + visible.height) {
                for x in crop.left..<(crop.left + visible.width) {
                    let macroblock = said.macroblocks[y / 16 * said.columns + x / 16]
                    values.append(value(y * coded.width + x, macroblock))
                }
            }
            return view.turned(values, of: visible)
        }
        types = map { $1.slice < 0 ? -1 : Int16($1.type.rawValue) }
        bits = map { Int16(clamping: $1.headerBits + $1.coefficientBits) }
        quantisers = map { Int16($1.qp) }
        self.blocks = map { pixel, _ in blocks[pixel] }
    }
}

/// What an H.264 stream says of one picture, kept until the decoder gives its pixels.
struct MacroblockFrame {
    let macroblocks: [Macroblock]
    let columns: Int
    private let blocks: [PredictedBlock]

    /// Nothing is known of a picture: its packet is damaged.
    init(unknown size: Size) {
        columns = (size.width + 15) / 16
        macroblocks = Array(repeating: Macroblock(), count: columns * ((size.height + 15) / 16))
        blocks = []
    }

    /// Its coded size.
    var size: Size { Size(width: columns * 16, height: macroblocks.count / columns * 16) }

    init(_ picture: BitstreamPicture) {
        macroblocks = picture.withMacroblocks { Array($0) }
        columns = picture.width
        var blocks: [PredictedBlock] = []
        picture.forEachBlock { blocks.append($0) }
        self.blocks = blocks
    }

    /// The macroblocks that the stream holds.
    var known: [Macroblock] { macroblocks.filter { $0.slice >= 0 } }

    /// Mean bits of a macroblock.
    var meanBits: Double { mean { Double($0.headerBits + $0.coefficientBits) } }

    /// Mean and standard deviation of QP.
    var qp: (mean: Double, spread: Double) {
        let mean = mean { Double($0.qp) }
        return (mean, self.mean { (Double($0.qp) - mean) * (Double($0.qp) - mean) }.squareRoot())
    }

    private func mean(_ value: (Macroblock) -> Double) -> Double {
        known.isEmpty ? 0 : known.reduce(0) { $0 + value($1) } / Double(known.count)
    }

    /// The block of every pixel of the coded picture: predicted blocks, and the blocks of intra prediction.
    func blockNumbers(width: Int, height: Int) -> [Int16] {
        var numbers = [Int16](repeating: 0, count: width * height)
        var next = 0
        func fill(_ left: Int, _ top: Int, _ blockWidth: Int, _ blockHeight: Int) {
            next = next % Int(Int16.max) + 1
            for y in top..<min(height, top + blockHeight) {
                for x in left..<min(width, left + blockWidth) { numbers[y * width + x] = Int16(next) }
            }
        }
        for (address, macroblock) in macroblocks.enumerated() where macroblock.slice < 0 || macroblock.type.isIntra {
            let size =
                macroblock.slice < 0 ? 16 : macroblock.type == .intra4x4 ? 4 : macroblock.type == .intra8x8 ? 8 : 16
            let (left, top) = (address % columns * 16, address / columns * 16)
            for y in stride(from: 0, to: 16, by: size) {
                for x in stride(from: 0, to: 16, by: size) { fill(left + x, top + y, size, size) }
            }
        }
        for block in blocks { fill(block.x, block.y, block.width, block.height) }
        return numbers
    }
}

extension FigureLayout {
    /// The pixel of the picture that a pixel of a panel shows.
    fileprivate func pixel(_ x: Int, _ y: Int, width: Int) -> Int {
        y * reduction / enlargement * width + x * reduction / enlargement
    }
}

/// The picture with the edges of its blocks.
struct BlockPanel {
    let layout: FigureLayout
    let picture: RGBImage
    let blocks: [Int16]

    /// The lines between blocks.
    static let line = RGBColor(0xFFD53D)

    func draw(on canvas: inout Canvas, at corner: (x: Int, y: Int)) {
        canvas.shade(x: corner.x, y: corner.y, width: layout.panelWidth, height: layout.panelHeight) { x, y in
            let here = layout.pixel(x, y, width: picture.width)
            let isEdge =
                x > 0 && blocks[layout.pixel(x - 1, y, width: picture.width)] != blocks[here]
                || y > 0 && blocks[layout.pixel(x, y - 1, width: picture.width)] != blocks[here]
            guard !isEdge else { return Self.line }
            return RGBColor(
                red: picture.pixels[3 * here], green: picture.pixels[3 * here + 1], blue: picture.pixels[3 * here + 2])
        }
        canvas.frame(layout, at: corner, letter: "a", title: "Blocks", remark: "")
        canvas.note(
            "Lines part blocks with vectors or intra modes of their own.", layout, layout.legend(below: corner),
            x: Float(corner.x))
    }
}

/// The types of macroblocks in colour.
struct TypePanel {
    let layout: FigureLayout
    let width: Int
    let types: [Int16]

    /// What macroblocks are told apart by, in the order of the legend.
    enum Kind: CaseIterable {
        case intra4x4, intra8x8, intra16x16, pcm, inter, direct, skipped

        init(_ type: MacroblockType) {
            self =
                switch type {
                case .intra4x4: .intra4x4
                case .intra8x8: .intra8x8
                case .intra16x16: .intra16x16
                case .pcm: .pcm
                case .pSkip, .bSkip: .skipped
                case .bDirect: .direct
                default: .inter
                }
        }

        /// Colours that colour-blind readers can tell apart (Okabe and Ito).
        var color: RGBColor {
            switch self {
            case .intra4x4: RGBColor(0xD55E00)
            case .intra8x8: RGBColor(0xE69F00)
            case .intra16x16: RGBColor(0xF0E442)
            case .pcm: RGBColor(0xCC79A7)
            case .inter: RGBColor(0x0072B2)
            case .direct: RGBColor(0x56B4E9)
            case .skipped: RGBColor(0xE8ECEF)
            }
        }

        var label: String {
            switch self {
            case .intra4x4: "intra 4×4"
            case .intra8x8: "intra 8×8"
            case .intra16x16: "intra 16×16"
            case .pcm: "PCM"
            case .inter: "inter"
            case .direct: "direct"
            case .skipped: "skipped"
            }
        }
    }

    func draw(on canvas: inout Canvas, at corner: (x: Int, y: Int)) {
        let colors = MacroblockType.allCases.map { Kind($0).color }
        let pitch = layout.length(9)
        canvas.shade(x: corner.x, y: corner.y, width: layout.panelWidth, height: layout.panelHeight) { x, y in
            let type = Int(types[layout.pixel(x, y, width: width)])
            return type < 0 ? FigurePalette.hatch(x: x, y: y, pitch: pitch) : colors[type]
        }
        canvas.frame(layout, at: corner, letter: "b", title: "Macroblock types", remark: "")
        let legend = layout.legend(below: corner)
        let columns = 4
        for (index, kind) in Kind.allCases.enumerated() {
            let left = corner.x + index % columns * layout.panelWidth / columns
            let isLower = index >= columns
            let (side, gap) = (layout.length(10), layout.length(5))
            let baseline = Int(isLower ? legend.lower : legend.baseline)
            canvas.fill(x: left, y: baseline - side, width: side, height: side, kind.color)
            canvas.outline(x: left, y: baseline - side, width: side, height: side, FigurePalette.rule)
            canvas.note(kind.label, layout, legend, x: Float(left + side + gap), isLower: isLower)
        }
    }
}

/// A number of each macroblock in colour; hatched where the stream does not hold it.
struct MacroblockValuePanel {
    let layout: FigureLayout
    let width: Int
    let values: [Int16]
    let types: [Int16]
    let scale: ColorScale

    func draw(letter: String, title: String, remark: String, on canvas: inout Canvas, at corner: (x: Int, y: Int)) {
        let pitch = layout.length(9)
        canvas.shade(x: corner.x, y: corner.y, width: layout.panelWidth, height: layout.panelHeight) { x, y in
            let pixel = layout.pixel(x, y, width: width)
            guard types[pixel] >= 0 else { return FigurePalette.hatch(x: x, y: y, pitch: pitch) }
            return scale.color(Float(values[pixel]))
        }
        canvas.frame(layout, at: corner, letter: letter, title: title, remark: remark)
        _ = canvas.bar(scale, layout, layout.legend(below: corner), inset: 5)
    }
}
