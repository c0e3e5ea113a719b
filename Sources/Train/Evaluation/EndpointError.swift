/// Mean end-point error between two motion fields of a clip, in pixels (Otte and Nagel, 1994).
///
/// `EPE = mean √((dx₁ − dx₂)² + (dy₁ − dy₂)²) / 4` over the vectors, which are in quarter pixels.
public struct EndpointError: Sendable, Equatable {
    /// Of each of the T−1 fields.
    public let fields: [Double]
    /// Of all vectors: the fields have as many each.
    public var clip: Double { fields.reduce(0, +) / Double(fields.count) }

    /// Compares two clips' motion.
    ///
    /// - Parameters:
    ///   - motion: int16 (T−1, h, w, 2) quarter-pel, dx then dy, +x right, +y down, contiguous.
    ///   - reference: what it should be, of the same shape.
    ///   - fields: T−1.
    /// - Throws: where the two differ in length, or are not as many whole fields.
    public init(_ motion: Span<Int16>, reference: Span<Int16>, fields: Int) throws(TrainError) {
        precondition(fields > 0, "\(fields) fields")
        guard motion.count == reference.count else {
            throw TrainError("motion of \(motion.count) values has a reference of \(reference.count)")
        }
        guard motion.count > 0, motion.count % (2 * fields) == 0 else {
            throw TrainError("\(motion.count) values are no \(fields) motion fields of two values a vector")
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
