import Bitstream
import Codec
import Storage
import SystemPackage

extension ExtractionWriter {
    /// One pass over the bitstream: no picture but the first is decoded, which tells crop and colour.
    func readBitstream(
        _ progress: (Int, Double) throws(PFrameError) -> Void
    ) throws(PFrameError) -> ExtractionSummary {
        guard !PipedVideo.isPipe(path) else {
            throw PFrameError(
                .unsupported, path: path,
                "is a pipe, and --motion-source bitstream opens a video twice: write it to a file first")
        }
        guard options.span == nil else {
            throw PFrameError(
                .usage, path: path, "--motion-source bitstream reads whole videos: leave out --start and --end")
        }
        var reading = BitstreamOptions()
        reading.streamIndex = options.streamIndex
        reading.threads = output.encoderThreads
        let reader = try BitstreamReader(path: path, options: reading)
        let decoder = try VideoReader(path: path, streamIndex: options.streamIndex)
        guard let first = try decoder.next() else {
            throw PFrameError(.damaged, path: path, "no picture could be decoded")
        }
        let files = try output.folder.map { folder throws(PFrameError) in
            try BitstreamFiles(folder, size: first.size, output)
        }
        var frames = BitstreamFrames(timeBase: reader.stream.timeBase, limit: options.frameLimit)
        while !frames.isComplete, let picture = try reader.next() {
            guard picture.width * 16 == first.size.width, picture.height * 16 == first.size.height else {
                throw PFrameError(
                    .unsupported, path: path,
                    "frame \(picture.display): the picture size changes, which is not supported")
            }
            try frames.insert(picture) { frame throws(PFrameError) in try files?.write(frame) }
            let share = reader.fileSize > 0 ? min(1, Double(reader.bytesRead) / Double(reader.fileSize)) : 0
            try progress(frames.records.count, share)
        }
        var summary = frames.summary
        summary.truncation = reader.truncation
        summary.orientation = decoder.orientation
        if let files {
            let facts = StreamDescription.Facts(
                stream: reader.stream, referenceFrames: decoder.referenceFrames, orientation: decoder.orientation)
            let description = StreamDescription(
                facts, source: try StreamDescription.Source(path), options: describedOptions,
                motionSource: .bitstream, tool: output.tool, first: first, summary: summary)
            summary.bytes = try files.finish(frames.records, description)
        }
        return summary
    }
}
