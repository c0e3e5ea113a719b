import Codec
import Glibc
package import Storage
package import SystemPackage

/// The open files of one extraction.
final class FolderFiles {
    private var folder: StagedFolder
    private let motion: MotionWriter
    private var residual: ResidualWriter?
    private var accumulatedResidual: ResidualWriter?
    private var field: NPYWriter?
    private var mask: NPYWriter?
    private var accumulated: NPYWriter?
    private var syntax: SyntaxFiles?
    private var coded: CodedResidualFiles?
    private let options: ExtractionOptions
    private let output: ExtractionOutput
    private let frameRate: Rational

    init(
        _ path: FilePath, _ stream: VideoStream, _ options: ExtractionOptions, _ output: ExtractionOutput
    ) throws(PFrameError) {
        var folder = try StagedFolder(path: path)
        motion = try MotionWriter(path: folder.stage("motion.npy"), format: output.motionFormat)
        self.folder = folder
        self.options = options
        self.output = output
        frameRate = stream.averageFrameRate
    }

    /// Appends a frame.
    func write(_ frame: ExtractedFrame) throws(PFrameError) {
        let size = frame.picture.size
        try write(frame.record, frame.rows, frame.syntax, size)
        if let values = frame.residual, let format = output.residual {
            if residual == nil { residual = try makeResidual("residual", format, size) }
            try residual?.write(values)
        }
        if let values = frame.accumulatedResidual, let format = output.residual {
            if accumulatedResidual == nil {
                accumulatedResidual = try makeResidual("accumulated_residual", format, size)
            }
            try accumulatedResidual?.write(values)
        }
        if let traced = frame.accumulated {
            if accumulated == nil {
                accumulated = try NPYWriter(
                    path: folder.stage("accumulated.npy"), type: .int16, itemShape: [size.height, size.width, 2])
            }
            // Quarter pixels, as every vector that PFrame writes.
            try accumulated?.append(traced.displacements.map { $0 &<< 2 })
        }
    }

    /// Appends a frame of which no picture is there.
    func write(_ record: FrameRecord, _ said: PictureSyntax, _ size: Size) throws(PFrameError) {
        try write(record, said.rows, said, size)
    }

    private func write(
        _ record: FrameRecord, _ rows: [MotionRow], _ said: PictureSyntax?, _ size: Size
    ) throws(PFrameError) {
        try motion.append(rows)
        if let cellSize = output.fieldCellSize {
            let dense = MotionField(rows, size: size, cellSize: cellSize)
            if field == nil {
                field = try NPYWriter(
                    path: folder.stage("field.npy"), type: .int16, itemShape: [dense.rows, dense.columns, 2])
                mask = try NPYWriter(
                    path: folder.stage("mask.npy"), type: .uint8, itemShape: [dense.rows, dense.columns])
            }
            try field?.append(dense.vectors)
            try mask?.append(dense.mask)
        }
        guard record.syntax != nil else { return }
        if syntax == nil {
            syntax = try SyntaxFiles(&folder, size: size, macroblocks: options.source == .bitstream)
            if output.codedResidual {
                coded = try CodedResidualFiles(
                    &folder, size: size, frameRate: frameRate, threads: output.threads)
            }
        }
        try syntax?.write(record.display, rows: rows.count, said)
        try coded?.write(said?.residual, frame: record.display)
    }

    /// Completes every file; returns their size in bytes.
    func finish(_ records: [FrameRecord], _ description: StreamDescription) throws(PFrameError) -> Int {
        try motion.close()
        try residual?.close()
        try accumulatedResidual?.close()
        try field?.close()
        try mask?.close()
        try accumulated?.close()
        try syntax?.close()
        try coded?.close()
        return try folder.complete(records, description)
    }

    private func makeResidual(
        _ name: String, _ format: ResidualFormat, _ size: Size
    ) throws(PFrameError) -> ResidualWriter {
        var paths: [FilePath] = []
        for file in format.files(name) { paths.append(folder.stage(file)) }
        return try ResidualWriter(
            format, paths: paths, size: size, frameRate: frameRate, threads: output.threads)
    }
}

extension ExtractionWriter {
    /// Bytes of the files of an extraction.
    static func size(of folder: FilePath) -> Int { fileNames.reduce(0) { $0 + fileSize(folder.appending($1)) } }
}

/// The size of a file in bytes, 0 if there is none.
private func fileSize(_ path: FilePath) -> Int {
    var facts = stat()
    return path.withPlatformString { stat($0, &facts) } == 0 ? Int(facts.st_size) : 0
}

extension StreamDescription.Source {
    /// Describes a file as it is now, also one on a server, which is asked.
    ///
    /// - Parameter received: what came of a pipe, in bytes.
    package init(_ path: FilePath, received: Int? = nil) throws(PFrameError) {
        self.path = path.shown
        if let received {
            (bytes, modified) = (received, 0)
            return
        }
        if let address = path.address {
            let facts = try RemoteFile(address).facts()
            (bytes, modified) = (facts.size ?? 0, (facts.modified ?? 0) * 1_000_000_000)
            return
        }
        var facts = stat()
        let file: FilePath = path.isStandardInput ? "/dev/stdin" : path
        guard file.withPlatformString({ stat($0, &facts) }) == 0 else {
            throw PFrameError(Errno(rawValue: errno), path: path, "cannot examine")
        }
        bytes = Int(facts.st_size)
        modified = facts.st_mtim.tv_sec * 1_000_000_000 + facts.st_mtim.tv_nsec
    }
}

/// The folders for the results of several videos, relative to a common folder.
package enum ResultFolders: Sendable {
    /// Names the folder of each video after its file without extension; where two would share a name, both keep their
    /// extensions.
    ///
    /// - Parameter names: the videos as paths below the folder that was searched for them: `a/b.mp4` gives `a/b`.
    /// - Returns: the folders, and the first two videos, by their places, that would still share one.
    package static func names(_ names: [FilePath]) -> (folders: [FilePath], clash: (Int, Int)?) {
        var uses: [FilePath: Int] = [:]
        for name in names { uses[withoutExtension(name), default: 0] += 1 }
        let folders = names.map { uses[withoutExtension($0)] == 1 ? withoutExtension($0) : $0 }
        var owners: [FilePath: Int] = [:]
        for (index, folder) in folders.enumerated() {
            if let other = owners.updateValue(index, forKey: folder) { return (folders, (other, index)) }
        }
        return (folders, nil)
    }

    private static func withoutExtension(_ path: FilePath) -> FilePath {
        var result = path
        result.extension = nil
        return result
    }
}

extension StagedFolder {
    /// Writes `frames.csv` and `stream.json`, and gives all files their names; returns their size in bytes.
    mutating func complete(_ records: [FrameRecord], _ description: StreamDescription) throws(PFrameError) -> Int {
        var csv = try OutputFile(path: stage("frames.csv"))
        let isFromBitstream = records.contains { $0.syntax != nil }
        try csv.write((isFromBitstream ? FrameRecord.syntaxHeader : FrameRecord.header) + "\n")
        for var record in records {
            if isFromBitstream, record.syntax == nil { record.syntax = FrameSyntax([]) }
            try csv.write(record.csvLine + "\n")
        }
        try csv.close()
        let file = stage(StreamDescription.fileName)
        var json = try OutputFile(path: file)
        try json.write(try description.json(file))
        try json.close()
        try commit(last: StreamDescription.fileName, known: ExtractionWriter.fileNames)
        return ExtractionWriter.size(of: path)
    }
}
