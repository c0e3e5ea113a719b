import Codec
import Dataset
import Figures
import FoundationEssentials
import Storage
import SystemPackage

/// The pictures in `samples/` of a run by step: what the model made at each checkpoint.
struct SampleStrips: Sendable {
    /// A picture.
    private struct Strip: Sendable {
        let path: FilePath
        let step: Int
        /// What its name says behind the step, numbers left out.
        let words: String
    }

    /// The folder's name in that of the run.
    static let folderName = "samples"
    /// Pictures on the page: it must still open at once.
    private static let most = 24

    /// By step, the latest first.
    private let groups: [[Strip]]

    /// Finds the pictures of a run, `samples/STEP….png`: the first digits of a name are the step.
    ///
    /// - Throws: `PFrameError` if the folder cannot be listed.
    init(run: FilePath) throws(PFrameError) {
        let folder = run.appending(Self.folderName)
        var names: [String] = []
        if try fileNames(in: run).contains(Self.folderName) {
            names = try fileNames(in: folder)
        }
        let strips = names.filter { $0.hasSuffix(".png") && !$0.hasPrefix(".") }.compactMap { name -> Strip? in
            let stem = name.dropLast(".png".utf8.count)
            guard let first = stem.firstIndex(where: { $0.isASCII && $0.isNumber }) else { return nil }
            let digits = stem[first...].prefix { $0.isASCII && $0.isNumber }
            guard let step = Int(digits) else { return nil }
            let words = stem[digits.endIndex...].split { "-_. ".contains($0) }.filter { !$0.allSatisfy(\.isNumber) }
                .joined(separator: " ")
            return Strip(path: folder.appending(name), step: step, words: words)
        }
        groups = Dictionary(grouping: strips, by: \.step).sorted { $0.key > $1.key }.map(\.value)
    }

    /// The section; empty without pictures.
    ///
    /// - Throws: `PFrameError` if a picture cannot be read.
    func html() throws(PFrameError) -> HTML {
        guard let widest = groups.map(\.count).max() else { return "" }
        let count = min(groups.count, max(1, Self.most / widest))
        // Spread over the run, the latest always among them.
        let shown = (0..<count).map { groups[count == 1 ? 0 : $0 * (groups.count - 1) / (count - 1)] }
        var articles: [HTML] = []
        for group in shown {
            var strips: HTML = ""
            for strip in group.prefix(Self.most) { strips += try Self.figure(strip) }
            let step = NumberText.count(group.first?.step ?? 0)
            articles.append("<article class=\"strips\"><h3>Step \(step)</h3>\(strips)</article>\n")
        }
        let all =
            count < groups.count ? "\(count) of \(NumberText.count(groups.count)) steps, spread over the run. " : ""
        return """
            <section id="samples"><h2>Samples</h2>
            <p>\(all)The latest first; one clip a row, its frames from left to right.</p>
            \(articles)</section>

            """
    }

    /// The pictures, the latest first.
    var files: [FilePath] { groups.flatMap { $0.map(\.path) } }

    /// Pictures that are no complete PNG files.
    ///
    /// - Throws: `PFrameError` if one cannot be read.
    func damaged() throws(PFrameError) -> [FilePath] {
        var found: [FilePath] = []
        for file in files {
            let bytes = try readFile(file)
            if Self.size(bytes) == nil { found.append(file) }
        }
        return found
    }

    private static func figure(_ strip: Strip) throws(PFrameError) -> HTML {
        let bytes = try readFile(strip.path)
        guard let (width, height) = size(bytes) else {
            return "<p class=\"soft\">\(strip.path.lastComponent?.string ?? "") is not a complete PNG file.</p>"
        }
        let uri = "data:image/png;base64,\(Data(bytes).base64EncodedString())"
        let words: HTML = strip.words.isEmpty ? "" : "<p class=\"soft\">\(strip.words)</p>"
        let kinds = [width < 3 * height ? "single" : nil, width < 720 ? "small" : nil].compactMap(\.self)
        return """
            \(words)<div class="strip"><img class="\(kinds.joined(separator: " "))" src="\(uri)" width="\(width)" \
            height="\(height)" alt="Samples at step \(NumberText.count(strip.step))"></div>
            """
    }

    /// Pixels a row and rows by the header of a PNG (its specification, 11.2.1); nil if it is none.
    private static func size(_ bytes: [UInt8]) -> (width: Int, height: Int)? {
        let end: [UInt8] = Array("IEND".utf8) + [0xAE, 0x42, 0x60, 0x82]
        guard bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]), bytes.count > 24, bytes.suffix(8).elementsEqual(end) else {
            return nil
        }
        func number(_ place: Int) -> Int { bytes[place..<(place + 4)].reduce(0) { $0 << 8 | Int($1) } }
        return (number(16), number(20))
    }
}

/// Rows of frames side by side, as one picture.
enum PictureStrip {
    /// Pixels between frames.
    private static let gap = 2

    /// Puts rows one under the other; all frames have one size.
    static func of(_ rows: [[RGBImage]]) -> RGBImage {
        guard let first = rows.first?.first else { return RGBImage(width: 1, height: 1) }
        let columns = rows.map(\.count).max() ?? 1
        let (width, height) = (first.width, first.height)
        var strip = RGBImage(
            width: columns * (width + gap) - gap, height: rows.count * (height + gap) - gap)
        for index in strip.pixels.indices { strip.pixels[index] = 255 }
        for (row, frames) in rows.enumerated() {
            for (column, frame) in frames.enumerated() {
                for y in 0..<height {
                    let target = ((row * (height + gap) + y) * strip.width + column * (width + gap)) * 3
                    strip.pixels.replaceSubrange(
                        target..<(target + width * 3), with: frame.pixels[(y * width * 3)..<((y + 1) * width * 3)])
                }
            }
        }
        return strip
    }

    /// A residual as a picture: grey for 0.
    static func picture(ofResidual values: some Collection<Int16>, width: Int, height: Int) -> RGBImage {
        RGBImage(width: width, height: height, pixels: values.map { UInt8(clamping: Int($0) + 128) })
    }
}
