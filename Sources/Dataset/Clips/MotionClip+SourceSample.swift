import Codec
public import MotionVectors
public import Storage
public import SystemPackage

extension MotionClip {
    /// The clip of a sample with `first.npy`, `mv.npy` and `residual.npy`.
    ///
    /// - Throws: `DatasetError` that names the sample where an array is missing, does not fit the others, or
    ///   holds what cannot be.
    public init(_ sample: SourceSample, dataset: FilePath) throws(DatasetError) {
        let first = try Self.array(sample, "first.npy", .uint8, dataset)
        let mv = try Self.array(sample, "mv.npy", .int16, dataset)
        let residual = try Self.array(sample, "residual.npy", .int16, dataset)
        let count = mv.shape.first ?? 0
        let size = Size(width: first.shape.dropFirst().first ?? 0, height: first.shape.first ?? 0)
        let field = MotionField(size: size, cellSize: SampleFiles.cellSize)
        guard count > 0, size.width > 0, size.height > 0, first.shape == [size.height, size.width, 3],
            mv.shape == [count, field.rows, field.columns, 2],
            residual.shape == [count, size.height, size.width, 3]
        else {
            throw DatasetError(
                path: dataset,
                "sample \(sample.row.key): first.npy \(first.shape), mv.npy \(mv.shape) and residual.npy "
                    + "\(residual.shape) do not fit each other")
        }
        let motion = mv.bytes.withUnsafeBytes { Self.fields($0, count, size) }
        let residuals = residual.bytes.withUnsafeBytes { Self.residuals($0, count) }
        if let mistake = Self.mistake(in: motion) {
            throw DatasetError(path: dataset, "sample \(sample.row.key): mv.npy: \(mistake)")
        }
        if let mistake = Self.mistake(in: residuals, width: size.width) {
            throw DatasetError(path: dataset, "sample \(sample.row.key): residual.npy: \(mistake)")
        }
        self.init(
            first: RGBImage(width: size.width, height: size.height, pixels: Array(first.bytes)),
            motion: motion, residuals: residuals)
    }

    private static func array(
        _ sample: SourceSample, _ member: String, _ type: NPYType, _ dataset: FilePath
    ) throws(DatasetError) -> (shape: [Int], bytes: [UInt8]) {
        guard sample.row.member(member) != nil else {
            throw DatasetError(
                path: dataset,
                "sample \(sample.row.key) has no \(member): build the set with --represent motion-residual")
        }
        let bytes = try sample.bytes(of: member)
        do throws(NPYHeader.Problem) {
            let header = try bytes.span.bytes.withUnsafeBytes { bytes throws(NPYHeader.Problem) in
                try NPYHeader(bytes)
            }
            if header.type == type, bytes.count == header.size + header.payload {
                return (header.shape, Array(bytes[header.size...]))
            }
        } catch {
            throw DatasetError(path: dataset, "sample \(sample.row.key): \(member): \(error)")
        }
        throw DatasetError(path: dataset, "sample \(sample.row.key): \(member) is no array of \(type.rawValue)")
    }
}
