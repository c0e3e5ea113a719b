import Codec
import Dispatch
import Figures
import Foundation
import Storage
import Synchronization
import Testing

/// What cairo and Pango leave on a canvas, by the place and the weight of the ink.
@Suite struct CanvasTests {
    private static let ink = RGBColor(0x000000)

    /// How dark every pixel is, 0…1: black ink on white paper.
    private func darkness(width: Int, height: Int, _ draw: (inout Canvas) -> Void) throws -> [[Double]] {
        var canvas = Canvas(width: width, height: height)
        draw(&canvas)
        let image = try canvas.image()
        #expect((image.width, image.height) == (width, height))
        return (0..<height).map { y in
            (0..<width).map { x in 1 - Double(image.pixels[3 * (y * width + x)]) / 255 }
        }
    }

    private func total(_ rows: [[Double]]) -> Double { rows.joined().reduce(0, +) }

    /// The mean place of the ink.
    private func centre(_ rows: [[Double]]) -> (x: Double, y: Double) {
        var (x, y) = (0.0, 0.0)
        for (row, line) in rows.enumerated() {
            for (column, ink) in line.enumerated() {
                x += (Double(column) + 0.5) * ink
                y += (Double(row) + 0.5) * ink
            }
        }
        return (x / total(rows), y / total(rows))
    }

    @Test("a disc has its area and its centre", arguments: [1, 2.5, 7.3, 20] as [Float], [(30, 30), (31.3, 29.7)])
    func disc(radius: Float, place: (x: Float, y: Float)) throws {
        let drawn = try darkness(width: 60, height: 60) {
            $0.disc(Canvas.Point(place.x, place.y), radius: radius, Self.ink)
        }
        let area = Double.pi * Double(radius * radius)
        #expect(abs(total(drawn) - area) < 0.03 * area + 0.1)
        let (x, y) = centre(drawn)
        #expect(abs(x - Double(place.x)) < 0.06 && abs(y - Double(place.y)) < 0.06)
    }

    @Test("an arrow lies between its ends and its head is at its tip", arguments: 0..<16)
    func arrow(direction: Int) throws {
        let angle = Double(direction) / 8 * Double.pi
        let (cosine, sine) = (cos(angle), sin(angle))
        let (tail, length, width) = ((x: 50.0, y: 50.0), 40.0, 3.0)
        let tip = (x: tail.x + length * cosine, y: tail.y + length * sine)
        let drawn = try darkness(width: 100, height: 100) {
            $0.arrow(
                from: Canvas.Point(Float(tail.x), Float(tail.y)), to: Canvas.Point(Float(tip.x), Float(tip.y)),
                width: Float(width), Self.ink, halo: nil)
        }
        // The plain way: the share of points of each pixel that lie in the tail's disc, the shaft or the head.
        let (head, points) = (4.4 * width, 8)
        func isInside(_ x: Double, _ y: Double) -> Bool {
            let (along, across) = (
                (x - tail.x) * cosine + (y - tail.y) * sine, abs((y - tail.y) * cosine - (x - tail.x) * sine)
            )
            if along < 0 { return along * along + across * across < width * width / 4 }
            if along < length - head { return across < width / 2 }
            return across < (length - along) / head * 2 * width
        }
        for y in 0..<100 {
            for x in 0..<100 {
                var inside = 0
                for point in 0..<(points * points) {
                    let (column, row) = (Double(point % points) + 0.5, Double(point / points) + 0.5)
                    if isInside(Double(x) + column / Double(points), Double(y) + row / Double(points)) { inside += 1 }
                }
                let share = Double(inside) / Double(points * points)
                #expect(abs(drawn[y][x] - share) < 0.1, "\(x) \(y)")
            }
        }
    }

