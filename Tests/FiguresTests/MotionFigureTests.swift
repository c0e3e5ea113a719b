import Codec
import Figures
import Storage
import Testing

/// Where a figure shows what: a frame with one block that moves, whose picture is neither enlarged nor reduced.
@Suite struct MotionFigureTests {
    /// Left top corners of the panels of a picture 480 × 320 in a row without a title: a margin of 24, 30 for the line of
    /// facts, 28 for a panel's heading; 22 between panels.
    private static let panels = [(x: 24, y: 82), (x: 526, y: 82), (x: 1028, y: 82)]

    /// The figure of grey 100 with one block of 16 pixels at (168, 168), whose content moves by (60, 0).
    private func figure(source: Int32) throws -> RGBImage {
        let (width, height) = (480, 320)
        var vector = MotionVector(blockX: 168, y: 168, size: 16, dx: -60, dy: 0)
        if source > 0 {
            (vector.source, vector.motionX, vector.sourceX) = (1, 240, vector.destinationX + 60)
        }
        var residual = [Int16](repeating: 0, count: width * height)
        for y in 168..<184 { for x in 168..<184 { residual[y * width + x] = x < 176 ? 25 : -25 } }
        let frame = MotionFigure.Frame(
            picture: RGBImage(width: width, height: height, pixels: [UInt8](repeating: 100, count: width * height * 3)),
            vectors: [vector], residual: residual, type: "P", index: 3, seconds: 0.12)
        let figure = MotionFigure(
            ranges: MotionFigure.Ranges(residual: 50, magnitude: 100), arrangement: .row)
        let image = try figure.render(frame)
        #expect((image.width, image.height) == figure.size(pictureWidth: width, pictureHeight: height))
        return image
    }

    private func color(_ image: RGBImage, panel: Int, x: Int, y: Int) -> [Int] {
        let at = 3 * ((Self.panels[panel].y + y) * image.width + Self.panels[panel].x + x)
        return image.pixels[at..<(at + 3)].map { Int($0) }
    }

    @Test("an arrow of list 0 ends at its block, one of list 1 begins there", arguments: [-1, 1] as [Int32])
    func arrow(source: Int32) throws {
        let image = try figure(source: source)
        // Orange is red without blue, the other colour blue without red; picture and rim are neither.
        let (strong, weak) = source < 0 ? (0, 2) : (2, 0)
        let (from, to) = source < 0 ? (116, 176) : (176, 236)
        var area = 0.0
        for y in 0..<320 {
            for x in 0..<480 {
                let color = color(image, panel: 0, x: x, y: y)
                let share = Double(color[strong] - color[weak]) / (source < 0 ? 0xFF - 0x1F : 0xFF - 0x5C)
                guard share > 0.2 else { continue }
                area += share
                #expect((172...179).contains(y) && (from - 2...to + 1).contains(x), "\(x) \(y)")
            }
        }
        // Head and shaft, and half a disc at the tail, by hand.
        let width = 1.7
        let expected = 4.4 * width * 2 * width + (60 - 4.4 * width) * width + 0.39 * width * width
        #expect(abs(area - expected) < 0.1 * expected, "\(area) \(expected)")
        // The head is wider than the shaft.
        func height(_ x: Int) -> Int {
            (0..<320).filter { y in
                let color = color(image, panel: 0, x: x, y: y)
                return abs(color[strong] - color[weak]) > 40
            }.count
        }
        #expect(height(to - 6) >= 5 && height(from + 10) <= 3)
        #expect(color(image, panel: 0, x: 300, y: 40) == [100, 100, 100])
    }

    @Test("residual and magnitude stand in the block, and all else is hatched")
    func block() throws {
        let image = try figure(source: -1)
        // 128 and a half grey level a step: ±25 of 50.
        #expect(color(image, panel: 1, x: 170, y: 170) == [191, 191, 191])
        #expect(color(image, panel: 1, x: 180, y: 180) == [64, 64, 64])
        // Sixty in a hundred of the way from dark violet to pale yellow: a strong orange red.
        let magnitude = color(image, panel: 2, x: 175, y: 175)
        #expect(magnitude[0] > 200 && magnitude[0] > magnitude[1] + 80 && magnitude[0] > magnitude[2] + 80)
        let hatch = [[0xA3, 0xAA, 0xB1], [0xDD, 0xE1, 0xE4]]
        for panel in 1...2 {
            var lines = 0
            for y in 0..<320 {
                for x in 0..<480 where !((168..<184).contains(x) && (168..<184).contains(y)) {
                    let color = color(image, panel: panel, x: x, y: y)
                    #expect(hatch.contains(color), "\(panel) \(x) \(y)")
                    if color == hatch[0] { lines += 1 }
                }
            }
            #expect(abs(Double(lines) / (480 * 320) - 1.0 / 9) < 0.01, "one pixel in nine")
        }
    }

    @Test(
        "sizes are those that they were",
        arguments: [
            (128, 96, true, 1628, 564), (128, 96, false, 1628, 536), (427, 256, true, 2684, 752),
            (40, 300, true, 1532, 3780), (1280, 720, true, 4024, 1080), (1920, 1080, true, 3018, 810),
        ])
    func size(width: Int, height: Int, hasTitle: Bool, expectedWidth: Int, expectedHeight: Int) {
        let size = MotionFigure(title: hasTitle ? "x" : "", arrangement: .row)
            .size(pictureWidth: width, pictureHeight: height)
        #expect(size == (expectedWidth, expectedHeight))
    }

    @Test(
        "a heading wider than the picture stays within its margins",
        arguments: [String(repeating: "heading ", count: 40), String(repeating: "手の動き", count: 40)])
    func heading(title: String) throws {
        let (width, height) = (64, 48)
        let frame = MotionFigure.Frame(
            picture: RGBImage(width: width, height: height), vectors: [],
            residual: [Int16](repeating: 0, count: width * height), type: "I", index: 0, seconds: 1_234_567)
        let image = try MotionFigure(title: title, arrangement: .column).render(frame)
        #expect(image.width == 560)
        for y in 0..<image.height {
            for x in Array(0..<22) + Array(539..<560) {
                #expect(image.pixels[3 * (y * image.width + x)] == 255, "\(x) \(y)")
            }
        }
        #expect(image.pixels[..<(3 * 44 * image.width)].contains { $0 < 80 })
    }
}
