import Storage

/// One character of ``StrokeFont``: its strokes in units of a hundredth of the cap height, +x right and +y **up** from
/// the baseline.
///
/// A glyph is written as its left and right side bearing, then pen commands, all separated by spaces. Letters are made of
/// lines and quarter ellipses:
///
/// | command             | meaning                                                                            |
/// |---------------------|------------------------------------------------------------------------------------|
/// | `m x y`             | lift the pen and go to a point                                                     |
/// | `l x y`             | draw a line                                                                        |
/// | `h x y`             | draw a quarter ellipse that leaves horizontally and arrives vertically             |
/// | `v x y`             | draw a quarter ellipse that leaves vertically and arrives horizontally             |
/// | `c x y x y x y`     | draw a cubic Bézier curve: two control points, then the end                        |
///
/// Cap height is 100, the height of small letters 70, descenders reach -28. Digits all advance by 82.
struct Glyph: Sendable {
    /// The strokes as polylines; the left bearing is included.
    let strokes: [[Canvas.Point]]
    /// How far the pen moves to the next character.
    let advance: Float

    /// The glyph of a character, or an empty box.
    static func of(_ scalar: Unicode.Scalar) -> Glyph {
        let index = Int(scalar.value) - 32
        return ascii.indices.contains(index) ? ascii[index] : others[scalar] ?? missing
    }

    private init(_ outline: String) {
        let tokens = outline.split(separator: " ")
        var numbers = tokens.dropFirst(2).makeIterator()
        var strokes: [[Canvas.Point]] = []
        var pen = Canvas.Point(0, 0)
        func number() -> Float { numbers.next().flatMap { Float($0) } ?? 0 }
        func point() -> Canvas.Point { Canvas.Point(number(), number()) }
        while let command = numbers.next() {
            var points: [Canvas.Point] = []
            switch command {
            case "h", "v":
                let end = point()
                // 0.5523 would be an ellipse; a little more gives the letters squarer shoulders.
                let roundness: Float = 0.57
                let (alongX, alongY) = (roundness * (end.x - pen.x), roundness * (end.y - pen.y))
                points =
                    command == "h"
                    ? curve(pen, Canvas.Point(pen.x + alongX, pen.y), Canvas.Point(end.x, end.y - alongY), end)
                    : curve(pen, Canvas.Point(pen.x, pen.y + alongY), Canvas.Point(end.x - alongX, end.y), end)
            case "c":
                let (first, second) = (point(), point())
                points = curve(pen, first, second, point())
            default:
                points = [point()]
            }
            if command == "m" { strokes.append([]) }
            strokes[strokes.count - 1] += points
            pen = points[points.count - 1]
        }
        let left = Float(tokens[0]) ?? 0
        let right = Float(tokens[1]) ?? 0
        self.strokes = strokes.map { $0.map { Canvas.Point($0.x + left, $0.y) } }
        advance = left + (strokes.joined().map(\.x).max() ?? 0) + right
    }

    private static let missing = Glyph("12 12 m 0 0 l 0 100 l 58 100 l 58 0 l 0 0")

    private static let others: [Unicode.Scalar: Glyph] = [
        "·": Glyph("16 16 m -1 42 l 1 42"),
        "×": Glyph("10 10 m 2 18 l 54 70 m 2 70 l 54 18"),
        "−": Glyph("10 10 m 0 44 l 56 44"),
        "±": Glyph("10 10 m 0 56 l 60 56 m 30 84 l 30 28 m 0 4 l 60 4"),
        "≥": Glyph("10 10 m 0 88 l 54 62 l 0 36 m 0 10 l 54 10"),
        "…": Glyph("16 16 m -1 0 l 1 0 m 31 0 l 33 0 m 63 0 l 65 0"),
    ]