    @Test("a halo reaches as far as it says, and is as dark")
    func halo() throws {
        let drawn = try darkness(width: 40, height: 40) {
            $0.disc(
                Canvas.Point(20, 20), radius: 5, RGBColor(grey: 255), halo: Canvas.Halo(width: 4, opacity: 0.5))
        }
        let rim = 0.5 * (1 - Double(0x10) / 255)
        for (x, expected) in [(20, 0.0), (23, 0), (26, rim), (27, rim), (30, 0), (35, 0)] {
            #expect(abs(drawn[20][x] - expected) < 0.01, "\(x)")
        }
    }

    @Test("whole pixels are filled and outlined exactly, also beyond the edge")
    func rectangles() throws {
        let drawn = try darkness(width: 8, height: 6) {
            $0.fill(x: -2, y: -2, width: 4, height: 4, Self.ink)
            $0.outline(x: 3, y: 1, width: 4, height: 4, Self.ink)
        }
        let expected = ["##......", "##.####.", "...#..#.", "...#..#.", "...####.", "........"]
        #expect(drawn.map { String($0.map { $0 == 1 ? "#" : $0 == 0 ? "." : "?" }) } == expected)
    }

    @Test("a picture is enlarged between the centres of its pixels, as numpy.interp has it", arguments: [2, 3, 5])
    func enlarged(factor: Int) throws {
        let values: [UInt8] = [0, 200, 40, 255]
        let picture = RGBImage(width: 4, height: 1, pixels: values.flatMap { [$0, $0, $0] })
        let drawn = try darkness(width: 4 * factor, height: factor) {
            $0.draw(picture, x: 0, y: 0, scale: Float(factor))
        }
        for x in 0..<(4 * factor) {
            let place = min(3, max(0, (Double(x) + 0.5) / Double(factor) - 0.5))
            let left = min(2, Int(place))
            let share = place - Double(left)
            let expected = Double(values[left]) * (1 - share) + Double(values[left + 1]) * share
            #expect(abs((1 - drawn[0][x]) * 255 - expected) <= 3, "\(x)")
        }
    }

    @Test("a reduced picture is as light as the picture", arguments: [2, 3])
    func reduced(factor: Int) throws {
        let side = 24
        let pixels = (0..<(side * side)).flatMap { index -> [UInt8] in
            let value = UInt8((index % side * 7 + index / side * 3) % 256)
            return [value, value, value]
        }
        let drawn = try darkness(width: side / factor, height: side / factor) {
            $0.draw(RGBImage(width: side, height: side, pixels: pixels), x: 0, y: 0, scale: 1 / Float(factor))
        }
        let mean = 1 - total(drawn) / Double(drawn.count * drawn.count)
        let expected = pixels.reduce(0) { $0 + Double($1) } / Double(255 * pixels.count)
        #expect(abs(mean - expected) < 0.02)
    }

