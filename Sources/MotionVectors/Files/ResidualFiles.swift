import Codec
import Storage
import SystemPackage

/// How residuals are stored.
public enum ResidualFormat: String, Sendable, CaseIterable, Codable {
    /// Lossless FFV1 in Matroska, yuv420p10, value + 512: any FFmpeg reads it.
    case mkv
    /// Three `int16` arrays, `_y`, `_u` and `_v`, `(T, H, W)`.
    case npy

    /// The files of a residual called `name`.
    func files(_ name: String) -> [String] {
        switch self {
        case .mkv: ["\(name).mkv"]
        case .npy: ["y", "u", "v"].map { "\(name)_\($0).npy" }
        }
    }
}

/// Writes residuals in display order.
final class ResidualWriter {
    private var video: (writer: VideoWriter, scratch: Picture)?
    private var planes: [NPYWriter] = []
    private var count = 0

    init(
        _ format: ResidualFormat, paths: [FilePath], size: Size, frameRate: Rational, threads: Int
    ) throws(PFrameError) {
        switch format {
        case .mkv:
            let rate = frameRate.numerator > 0 && frameRate.denominator > 0 ? frameRate : Rational(25, 1)
            let writer = try VideoWriter(
                path: paths[0], settings: .ffv1, size: size, format: .yuv420p10,
                timeBase: Rational(rate.denominator, rate.numerator), frameRate: rate, threads: threads)
            video = (writer, try Picture(size: size, format: .yuv420p10))
        case .npy:
            for (path, extent) in zip(paths, [size, size.chroma, size.chroma]) {
                planes.append(try NPYWriter(path: path, type: .int16, itemShape: [extent.height, extent.width]))
            }
        }
    }

    func write(_ residual: Residual) throws(PFrameError) {
        for (index, writer) in planes.enumerated() {
            try residual.withPlane(index) { values throws(PFrameError) in
                try writer.append(UnsafeBufferPointer(values))
            }
        }
        if let video {
            residual.store(into: video.scratch)
            try video.writer.write(video.scratch, at: count)
        }
        count += 1
    }

    func close() throws(PFrameError) {
        for writer in planes { try writer.close() }
        try video?.writer.finish()
    }
}

/// What `residual.mkv` adds to every value, so that −255…255 becomes 257…767 of 10 bits.
private let offset: Int16 = 512

extension Residual {
    /// Writes the values plus 512 into a 10-bit picture of the same size.
    func store(into picture: Picture) {
        for index in 0..<3 {
            withRows(index, of: picture) { values, words, count in
                for column in 0..<count { words[column] = values[column] &+ offset }
            }
        }
    }

    /// Reads values from a 10-bit picture of the same size.
    func load(from picture: Picture) {
        for index in 0..<3 {
            withRows(index, of: picture) { values, words, count in
                for column in 0..<count { values[column] = words[column] &- offset }
            }
        }
    }

    /// Lends each row of a plane with the same row of a 10-bit picture.
    private func withRows(
        _ index: Int, of picture: Picture,
        _ body: (_ values: UnsafeMutablePointer<Int16>, _ words: UnsafeMutablePointer<Int16>, _ count: Int) -> Void
    ) {
        let extent = extent(index)
        withPlane(index) { values in
            picture.withPlane(index) { plane in
                guard let base = values.baseAddress else { return }
                for row in 0..<extent.height {
                    let words = plane.base + row * plane.stride
                    words.withMemoryRebound(to: Int16.self, capacity: extent.width) {
                        body(base + row * extent.width, $0, extent.width)
                    }
                }
            }
        }
    }
}

/// Reads stored residuals in display order.
final class ResidualReader {
    private let paths: [FilePath]
    private let video: VideoReader?
    private let planes: [NPYReader]

    init(_ format: ResidualFormat, folder: FilePath, size: Size, frames: Int) throws(PFrameError) {
        paths = format.files("residual").map { folder.appending($0) }
        switch format {
        case .mkv:
            var options = DecoderOptions()
            options.exportsMotionVectors = false
            options.checksSlices = true
            let reader = try VideoReader(path: paths[0], options: options)
            guard reader.stream.size == size else {
                throw PFrameError(
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
                    throw PFrameError(
                        .damaged, path: path, "has shape \(reader.shape), but stream.json says \(expected)")
                }
                readers.append(reader)
            }
            planes = readers
        }
    }

    /// Reads the next picture's residual.
    func read(into residual: Residual) throws(PFrameError) {
        for (index, reader) in planes.enumerated() {
            try residual.withPlane(index) { values throws(PFrameError) in try reader.read(into: values) }
        }
        guard let video else { return }
        guard let picture = try video.next() else {
            throw PFrameError(.damaged, path: paths[0], "ends early at frame \(video.delivered); extract again")
        }
        guard picture.format == .yuv420p10, picture.size == residual.size, !picture.isDamaged,
            video.damagedPackets.isEmpty
        else {
            throw PFrameError(
                .damaged, path: paths[0], "frame \(video.delivered - 1) is damaged or no residual; extract again")
        }
        residual.load(from: picture)
    }
}