    private static let ascii = [
        "19 19",  // space
        "16 16 m 0 100 l 0 32 m -1 0 l 1 0",  // !
        "13 13 m 0 100 l 0 72 m 24 100 l 24 72",  // "
        "8 8 m 12 0 l 30 100 m 42 0 l 60 100 m 2 66 l 70 66 m 0 34 l 68 34",  // #
        "10 10 m 62 82 c 57 94 46 100 33 100 c 14 100 3 90 3 75 c 3 58 18 54 34 50 c 52 46 66 41 66 25 "
            + "c 66 9 53 0 34 0 c 18 0 6 7 0 20 m 33 114 l 33 -14",  // $
        "9 9 m 14 0 l 72 100 m 0 78 v 18 100 h 36 78 v 18 56 h 0 78 m 50 22 v 68 44 h 86 22 v 68 0 h 50 22",  // %
        "10 6 m 76 0 l 18 69 c 8 83 17 100 34 100 c 51 100 58 83 48 72 c 38 60 0 52 0 26 c 0 8 14 0 30 0 "
            + "c 54 0 66 20 70 46",  // &
        "13 13 m 0 100 l 0 72",  // '
        "13 6 m 22 112 c -7 76 -7 16 22 -20",  // (
        "6 13 m 0 112 c 29 76 29 16 0 -20",  // )
        "8 8 m 22 100 l 22 54 m 2 88 l 42 66 m 2 66 l 42 88",  // *
        "10 10 m 0 44 l 60 44 m 30 74 l 30 14",  // +
        "12 14 m 6 4 l 0 -18",  // ,
        "9 9 m 0 40 l 34 40",  // -
        "15 15 m -1 0 l 1 0",  // .
        "5 5 m 0 -14 l 42 108",  // /
        "12 12 m 0 50 v 29 100 h 58 50 v 29 0 h 0 50",  // 0
        "20 36 m 0 82 l 26 100 l 26 0",  // 1
        "12 12 m 3 76 c 3 91 14 100 29 100 h 55 73 c 55 52 38 42 0 0 l 58 0",  // 2
        "12 14 m 2 84 c 7 95 16 100 27 100 h 53 76 v 25 53 l 18 53 m 25 53 h 56 27 v 27 0 c 14 0 5 6 0 17",  // 3
        "9 9 m 48 0 l 48 100 l 0 30 l 64 30",  // 4
        "13 13 m 52 100 l 9 100 l 4 54 c 11 61 19 64 28 64 h 56 32 v 26 0 c 13 0 5 6 0 16",  // 5
        "12 12 m 51 90 c 46 97 40 100 32 100 c 10 100 0 76 0 44 l 0 32 v 29 0 h 58 32 v 30 63 c 16 63 5 56 0 44",  // 6
        "13 13 m 0 100 l 56 100 l 18 0",  // 7
        "12 12 m 29 53 h 4 77 v 29 100 h 54 77 v 29 53 h 0 26 v 29 0 h 58 26 v 29 53",  // 8
        "12 12 m 7 10 c 12 3 18 0 26 0 c 48 0 58 24 58 56 l 58 68 v 29 100 h 0 68 v 28 37 c 42 37 53 44 58 56",  // 9
        "15 15 m -1 0 l 1 0 m -1 62 l 1 62",  // :
        "13 14 m 6 4 l 0 -18 m 5 62 l 7 62",  // ;
        "10 10 m 56 76 l 0 44 l 56 12",  // <
        "10 10 m 0 58 l 60 58 m 0 30 l 60 30",  // =
        "10 10 m 0 76 l 56 44 l 0 12",  // >
        "9 9 m 0 82 c 4 94 13 100 25 100 h 52 74 c 52 52 25 52 25 28 m 24 0 l 26 0",  // ?
        "10 10 m 76 -8 c 68 -16 58 -20 47 -20 h 0 38 v 50 96 h 100 44 c 100 24 92 12 82 12 c 72 12 68 20 68 30 "
            + "l 68 62 m 68 40 v 48 64 h 28 38 v 48 14 h 68 40",  // @
        "6 6 m 0 0 l 37 100 l 74 0 m 13 34 l 61 34",  // A
        "16 11 m 0 0 l 0 100 l 34 100 h 60 76 v 34 52 l 0 52 m 34 52 h 66 26 v 34 0 l 0 0",  // B
        "11 8 m 76 80 c 68 93 57 100 43 100 h 0 50 v 43 0 c 57 0 68 7 76 20",  // C
        "16 11 m 0 0 l 0 100 l 28 100 h 74 50 v 28 0 l 0 0",  // D
        "16 9 m 56 100 l 0 100 l 0 0 l 57 0 m 0 52 l 50 52",  // E
        "16 7 m 55 100 l 0 100 l 0 0 m 0 50 l 48 50",  // F
        "11 13 m 75 82 c 68 94 57 100 43 100 h 0 50 v 43 0 c 57 0 70 6 79 16 l 79 47 l 47 47",  // G
        "16 16 m 0 0 l 0 100 m 70 0 l 70 100 m 0 52 l 70 52",  // H
        "17 17 m 0 0 l 0 100",  // I
        "8 16 m 44 100 l 44 28 c 44 8 36 0 22 0 c 11 0 4 5 0 15",  // J
        "16 6 m 0 0 l 0 100 m 62 100 l 0 36 m 22 59 l 66 0",  // K
        "16 6 m 0 100 l 0 0 l 52 0",  // L
        "16 16 m 0 0 l 0 100 l 42 30 l 84 100 l 84 0",  // M
        "16 16 m 0 0 l 0 100 l 70 0 l 70 100",  // N
        "11 11 m 0 50 v 43 100 h 86 50 v 43 0 h 0 50",  // O
        "16 9 m 0 0 l 0 100 l 36 100 h 64 72 v 36 44 l 0 44",  // P
        "11 11 m 0 50 v 43 100 h 86 50 v 43 0 h 0 50 m 54 24 l 84 -6",  // Q
        "16 8 m 0 0 l 0 100 l 36 100 h 63 73 v 36 46 l 0 46 m 36 46 l 66 0",  // R
        "10 10 m 62 82 c 57 94 46 100 33 100 c 14 100 3 90 3 75 c 3 58 18 54 34 50 c 52 46 66 41 66 25 "
            + "c 66 9 53 0 34 0 c 18 0 6 7 0 20",  // S
        "6 6 m 0 100 l 70 100 m 35 100 l 35 0",  // T
        "15 15 m 0 100 l 0 36 v 35 0 h 70 36 l 70 100",  // U
        "6 6 m 0 100 l 36 0 l 72 100",  // V
        "7 7 m 0 100 l 27 0 l 54 100 l 81 0 l 108 100",  // W
        "6 6 m 0 0 l 66 100 m 0 100 l 66 0",  // X
        "6 6 m 0 100 l 34 46 l 68 100 m 34 46 l 34 0",  // Y
        "9 9 m 0 100 l 62 100 l 0 0 l 64 0",  // Z
        "14 6 m 24 112 l 0 112 l 0 -20 l 24 -20",  // [
        "5 5 m 0 108 l 42 -14",  // backslash
        "6 14 m 0 112 l 24 112 l 24 -20 l 0 -20",  // ]
        "8 8 m 0 58 l 27 100 l 54 58",  // ^
        "0 0 m 2 -16 l 68 -16",  // _
        "10 10 m 0 104 l 18 86",  // `
        "10 14 m 5 57 c 9 66 17 70 27 70 h 49 48 l 49 0 m 49 41 l 24 41 h 0 20 v 20 0 c 33 0 43 7 49 17",  // a
        "15 11 m 0 0 l 0 100 m 0 35 v 28 70 h 56 35 v 28 0 h 0 35",  // b
        "10 7 m 52 56 c 46 65 39 70 30 70 h 0 35 v 30 0 c 39 0 46 5 52 14",  // c
        "11 15 m 56 0 l 56 100 m 56 35 v 28 70 h 0 35 v 28 0 h 56 35",  // d
        "10 9 m 0 37 l 57 37 c 57 58 46 70 29 70 h 0 35 v 30 0 c 40 0 48 4 54 13",  // e
        "7 3 m 38 99 c 24 103 15 96 15 82 l 15 0 m 0 70 l 35 70",  // f
        "11 15 m 56 70 l 56 -2 v 28 -28 c 17 -28 9 -24 4 -17 m 56 35 v 28 70 h 0 35 v 28 0 h 56 35",  // g
        "15 14 m 0 0 l 0 100 m 0 42 v 27 70 h 50 44 l 50 0",  // h
        "14 15 m 1 0 l 1 70 m 0 96 l 2 96",  // i
        "4 14 m 18 70 l 18 -8 c 18 -22 10 -28 0 -27 m 17 96 l 19 96",  // j
        "15 5 m 0 0 l 0 100 m 46 70 l 0 26 m 18 43 l 50 0",  // k
        "15 8 m 0 100 l 0 18 v 16 0",  // l
        "15 14 m 0 0 l 0 70 m 0 44 v 22 70 h 43 46 l 43 0 m 43 44 v 65 70 h 86 46 l 86 0",  // m
        "15 14 m 0 0 l 0 70 m 0 42 v 27 70 h 50 44 l 50 0",  // n
        "10 10 m 0 35 v 29 70 h 58 35 v 29 0 h 0 35",  // o
        "15 11 m 0 70 l 0 -28 m 0 35 v 28 70 h 56 35 v 28 0 h 0 35",  // p
        "11 15 m 56 70 l 56 -28 m 56 35 v 28 70 h 0 35 v 28 0 h 56 35",  // q
        "15 3 m 0 0 l 0 70 m 0 40 c 2 60 14 72 32 69",  // r
        "9 9 m 45 57 c 41 66 34 70 24 70 c 11 70 3 63 3 53 c 3 41 13 38 24 36 c 37 33 47 29 47 18 c 47 7 38 0 24 0 "
            + "c 12 0 4 5 0 14",  // s
        "6 6 m 15 90 l 15 20 c 15 6 23 -2 37 2 m 0 70 l 35 70",  // t
        "14 15 m 0 70 l 0 26 v 23 0 h 50 28 m 50 70 l 50 0",  // u
        "5 5 m 0 70 l 27 0 l 54 70",  // v
        "6 6 m 0 70 l 21 0 l 42 70 l 63 0 l 84 70",  // w
        "6 6 m 0 0 l 50 70 m 0 70 l 50 0",  // x
        "5 5 m 0 70 l 28 0 m 54 70 l 24 -10 c 18 -25 12 -29 2 -27",  // y
        "9 9 m 0 70 l 46 70 l 0 0 l 48 0",  // z
        "8 6 m 30 112 h 14 96 l 14 62 v 0 46 h 14 30 l 14 -4 v 30 -20",  // {
        "16 16 m 0 112 l 0 -20",  // |
        "6 8 m 0 112 h 16 96 l 16 62 v 30 46 h 16 30 l 16 -4 v 0 -20",  // }
        "10 10 m 0 38 c 4 52 20 58 32 46 c 44 34 58 40 62 54",  // ~
    ].map(Glyph.init)
}

/// A cubic Bézier curve as the ends of eight equal steps.
private func curve(
    _ p0: Canvas.Point, _ p1: Canvas.Point, _ p2: Canvas.Point, _ p3: Canvas.Point
) -> [Canvas.Point] {
    (1...8).map { step in
        let t = Float(step) / 8
        let s = 1 - t
        let (w0, w1, w2, w3) = (s * s * s, 3 * s * s * t, 3 * s * t * t, t * t * t)
        return Canvas.Point(
            w0 * p0.x + w1 * p1.x + w2 * p2.x + w3 * p3.x, w0 * p0.y + w1 * p1.y + w2 * p2.y + w3 * p3.y)
    }
}