    @Test("what is declared of Pango is what its headers declare")
    func declarations() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let compiler = Process()
        compiler.executableURL = URL(filePath: "/bin/sh")
        // Declarations that differ are an error of C.
        compiler.arguments = [
            "-c",
            "cc -x c -fsyntax-only $(pkg-config --cflags pangocairo) -include pango/pangocairo.h "
                + "-include Sources/CPango/shim.h /dev/null",
        ]
        compiler.currentDirectoryURL = root
        try compiler.run()
        compiler.waitUntilExit()
        #expect(compiler.terminationStatus == 0)
    }

    // MARK: Text

    private func written(_ text: String, room: Float = .infinity, width: Int = 400) throws -> [[Double]] {
        try darkness(width: width, height: 48) {
            $0.text(text, at: Canvas.Point(10, 34), Typeface(size: 24), Self.ink, room: room)
        }
    }

    @Test(
        "letters of all scripts are no boxes",
        arguments: ["手", "ひ", "한", "א", "ض", "क", "ท", "த", "я", "λ", "−", "×", "·", "…", "é", "A"])
    func scripts(letter: String) throws {
        let (drawn, box) = (try written(letter), try written("\u{10FFFD}"))
        #expect(total(drawn) > 1 && total(box) > 1)
        #expect(drawn != box)
        // Two letters without a glyph are boxes that differ in the digits within: the frame at the left is the same.
        let left = box.indices.map { row in box[row].firstIndex { $0 > 0.3 } }.compactMap { $0 }.min() ?? 0
        let frame = (10..<40).filter { box[$0][left] > 0.3 }
        #expect(!frame.allSatisfy { drawn[$0][left] > 0.3 }, "as tall a stroke as that of a box")
    }

    @Test("text that runs from the right is set from there: the first letter stands last")
    func rightToLeft() throws {
        // Alef is wide at its foot, vav is a stroke: of "alef vav vav" most ink is at the right.
        let (mixed, plain) = (centre(try written("אוו")), centre(try written("ווא")))
        #expect(mixed.x > plain.x)
    }

    @Test("Arabic letters join, and so do those of Devanagari")
    func shaping() throws {
        let joined = try written("سس"), apart = try written("س\u{200C}س")
        #expect(joined != apart)
        #expect(try written("क्ष") != written("क्\u{200C}ष"))
    }

    @Test(
        "text too long for its room ends in an ellipsis within it",
        arguments: [
            "a long heading that goes on and on and on.mp4", "一二三四五六七八九十一二三四五六七八九十",
            "כותרת ארוכה מאוד שאינה נכנסת לתמונה צרה",
        ])
    func tooLong(text: String) throws {
        let drawn = try written(text, room: 150)
        for row in drawn { #expect(row[162...].allSatisfy { $0 == 0 }) }
        #expect(total(drawn) > 50)
        #expect(try total(written(text, width: 1200)) > total(drawn))
        // Where there is room nothing is changed, and a little too much only shrinks.
        #expect(try written("short", room: 390) == written("short"))
    }

    @Test(
        "line ends stay in the line, and text may be anything",
        arguments: [
            "two\nlines", "", "\u{0}", "\u{202E}turned", "e\u{301}\u{301}\u{301}", "👩‍👩‍👧‍👦",
        ])
    func anything(text: String) throws {
        let drawn = try written(text)
        #expect(drawn.last?.allSatisfy { $0 == 0 } == true)
    }

    @Test("text stands about its anchor", arguments: ["0", "abc", "HOH"])
    func alignment(text: String) throws {
        func place(_ alignment: Typeface.Alignment) throws -> Double {
            centre(
                try darkness(width: 200, height: 40) {
                    $0.text(text, at: Canvas.Point(100, 30), Typeface(size: 20), Self.ink, alignment: alignment)
                }
            ).x
        }
        #expect(abs(try place(.center) - 100) < 2.5)
        #expect(abs((try place(.leading) + place(.trailing)) / 2 - 100) < 2.5)
        #expect(try place(.leading) > 100 && place(.trailing) < 100)
    }

    @Test("capitals are as tall as their typeface says", arguments: [13, 15, 20, 26, 40] as [Float])
    func capitals(size: Float) throws {
        let face = Typeface(size: size)
        let drawn = try darkness(width: 80, height: 60) { $0.text("H", at: Canvas.Point(10, 50), face, Self.ink) }
        let rows = drawn.indices.filter { row in drawn[row].contains { $0 > 0.4 } }
        #expect(rows.last == 49)
        #expect(abs(Float(rows.count) - face.capHeight) < 1.2)
    }

    @Test("the same is drawn by many threads at once")
    func threads() throws {
        let texts = ["Frame 24 · type P", "手の動き", "حركة", "תנועה", "गति"]
        @Sendable func picture() throws -> [[[Double]]] { try texts.map { try written($0) } }
        let expected = try picture()
        let different = Mutex(0)
        DispatchQueue.concurrentPerform(iterations: 64) { _ in
            // What fails to be drawn differs too.
            if (try? picture()) != expected { different.withLock { $0 += 1 } }
        }
        #expect(different.withLock { $0 } == 0)
    }

    @Test("a figure too large for cairo is an error")
    func tooLarge() {
        #expect(throws: PFrameError.self) { try Canvas(width: 10, height: 40_000).image() }
    }
}
