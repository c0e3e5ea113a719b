import Dataset
public import SystemPackage

/// The components in the run of the autoencoder that began with them: `components.safetensors`.
///
/// `vectors` float32 `(count, 768)`, `variances` float64 `(count)`, `deviation` float64 `(1)`.
extension PrincipalComponents {
    /// The file's name in the run's folder.
    public static let fileName = "components.safetensors"

    /// Reads the components of a run; nil where it has none.
    ///
    /// - Throws: `TrainError` where the file is damaged.
    public init?(run: FilePath) throws(TrainError) {
        let path = run.appending(Self.fileName)
        guard fileSize(path) != nil else { return nil }
        let file = try SafetensorsFile(path)
        let count = file["variances"]?.shape.first ?? 0
        let wanted: [(String, ElementType, [Int])] = [
            ("vectors", .float32, [count, Self.values]), ("variances", .float64, [count]), ("deviation", .float64, [1]),
        ]
        for (name, type, shape) in wanted {
            guard count > 0, file[name] == SafetensorsFile.Entry(type: type, shape: shape) else {
                throw TrainError(path: path, "has no tensor \(name) of principal components: remove it, and train anew")
            }
        }
        let deviation: [Double] = try Self.elements(file, "deviation")
        self.init(
            vectors: try Self.elements(file, "vectors"), variances: try Self.elements(file, "variances"),
            deviation: deviation[0])
    }

    private static func elements<Element: BitwiseCopyable>(
        _ file: SafetensorsFile, _ name: String
    ) throws(TrainError) -> [Element] {
        try file.withBytes(of: name) { bytes throws(TrainError) in
            let size = MemoryLayout<Element>.size
            return (0..<(bytes.count / size)).map { bytes.loadUnaligned(fromByteOffset: $0 * size, as: Element.self) }
        }
    }

    /// Writes the components into a run.
    ///
    /// - Throws: `TrainError`, a full disk included.
    public func write(run: FilePath) throws(TrainError) {
        var writer = try SafetensorsWriter(
            path: run.appending(Self.fileName),
            entries: [
                ("deviation", .float64, [1]), ("variances", .float64, [variances.count]),
                ("vectors", .float32, [variances.count, Self.values]),
            ])
        for values in [[deviation], variances] {
            try values.span.withUnsafeBytes { bytes throws(TrainError) in try writer.append(bytes) }
        }
        try vectors.span.withUnsafeBytes { bytes throws(TrainError) in try writer.append(bytes) }
        try writer.finish()
    }
}
