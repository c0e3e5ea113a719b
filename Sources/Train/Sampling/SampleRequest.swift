public import Codec
public import Dataset
public import SystemPackage

extension SampleRequest {
    /// Clips of first frames in files, called `000` and so on.
    ///
    /// - Parameters:
    ///   - count: clips of each frame.
    ///   - seed: of the first clip; each one after has the next.
    ///   - fitting: the size to bring the frames to, and how; nil to take them as they are.
    /// - Throws: `TrainError` where a file holds no picture.
    public static func requests(
        _ images: [FilePath], count: Int = 1, caption: String, seed: UInt64 = 0,
        fitting: (size: Size, fit: ClipOptions.Fit)? = nil
    ) throws(TrainError) -> [SampleRequest] {
        var requests: [SampleRequest] = []
        let digits = max(3, String(images.count * count - 1).count)
        for path in images {
            let picture: RGBImage
            do throws(CodecError) {
                picture =
                    if let fitting {
                        try RGBImage(firstOf: path, size: fitting.size, fit: fitting.fit)
                    } else {
                        try RGBImage(contentsOf: path)
                    }
            } catch {
                throw TrainError(error)
            }
            for _ in 0..<count {
                let number = String(requests.count)
                requests.append(
                    SampleRequest(
                        name: String(repeating: "0", count: digits - number.count) + number, first: picture,
                        caption: caption, seed: seed &+ UInt64(requests.count), source: path))
            }
        }
        return requests
    }
}
