public import Codec
public import Storage
public import SystemPackage

extension Reconstruction {
    /// Writes all pictures as a video, before any was taken by ``next()``; `.yuv` and `.y4m` store them as they are, `.mp4` and `.mkv` encode them.
    ///
    /// - Parameters:
    ///   - path: one of the files that ``DeliveredVideo/Kind`` knows.
    ///   - crf: libx264's constant rate factor for encoded output.
    ///   - progress: called with the frames so far; what it throws ends the work, and nothing is written.
    /// - Returns: the number of frames and their size.
    /// - Throws: `CodecError`, a full disk included.
    public func write(
        to path: FilePath, crf: Double, progress: (Int) throws(CodecError) -> Void = { _ in }
    ) throws(CodecError) -> (frames: Int, size: Size) {
        var (count, size) = (0, description.codedSize)
        try StagedFile.write(path) { hidden throws(CodecError) in
            let video = try DeliveredVideo(path: hidden, description: description, crf: crf)
            size = video.size
            while let picture = try next() {
                try video.write(picture, frames[count])
                count += 1
                try progress(count)
            }
            try video.finish()
        }
        return (count, size)
    }
}
