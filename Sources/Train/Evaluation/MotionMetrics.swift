internal import Glibc
package import Storage

/// Twenty numbers that describe how a clip moves, from its motion fields alone.
///
/// Their Fréchet distance compares the motion of two sets of clips where no trained video network is at hand. It is
/// no FVD and must not be printed as one. A block moves where its vector is at least one pixel long. Vectors point to
/// where a block came from, so a thing that moves to the right has dx below 0.
///
/// | place | what | unit |
/// |---|---|---|
/// | 0, 1 | mean dx and dy of the moving blocks of all fields; 0 without any | pixels |
/// | 2, 3 | their standard deviations, divided by the number of blocks; 0 without any | pixels |
/// | 4 | mean vector length over all blocks, moving or not | pixels |
/// | 5 | share of the blocks that move | 0…1 |
/// | 6–13 | lengths of the moving blocks' vectors, summed by direction, over the number of all blocks | pixels |
/// | 14, 15 | mean absolute change of all blocks' mean dx and dy from field to field; 0 for one field | pixels |
/// | 16, 17 | centroid x and y of the first field's moving blocks; the picture's middle without any | pixels |
/// | 18, 19 | the same of the last field | pixels |
///
/// Direction bin b holds the vectors within 22.5° of 45° · b, from +x (0) by +y (2) round to −x (4) and −y (6).
package struct MotionStatisticsFeatures: Sendable, Equatable {
    /// The numbers in a row.
    package static let dimension = 20

    /// The row.
    package let values: [Float]

    /// Describes one clip.
    ///
    /// - Parameters:
    ///   - motion: int16 (T−1, h, w, 2) quarter-pel, dx then dy, +x right, +y down, contiguous.
    ///   - fields: T−1.
    ///   - rows: h, blocks.
    ///   - columns: w, blocks.
    ///   - cellSize: side of a block in pixels.
    /// - Throws: if the motion has not as many values.
    package init(_ motion: Span<Int16>, fields: Int, rows: Int, columns: Int, cellSize: Int) throws(PFrameError) {
        precondition(fields > 0 && rows > 0 && columns > 0 && cellSize > 0, "\(fields) fields \(columns)x\(rows)")
        guard motion.count == fields * rows * columns * 2 else {
            throw PFrameError(
                .usage, "\(motion.count) values are no \(fields) motion fields of \(columns)x\(rows) vectors")
        }
        let blocks = rows * columns
        var (moving, sum, squares, length) = (0, SIMD2<Double>.zero, SIMD2<Double>.zero, 0.0)
        var bins = [Double](repeating: 0, count: 8)
        var (means, centroids): ([SIMD2<Double>], [SIMD2<Double>]) = ([], [])
        for field in 0..<fields {
            var (fieldSum, centroid, fieldMoving) = (SIMD2<Double>.zero, SIMD2<Double>.zero, 0)
            for block in 0..<blocks {
                let index = 2 * (field * blocks + block)
                let vector = SIMD2(Double(motion[index]), Double(motion[index + 1])) / 4
                let magnitude = (vector * vector).sum().squareRoot()
                fieldSum += vector
                length += magnitude
                guard magnitude >= 1 else { continue }
                fieldMoving += 1
                sum += vector
                squares += vector * vector
                centroid += SIMD2(Double(block % columns), Double(block / columns)) + 0.5
                bins[Self.direction(vector)] += magnitude
            }
            moving += fieldMoving
            means.append(fieldSum / Double(blocks))
            let middle = SIMD2(Double(columns), Double(rows)) / 2
            centroids.append((fieldMoving > 0 ? centroid / Double(fieldMoving) : middle) * Double(cellSize))
        }
        let count = Double(max(1, moving))
        let mean = sum / count
        // Sums of whole numbers of quarters are exact, so that equal vectors deviate by exactly 0.
        let variance = (count * squares - sum * sum) / (count * count)
        var change = SIMD2<Double>.zero
        for (after, before) in zip(means.dropFirst(), means) {
            change += SIMD2(abs(after.x - before.x), abs(after.y - before.y)) / Double(fields - 1)
        }
        let all = Double(fields * blocks)
        let (first, last) = (centroids[0], centroids[fields - 1])
        let row =
            [mean.x, mean.y, max(0, variance.x).squareRoot(), max(0, variance.y).squareRoot(), length / all]
            + [Double(moving) / all] + bins.map { $0 / all }
            + [change.x, change.y, first.x, first.y, last.x, last.y]
        values = row.map { Float($0) }
    }

    /// 0…7; no vector of whole quarter pixels lies on the border of two bins, whose tangent is irrational.
    private static func direction(_ vector: SIMD2<Double>) -> Int {
        (Int((atan2(vector.y, vector.x) * 4 / .pi).rounded()) + 8) % 8
    }
}

/// Mean end-point error between two motion fields of a clip, in pixels (Otte and Nagel, 1994).
///
/// `EPE = mean √((dx₁ − dx₂)² + (dy₁ − dy₂)²) / 4` over the vectors, which are in quarter pixels.
package struct EndpointError: Sendable, Equatable {
    /// The error of each of the T−1 fields.
    package let fields: [Double]
    /// The error of all vectors; all fields have the same number of vectors.
    package var clip: Double { fields.reduce(0, +) / Double(fields.count) }

    /// Compares two clips' motion.
    ///
    /// - Parameters:
    ///   - motion: int16 (T−1, h, w, 2) quarter-pel, dx then dy, +x right, +y down, contiguous.
    ///   - reference: the true values, of the same shape.
    ///   - fields: T−1.
    /// - Throws: if the two differ in length, or are not as many whole fields.
    package init(_ motion: Span<Int16>, reference: Span<Int16>, fields: Int) throws(PFrameError) {
        precondition(fields > 0, "\(fields) fields")
        guard motion.count == reference.count else {
            throw PFrameError(.usage, "motion of \(motion.count) values has a reference of \(reference.count)")
        }
        guard motion.count > 0, motion.count % (2 * fields) == 0 else {
            throw PFrameError(.usage, "\(motion.count) values are no \(fields) motion fields of two values a vector")
        }
        let vectors = motion.count / (2 * fields)
        self.fields = motion.withUnsafeBufferPointer { motion in
            reference.withUnsafeBufferPointer { reference in
                (0..<fields).map { field in
                    var sum = 0.0
                    for vector in field * vectors..<(field + 1) * vectors {
                        let x = Double(motion[2 * vector]) - Double(reference[2 * vector])
                        let y = Double(motion[2 * vector + 1]) - Double(reference[2 * vector + 1])
                        sum += (x * x + y * y).squareRoot()
                    }
                    return sum / Double(4 * vectors)
                }
            }
        }
    }
}
