public import Codec
public import Dataset
import MotionVectors
public import Shards
public import Storage
public import SystemPackage

/// First frames and captions of a data set, in its stored order: requests for what a model makes of real beginnings.
public enum FirstFrames: Sendable {
    /// The requests of samples, each called by its key.
    ///
    /// - Parameters:
    ///   - model: the model that is to be asked.
    ///   - limit: the most samples, the first ones; nil for all.
    ///   - seed: of the first sample; each one after has the next.
    ///   - source: the data set to read.
    /// - Throws: `PFrameError` if the set cannot be read, holds no frames, or frames of another size.
    public static func requests(
        _ source: ShardSource, for model: any Generator, limit: Int? = nil, seed: UInt64 = 0
    ) throws(PFrameError) -> [SampleRequest] {
        let path = FilePath(source.description)
        let member = try self.member(source, path)
        var loading = LoaderOptions()
        (loading.members, loading.shuffle) = ([member], false)
        let loader = try Loader(source, options: loading)
        var requests: [SampleRequest] = []
        let next = { () throws(PFrameError) in try loader.next() }
        while requests.count < limit ?? .max, let batch = try next() {
            for (sample, row) in batch.rows.enumerated() where requests.count < limit ?? .max {
                let frame = try batch.withArray(member) { (bytes, type, shape) throws(PFrameError) -> RGBImage in
                    let size = model.sizes.first { shape.suffix(3) == [$0.height, $0.width, 3] }
                    guard type == .uint8, let size else {
                        let taken = model.sizes.map(\.description).joined(separator: " or ")
                        throw PFrameError(
                            .conflict, path: path,
                            "\(member) is \(type) \(Array(shape.dropFirst())), but the model takes uint8 frames of "
                                + "\(taken): build the set with frames of \(model.size)")
                    }
                    let start = sample * (bytes.count / batch.count)
                    let pixels = Array(bytes[start..<(start + size.width * size.height * 3)])
                    return RGBImage(width: size.width, height: size.height, pixels: pixels)
                }
                requests.append(
                    SampleRequest(
                        name: row.key, first: frame, caption: caption(of: row, model),
                        seed: seed &+ UInt64(requests.count), source: path))
            }
        }
        return requests
    }

    /// What the model reads of a sample.
    static func caption(of row: ShardRow, _ model: any Generator) -> String {
        guard model.captions?.kind == .labels else { return row.columns.caption }
        return row.columns.metadata[CaptionReader.labelColumn]?.string ?? ""
    }

    /// The array whose first picture is the first frame.
    private static func member(_ source: ShardSource, _ path: FilePath) throws(PFrameError) -> String {
        let first = try Loader.glance(source).first
        guard let first else { throw PFrameError(.missing, path: path, "holds no records") }
        guard let found = ["first.npy", "frames.npy"].first(where: { first.rows[0].member($0) != nil }) else {
            throw PFrameError(
                .unsupported, path: path,
                "its samples have neither first.npy nor frames.npy: build the set with `pframe build`")
        }
        return found
    }
}

extension SampleRequest {
    /// Clips of first frames in files, called `000` and so on.
    ///
    /// - Parameters:
    ///   - count: clips of each frame.
    ///   - seed: of the first clip; each one after has the next.
    ///   - fitting: the sizes to bring the frames to, each frame to the nearest in aspect, and how; nil to take them as
    ///     they are.
    ///   - caption: the text.
    ///   - images: the pictures.
    /// - Throws: `PFrameError` if a file holds no picture.
    public static func requests(
        _ images: [FilePath], count: Int = 1, caption: String, seed: UInt64 = 0,
        fitting: (sizes: [Size], fit: ClipOptions.Fit)? = nil
    ) throws(PFrameError) -> [SampleRequest] {
        var requests: [SampleRequest] = []
        let digits = max(3, String(images.count * count - 1).count)
        for path in images {
            let picture: RGBImage
            picture =
                if let fitting {
                    try RGBImage(firstOf: path, sizes: fitting.sizes, fit: fitting.fit)
                } else {
                    try RGBImage(contentsOf: path)
                }
            for _ in 0..<count {
                requests.append(
                    SampleRequest(
                        name: requests.count.zeroPadded(digits), first: picture,
                        caption: caption, seed: seed &+ UInt64(requests.count), source: path))
            }
        }
        return requests
    }
}
