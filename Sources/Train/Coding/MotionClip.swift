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
        var frames = [RGBImage(width: size.width, height: size.height, pixels: Array(first.bytes))]
        var motion: [MotionField] = []
        let values = size.width * size.height * 3
        for frame in 0..<count {
            var field = MotionField(size: size, cellSize: 16)
            for cell in field.vectors.indices {
                let place = (frame * field.vectors.count + cell) * 4
                field.vectors[cell] = mv.bytes.withUnsafeBytes {
                    SIMD2(
                        $0.loadUnaligned(fromByteOffset: place, as: Int16.self),
                        $0.loadUnaligned(fromByteOffset: place + 2, as: Int16.self))
                }
                field.mask[cell] = 1
            }
            let r = residual.bytes.withUnsafeBytes { bytes in
                (0..<values).map { bytes.loadUnaligned(fromByteOffset: (frame * values + $0) * 2, as: Int16.self) }
            }
            frames.append(
                WholePixelCompensation.rebuild(WholePixelCompensation.predict(from: frames[frame], field), r))
            motion.append(field)
        }
        (self.frames, self.motion) = (frames, motion)
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
