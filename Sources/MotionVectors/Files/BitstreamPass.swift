import Bitstream
import Codec
import Storage
import SystemPackage

extension ExtractionWriter {
    /// Whether the bitstream alone can give what was asked for, without decoding pictures.
    var needsNoPictures: Bool {
        options.readsBitstream && options.span == nil && !options.residual && !options.accumulate
    }

    /// One pass over the bitstream: no picture but the first is decoded, which tells crop and colour.
    ///
    /// - Returns: nil where the stream's own vectors were asked for and its decoder may know better: the video is out of
    ///   scope, damaged, cut off or of changing size, or its container gives no times, or times that do not rise.
    func readBitstream(
        _ pipe: PipedVideo?, _ announce: (ExtractionEstimate) -> Void,
        _ progress: (Int, Double) throws(PFrameError) -> Void
    ) throws(PFrameError) -> ExtractionSummary? {
        do throws(PFrameError) { return try parse(pipe, announce, progress) } catch {
            guard options.source == .stream, error.code == .unsupported else { throw error }
            return nil
        }
    }

    private func parse(
        _ pipe: PipedVideo?, _ announce: (ExtractionEstimate) -> Void,
        _ progress: (Int, Double) throws(PFrameError) -> Void
    ) throws(PFrameError) -> ExtractionSummary? {
        var reading = BitstreamOptions()
        (reading.streamIndex, reading.residual) = (options.streamIndex, options.codedResidual)
        reading.threads = output.threads
        let reader = try BitstreamReader(path: path, options: reading)
        let decoder = try VideoReader(path: path, streamIndex: options.streamIndex)
        guard let first = try decoder.next() else {
            throw PFrameError(.damaged, path: path, "no picture could be decoded")
        }
        let files = try output.folder.map { folder throws(PFrameError) in
            try FolderFiles(folder, reader.stream, options, output)
        }
        var frames = BitstreamFrames(
            timeBase: reader.stream.timeBase, limit: options.frameLimit, first: first,
            keepsMacroblocks: options.source == .bitstream && files != nil)
        var isAnnounced = false
        while !frames.isComplete, let picture = try reader.next() {
            guard picture.size == first.size || picture.isHidden else {
                throw PFrameError(
                    .unsupported, path: path,
                    "frame \(picture.display): the picture size changes, which is not supported")
            }
            try frames.insert(picture) { record, syntax throws(PFrameError) in
                try files?.write(record, syntax, first.size)
            }
            if options.source == .stream, frames.isDoubtful { return nil }
            let share = reader.fileSize > 0 ? min(1, Double(reader.bytesRead) / Double(reader.fileSize)) : 0
            if !isAnnounced, frames.records.count >= ExtractionEstimate.pictures, files != nil {
                let perFrame = frames.summary.vectors / frames.records.count
                self.announce(perFrame, first.size, reader.stream, read: share, announce)
                isAnnounced = true
            }
            try progress(frames.records.count, share)
        }
        // A reader stops early where frames are limited: packets behind the last frame are not looked at.
        let end = frames.isComplete ? (frames.records.map(\.decode).max() ?? 0) : .max
        let lost = reader.lostPackets.filter { $0.number < end }
        if options.source == .stream, reader.truncation != nil || frames.records.isEmpty || !lost.isEmpty { return nil }
        var summary = frames.summary
        summary.damaged += lost.count
        summary.truncation = reader.truncation
        summary.orientation = decoder.orientation
        if let files {
            let facts = StreamDescription.Facts(
                stream: reader.stream, referenceFrames: decoder.referenceFrames, orientation: decoder.orientation,
                bitstreamFrames: summary.frames)
            let description = StreamDescription(
                facts, source: try StreamDescription.Source(path, received: pipe?.received), options: describedOptions,
                motionSource: options.source, tool: output.tool, first: first, summary: summary)
            let rows = lost.map { FrameRecord(lost: $0, timeBase: reader.stream.timeBase) }
            summary.bytes = try files.finish(frames.timedRecords(delay: decoder.outputDelay) + rows, description)
        }
        return summary
    }
}
