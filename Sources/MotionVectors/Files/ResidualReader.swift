import Codec
import Storage
import SystemPackage

/// Reads stored residuals in display order.
final class ResidualReader {
    private let paths: [FilePath]
    private let video: VideoReader?
    private let planes: [NPYReader]

    init(_ format: ResidualFormat, folder: FilePath, size: Size, frames: Int) throws(CodecError) {
        paths = format.files("residual").map { folder.appending($0) }
        switch format {
        case .mkv:
            var options = DecoderOptions()
            options.exportsMotionVectors = false
            options.checksSlices = true
            let reader = try VideoReader(path: paths[0], options: options)
            guard reader.stream.size == size else {
                throw CodecError(
                    .damaged, path: paths[0], "is \(reader.stream.size), but stream.json says \(size); extract again")
            }
            video = reader
            planes = []
        case .npy:
            video = nil
            var readers: [NPYReader] = []
            for (path, extent) in zip(paths, [size, size.chroma, size.chroma]) {
                let reader = try NPYReader(path: path, type: .int16)
                let expected = [frames, extent.height, extent.width]
                guard reader.shape == expected else {
                    throw CodecError(
                        .damaged, path: path, "has shape \(reader.shape), but stream.json says \(expected)")
                }
                readers.append(reader)
            }
            planes = readers
        }
    }

    /// Reads the next picture's residual.
    func read(into residual: Residual) throws(CodecError) {
        for (index, reader) in planes.enumerated() {
            try residual.withPlane(index) { values throws(CodecError) in try reader.read(into: values) }
        }
        guard let video else { return }
        guard let picture = try video.next() else {
            throw CodecError(.damaged, path: paths[0], "ends early at frame \(video.delivered); extract again")
        }
        guard picture.format == .yuv420p10, picture.size == residual.size, !picture.isDamaged,
            video.damagedPackets.isEmpty
        else {
            throw CodecError(
                .damaged, path: paths[0], "frame \(video.delivered - 1) is damaged or no residual; extract again")
        }
        residual.load(from: picture)
    }
}
