import MotionVectors
import Storage

/// The mean motion of a clip: for every block how far its content moves from frame to frame.
package struct MeanMotion: Sendable, Equatable {
    /// Blocks a row.
    package let columns: Int
    /// Rows of blocks.
    package let rows: Int
    /// Where the content of each block moves within a frame's time, pixels, +x right, +y down; row-major.
    package let vectors: [SIMD2<Double>]

    /// Pixels along a side of a block.
    static let block = 16.0

    /// The mean over time of `mv.npy`: int16 `(T−1, H/16, W/16, 2)` in quarter pixels, from a block to its prediction in the
    /// frame before, so that content moves by the negative; nil for bytes that are nothing like it.
    package init?(npy bytes: some Collection<UInt8>) {
        let bytes = Array(bytes)
        let parsed = bytes.withUnsafeBytes { raw -> (NPYHeader, [Int16])? in
            // What is no such array draws no arrows.
            guard let header = try? NPYHeader(raw), header.type == .int16, header.shape.count == 4,
                header.shape[3] == 2, header.payload == raw.count - header.size, header.payload > 0
            else { return nil }
            let values = (0..<(header.payload / 2)).map { index in
                Int16(littleEndian: raw.loadUnaligned(fromByteOffset: header.size + 2 * index, as: Int16.self))
            }
            return (header, values)
        }
        guard let (header, values) = parsed else { return nil }
        (rows, columns) = (header.shape[1], header.shape[2])
        var sums = [SIMD2<Double>](repeating: .zero, count: rows * columns)
        for (index, _) in values.enumerated() where index % 2 == 0 {
            sums[index / 2 % sums.count] += SIMD2(Double(values[index]), Double(values[index + 1]))
        }
        vectors = sums.map { $0 / (-4 * Double(header.shape[0])) }
    }

    /// A field of known vectors.
    package init(columns: Int, rows: Int, vectors: [SIMD2<Double>]) {
        precondition(vectors.count == columns * rows, "a vector for each block")
        (self.columns, self.rows, self.vectors) = (columns, rows, vectors)
    }

    /// The mean vectors of squares of `size` blocks, with their centres in pixels.
    func cells(of size: Int) -> [(centre: SIMD2<Double>, vector: SIMD2<Double>)] {
        stride(from: 0, to: rows, by: size).flatMap { top in
            stride(from: 0, to: columns, by: size).map { left in
                let (bottom, right) = (min(rows, top + size), min(columns, left + size))
                var sum = SIMD2<Double>.zero
                for row in top..<bottom { for column in left..<right { sum += vectors[row * columns + column] } }
                let centre = SIMD2(Double(left + right), Double(top + bottom)) * (Self.block / 2)
                return (centre, sum / Double((bottom - top) * (right - left)))
            }
        }
    }
}

/// Draws mean motion as arrows over a picture: each from a block to where its content moves within some frames.
package struct MotionArrows: Sendable {
    /// Frames of motion that an arrow shows.
    package let frames: Int

    /// The most arrows along a picture's longer side: more would cover a small picture.
    private static let most = 10
    /// Shorter arrows, in pixels of a picture 128 wide, are not drawn: nothing moves there.
    private static let least = 3.0

    /// The frames that make the arrows of these clips easy to see and yet keep them apart: 1, 2, 4, 8 or 16.
    package init(fitting motions: some Sequence<MeanMotion>) {
        // In units of the distance between arrows.
        let lengths = motions.flatMap { motion in
            let distance = Double(Self.merged(motion)) * MeanMotion.block
            return motion.vectors.map { ($0 * $0).sum().squareRoot() }.filter { $0 > 0.1 }.map { $0 / distance }
        }.sorted()
        let long = quantile(0.9, ofSorted: lengths)
        frames = [16, 8, 4, 2].first { !lengths.isEmpty && Double($0) * long <= 1.25 } ?? 1
    }

    /// Blocks along a side of the square that an arrow stands for.
    private static func merged(_ motion: MeanMotion) -> Int { (max(motion.columns, motion.rows) + most - 1) / most }

    /// The `svg` element over the picture of a clip; empty if nothing moves.
    package func html(_ motion: MeanMotion) -> HTML {
        let (width, height) = (motion.columns * Int(MeanMotion.block), motion.rows * Int(MeanMotion.block))
        // Arrows are as strong in the eye whatever the picture's size; coordinates are tenths of a pixel.
        let unit = Double(max(width, height)) / 128
        let arrows = motion.cells(of: Self.merged(motion)).compactMap { centre, vector -> String? in
            let arrow = vector * Double(frames)
            let length = (arrow * arrow).sum().squareRoot()
            guard length >= Self.least * unit else { return nil }
            return Self.outline(from: centre, along: arrow / length, length: length, unit: unit)
        }
        guard !arrows.isEmpty else { return "" }
        return """
            <svg class="arrows" aria-hidden="true" viewBox="0 0 \(width * 10) \(height * 10)" \
            stroke-width="\(NumberText.coordinate(11 * unit))"><path d="\(arrows.joined())"/></svg>
            """
    }

    /// The outline of an arrow: shaft and head, clockwise from the tail.
    private static func outline(
        from tail: SIMD2<Double>, along direction: SIMD2<Double>, length: Double, unit: Double
    ) -> String {
        let side = SIMD2(-direction.y, direction.x)
        let head = min(5.5 * unit, length * 0.6)
        let (shaft, wing) = (0.55 * unit, head * 0.42)
        let neck = tail + direction * (length - head)
        let corners = [
            tail + side * shaft, neck + side * shaft, neck + side * wing, tail + direction * length,
            neck - side * wing, neck - side * shaft, tail - side * shaft,
        ]
        let points = corners.map { corner in "\(Int((corner.x * 10).rounded())) \(Int((corner.y * 10).rounded()))" }
        return "M" + points.joined(separator: "L") + "z"
    }
}
