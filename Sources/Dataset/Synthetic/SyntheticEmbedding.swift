import Storage

/// An embedding as a model of the CLIP kind gives it, of a sentence about shapes: known words as directions, and noise.
///
/// Sentences that share no known word have a cosine of about 0; the same sentence drawn twice has one of about 0.8.
enum SyntheticEmbedding {
    /// Values of an embedding.
    static let dimensions = 64

    /// The length of the noise, where what the sentence says has length 1.
    private static let noise = 0.5

    /// The words that have a direction, in its order.
    private static let words =
        SyntheticColour.allCases.map(\.rawValue) + SyntheticShape.allCases.map(\.rawValue)
        + SyntheticMotion.moving.map(\.rawValue) + ["still"]

    /// The embedding of a sentence, of length 1; `random` gives the noise.
    static func values(of sentence: String, using random: inout SplitMix64) -> [Float] {
        var sum = [Double](repeating: 0, count: dimensions)
        for word in sentence.split(whereSeparator: { !$0.isLetter }) {
            guard let number = words.firstIndex(of: String(word)) else { continue }
            for place in sum.indices { sum[place] += direction(number + 1, place) }
        }
        // The sum of four uniform draws is near enough to a normal one.
        let noise = sum.map { _ in
            (0..<4).reduce(0.0) { sum, _ in sum + Double(random.in(-32768...32767)) }
        }
        let (signal, disturbance) = (normalised(sum), normalised(noise))
        return normalised(zip(signal, disturbance).map { $0 + Self.noise * $1 }).map { Float($0) }
    }

    /// A row of the Hadamard matrix of Sylvester's kind: all rows are orthogonal.
    private static func direction(_ row: Int, _ place: Int) -> Double {
        (row & place).nonzeroBitCount % 2 == 0 ? 1 : -1
    }

    private static func normalised(_ values: [Double]) -> [Double] {
        let length = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return length > 0 ? values.map { $0 / length } : values
    }
}
