import COpenBLAS
import Dataset
public import Storage
public import SystemPackage

/// The principal components of 16×16 RGB blocks of residuals, and the deviation of a value.
public struct PrincipalComponents: Sendable, Equatable {
    /// Pixels of a block each way.
    public static let block = 16
    /// Values of a block, `(16, 16, 3)` in C order.
    public static let values = block * block * 3
    /// Orthonormal rows `(count, 768)`, the greatest variance first.
    public let vectors: [Float]
    /// The mean square of each coefficient, in squared pixel values.
    public let variances: [Double]
    /// The root mean square of a residual value, in pixel values.
    public let deviation: Double

    /// Components that are known.
    public init(vectors: [Float], variances: [Double], deviation: Double) {
        precondition(vectors.count == variances.count * Self.values, "\(vectors.count) values of components")
        (self.vectors, self.variances, self.deviation) = (vectors, variances, deviation)
    }

    /// The share of the energy that the components keep.
    public var energy: Double {
        variances.reduce(0, +) / max(deviation * deviation * Double(Self.values), .leastNormalMagnitude)
    }

    /// Sums products of blocks, so that components can be found without keeping the blocks.
    public struct Fit: Sendable {
        private var products = [Float](repeating: 0, count: values * values)
        private var total = [Double](repeating: 0, count: values * values)
        private var pending = 0
        private var blocks = 0

        /// No blocks yet.
        public init() { openblas_set_num_threads(1) }

        /// Blocks taken in so far.
        public var count: Int { blocks }

        /// Takes the blocks of one residual in.
        ///
        /// - Parameters:
        ///   - residual: int16 `(height, width, 3)`; both are multiples of 16.
        ///   - height: rows.
        ///   - width: pixels per row.
        public mutating func add(_ residual: UnsafeBufferPointer<Int16>, width: Int, height: Int) {
            let (rows, columns) = (height / 16, width / 16)
            var matrix = [Float](repeating: 0, count: rows * columns * PrincipalComponents.values)
            for row in 0..<rows {
                for column in 0..<columns {
                    let target = (row * columns + column) * PrincipalComponents.values
                    for y in 0..<16 {
                        let source = ((row * 16 + y) * width + column * 16) * 3
                        for x in 0..<48 { matrix[target + y * 48 + x] = Float(residual[source + x]) }
                    }
                }
            }
            let size = Int32(PrincipalComponents.values)
            cblas_ssyrk(
                CblasRowMajor, CblasUpper, CblasTrans, size, Int32(rows * columns), 1, matrix, size, 1, &products, size)
            blocks += rows * columns
            pending += rows * columns
            if pending >= 4096 { flush() }
        }

        // float32 holds the sums of a few thousand blocks exactly enough, not those of millions.
        private mutating func flush() {
            for index in products.indices {
                total[index] += Double(products[index])
                products[index] = 0
            }
            pending = 0
        }

        /// The first `count` components; nil where every block was zero.
        ///
        /// - Throws: `PFrameError` if LAPACK finds none.
        public mutating func components(_ count: Int = 16) throws(PFrameError) -> PrincipalComponents? {
            flush()
            guard blocks > 0 else { return nil }
            let size = PrincipalComponents.values
            var matrix = total.map { $0 / Double(blocks) }
            let energy = (0..<size).reduce(0) { $0 + matrix[$1 * size + $1] }
            guard energy > 0 else { return nil }
            var eigenvalues = [Double](repeating: 0, count: size)
            var order = Int32(size)
            var (work, whole): ([Double], [Int32]) = ([0], [0])
            var (workSize, wholeSize, status): (Int32, Int32, Int32) = (-1, -1, 0)
            // The upper triangle in C order is the lower one in Fortran's.
            func solve() {
                var (job, half): (CChar, CChar) = (CChar(UInt8(ascii: "V")), CChar(UInt8(ascii: "L")))
                dsyevd_(
                    &job, &half, &order, &matrix, &order, &eigenvalues, &work, &workSize, &whole, &wholeSize, &status,
                    1,
                    1)
            }
            solve()
            (workSize, wholeSize) = (Int32(work[0]), whole[0])
            work = [Double](repeating: 0, count: Int(workSize))
            whole = [Int32](repeating: 0, count: Int(wholeSize))
            solve()
            guard status == 0 else { throw PFrameError("no principal components were found (dsyevd \(status))") }
            var (vectors, variances): ([Float], [Double]) = ([], [])
            for k in 0..<count {
                let index = size - 1 - k
                variances.append(max(0, eigenvalues[index]))
                vectors += matrix[(index * size)..<((index + 1) * size)].map { Float($0) }
            }
            return PrincipalComponents(
                vectors: vectors, variances: variances, deviation: (energy / Double(size)).squareRoot())
        }
    }
}

/// The components in the run of the autoencoder that began with them: `components.safetensors`.
///
/// `vectors` float32 `(count, 768)`, `variances` float64 `(count)`, `deviation` float64 `(1)`.
extension PrincipalComponents {
    /// The file's name in the run's folder.
    public static let fileName = "components.safetensors"

    /// Reads the components of a run; nil if it has none.
    ///
    /// - Throws: `PFrameError` if the file is damaged.
    public init?(run: FilePath) throws(PFrameError) {
        let path = run.appending(Self.fileName)
        guard fileSize(path) != nil else { return nil }
        let file = try SafetensorsFile(path)
        let count = file["variances"]?.shape.first ?? 0
        let wanted: [(String, ElementType, [Int])] = [
            ("vectors", .float32, [count, Self.values]), ("variances", .float64, [count]), ("deviation", .float64, [1]),
        ]
        for (name, type, shape) in wanted {
            guard count > 0, file[name] == SafetensorsFile.Entry(type: type, shape: shape) else {
                throw PFrameError(
                    path: path, "has no tensor \(name) of principal components: remove it and train again")
            }
        }
        let deviation: [Double] = try Self.elements(file, "deviation")
        self.init(
            vectors: try Self.elements(file, "vectors"), variances: try Self.elements(file, "variances"),
            deviation: deviation[0])
    }

    private static func elements<Element: BitwiseCopyable>(
        _ file: SafetensorsFile, _ name: String
    ) throws(PFrameError) -> [Element] {
        try file.withBytes(of: name) { bytes throws(PFrameError) in
            let size = MemoryLayout<Element>.size
            return (0..<(bytes.count / size)).map { bytes.loadUnaligned(fromByteOffset: $0 * size, as: Element.self) }
        }
    }

    /// Writes the components into a run.
    ///
    /// - Throws: `PFrameError`, a full disk included.
    public func write(run: FilePath) throws(PFrameError) {
        var writer = try SafetensorsWriter(
            path: run.appending(Self.fileName),
            entries: [
                ("deviation", .float64, [1]), ("variances", .float64, [variances.count]),
                ("vectors", .float32, [variances.count, Self.values]),
            ])
        for values in [[deviation], variances] {
            try values.span.withUnsafeBytes { bytes throws(PFrameError) in try writer.append(bytes) }
        }
        try vectors.span.withUnsafeBytes { bytes throws(PFrameError) in try writer.append(bytes) }
        try writer.finish()
    }
}
