import Codec
import Storage
import SystemPackage

/// Reads `frames.csv`.
enum FrameTable {
    /// The rows, in the file's order: delivered pictures by display index, then lost packets.
    static func read(_ path: FilePath) throws(CodecError) -> [FrameRecord] {
        let text: String
        do { text = String(decoding: try readWholeFile(path), as: UTF8.self) } catch {
            throw CodecError(error, path: path, "cannot read")
        }
        let lines = text.split(separator: "\n")
        guard lines.first.map(String.init) == FrameRecord.header else {
            throw CodecError(.damaged, path: path, "does not start with PFrame's columns: \(FrameRecord.header)")
        }
        var records: [FrameRecord] = []
        for (index, line) in lines.enumerated().dropFirst() {
            guard let record = FrameRecord(csvLine: line) else {
                throw CodecError(.damaged, path: path, "line \(index + 1) is unreadable")
            }
            records.append(record)
        }
        return records
    }
}
