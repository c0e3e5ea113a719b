import Storage

/// The residuals of one clip, int16 `(1, frames, height, width, 3)`.
struct Residuals {
    let count: Int
    let height: Int
    let width: Int
    private let values: UnsafeBufferPointer<Int16>

    /// Nil where the array does not fit.
    init?(_ bytes: UnsafeRawBufferPointer, _ shape: [Int], _ options: AutoencoderOptions) {
        guard shape.count == 5, shape[0] == 1, shape[2] == options.height, shape[3] == options.width, shape[4] == 3,
            bytes.count == shape.reduce(2, *)
        else { return nil }
        (count, height, width) = (shape[1], shape[2], shape[3])
        values = bytes.bindMemory(to: Int16.self)
    }

    func frame(_ index: Int) -> UnsafeBufferPointer<Int16> {
        let size = height * width * 3
        return UnsafeBufferPointer(rebasing: values[(index * size)..<((index + 1) * size)])
    }

    /// A residual under a symmetry, negated or not: each is as likely as its opposite.
    func frame(_ index: Int, _ symmetry: Symmetry) -> [Int16] {
        let turned = symmetry.turned(frame(index), width: width, height: height)
        return symmetry.negates ? turned.map { -$0 } : turned
    }

    /// Different frames, each drawn with a chance that grows with its energy.
    func drawn(_ wanted: Int, seed: RandomSeed) -> [Int] {
        var weights = (0..<count).map { index -> Double in
            // 1 for every residual, so that empty ones are seen too.
            1 + Double(frame(index).reduce(into: 0) { $0 += Int($1.magnitude) }) / Double(height * width * 3)
        }
        var result: [Int] = []
        for draw in 0..<min(wanted, count) {
            var place = seed.mixed(draw).unit * weights.reduce(0, +)
            var index = 0
            while index < count - 1, weights[index] == 0 || place >= weights[index] {
                place -= weights[index]
                index += 1
            }
            while weights[index] == 0 { index = (index + count - 1) % count }
            result.append(index)
            weights[index] = 0
        }
        return result.sorted()
    }

    static func unfit(_ shape: [Int], _ options: AutoencoderOptions) -> PFrameError {
        PFrameError(
            .conflict,
            "residual.npy of the data set is \(Array(shape.dropFirst())), but the autoencoder takes "
                + "[frames, \(options.height), \(options.width), 3]: train one of the data set's size")
    }
}

/// One of the sixteen ways in which pixels of a clip are as likely as they are: mirrored, with rows and columns exchanged
/// (where they are as many), and negated or played backwards. A small training set holds as many more, and blocks stay
/// blocks.
struct Symmetry {
    private let mirrorsColumns: Bool
    private let mirrorsRows: Bool
    private let exchanges: Bool
    /// Whether a residual is negated.
    let negates: Bool
    /// Whether the last frame of a clip comes first.
    var reverses: Bool { negates }

    init(_ seed: RandomSeed) {
        let bits = seed.value
        (mirrorsColumns, mirrorsRows) = (bits & 1 != 0, bits & 2 != 0)
        (exchanges, negates) = (bits & 4 != 0, bits & 8 != 0)
    }

    /// Pixels `(height, width, 3)`, mirrored and exchanged.
    func turned<Value>(_ source: UnsafeBufferPointer<Value>, width: Int, height: Int) -> [Value] {
        let exchanges = exchanges && width == height
        return [Value](unsafeUninitializedCapacity: source.count) { target, count in
            for row in 0..<height {
                for column in 0..<width {
                    let (r, c) = exchanges ? (column, row) : (row, column)
                    let from = mirrorsRows ? height - 1 - r : r
                    let place = (from * width + (mirrorsColumns ? width - 1 - c : c)) * 3
                    let to = (row * width + column) * 3
                    for channel in 0..<3 { target.initializeElement(at: to + channel, to: source[place + channel]) }
                }
            }
            count = source.count
        }
    }
}
