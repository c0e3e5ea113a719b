import Codec
public import Storage
import SystemPackage

extension DatasetFolder {
    /// Writes what a folder of shards lacks to be a data set with an index: closes one that was built in parts, writes
    /// `index.sqlite` of a finished one anew, and describes shards of other programs.
    ///
    /// - Parameters:
    ///   - tool: what to call the program in `dataset.json` of shards of other programs.
    ///   - begin: told of the bytes that are to be read, where shards have to be.
    ///   - progress: told of bytes read since its last call, from any thread; what it throws ends the work.
    /// - Throws: `DatasetError` where shards are missing, there are none, or the disk fails. Damaged shards of other
    ///   programs are in the report.
    public func index(
        tool: String, jobs: Int = Parallel.processors, begin: (Int) -> Void = { _ in },
        progress: @Sendable (Int) throws(DatasetError) -> Void = { _ in }
    ) throws(DatasetError) -> ForeignIndexing.Report {
        if DatasetClosing.holdsReceipts(path) {
            return ForeignIndexing.Report(
                description: try DatasetClosing.close(folder: path, jobs: jobs), problems: [])
        }
        if let description = try ownDescription() {
            try DatasetIndex.write(self, description: description, jobs: jobs)
            return ForeignIndexing.Report(description: description, problems: [])
        }
        return try ForeignIndexing(self, tool: tool).run(jobs: jobs, begin: begin, progress: progress)
    }
}
