import Codec
import Dataset
import MotionVectors
import SystemPackage

/// The frames and the motion of a sample of motion and residual: `vⁿ = P(vⁿ⁻¹, mv) + r`, exactly.
struct MotionClip {
    let frames: [RGBImage]
    let motion: [MotionField]

    init(_ sample: SourceSample, size: Size, dataset: FilePath) throws(TrainError) {
        let first = try Self.array(sample, "first.npy", .uint8, dataset)
        let mv = try Self.array(sample, "mv.npy", .int16, dataset)
        let residual = try Self.array(sample, "residual.npy", .int16, dataset)
        let count = mv.shape[0]
        let cells = [(size.height + 15) / 16, (size.width + 15) / 16]
        guard first.shape == [size.height, size.width, 3], mv.shape == [count] + cells + [2],
            residual.shape == [count, size.height, size.width, 3], count > 0
        else {
            throw TrainError(
                path: dataset,
                "sample \(sample.row.key): frames are \(first.shape) where the vae takes "
                    + "[\(size.height), \(size.width), 3]: train a vae on this data set, or build it with its --size")
        }
        self.init(
            first: RGBImage(width: size.width, height: size.height, pixels: Array(first.bytes)),
            motion: mv.bytes.withUnsafeBytes { Self.fields($0, count, size) },
            residuals: residual.bytes.withUnsafeBytes { Self.residuals($0, count) })
    }

    /// Rebuilds the frames.
    ///
    /// - Parameter residuals: `(H, W, 3)` for each field.
    init(first: RGBImage, motion: [MotionField], residuals: [[Int16]]) {
        var frames = [first]
        for (field, r) in zip(motion, residuals) {
            let prediction = WholePixelCompensation.predict(from: frames[frames.count - 1], field)
            frames.append(WholePixelCompensation.rebuild(prediction, r))
        }
        (self.frames, self.motion) = (frames, motion)
    }

    /// The fields of `mv.npy`: int16 `(count, h, w, 2)`.
    static func fields(_ bytes: UnsafeRawBufferPointer, _ count: Int, _ size: Size) -> [MotionField] {
        var field = MotionField(size: size, cellSize: 16)
        return (0..<count).map { frame in
            for cell in field.vectors.indices {
                let place = (frame * field.vectors.count + cell) * 4
                field.vectors[cell] = SIMD2(
                    bytes.loadUnaligned(fromByteOffset: place, as: Int16.self),
                    bytes.loadUnaligned(fromByteOffset: place + 2, as: Int16.self))
                field.mask[cell] = 1
            }
            return field
        }
    }

    /// The parts of an array of int16, `count` of them.
    static func residuals(_ bytes: UnsafeRawBufferPointer, _ count: Int) -> [[Int16]] {
        let values = bytes.count / 2 / count
        return (0..<count).map { frame in
            (0..<values).map { bytes.loadUnaligned(fromByteOffset: (frame * values + $0) * 2, as: Int16.self) }
        }
    }

    private static func array(
        _ sample: SourceSample, _ member: String, _ type: NPYType, _ dataset: FilePath
    ) throws(TrainError) -> (shape: [Int], bytes: [UInt8]) {
        guard sample.row.member(member) != nil else {
            throw TrainError(
                path: dataset,
                "sample \(sample.row.key) has no \(member): build the set with --represent motion-residual")
        }
        let bytes = try reading { () throws(DatasetError) in try sample.bytes(of: member) }
        do throws(NPYHeader.Problem) {
            let header = try bytes.span.bytes.withUnsafeBytes { bytes throws(NPYHeader.Problem) in
                try NPYHeader(bytes)
            }
            if header.type == type, bytes.count == header.size + header.payload {
                return (header.shape, Array(bytes[header.size...]))
            }
        } catch {
            throw TrainError(path: dataset, "sample \(sample.row.key): \(member): \(error)")
        }
        throw TrainError(path: dataset, "sample \(sample.row.key): \(member) is no array of \(type.rawValue)")
    }
}
