import Codec
public import Shards
public import Storage
import SystemPackage

/// Finds every byte of a data set that is not as it was written: sizes, SHA-256 of shards and rows, each sample's
/// CRC-32C, headers against rows, keys, files too few or too many, and the index.
public struct DatasetCheck: Sendable {
    /// What a check came to.
    public struct Report: Sendable {
        /// What is wrong, in the order of the set; empty if all is well.
        public var findings: [Finding]
        /// Shards that `dataset.json` names.
        public var shards: Int
        /// Samples that `dataset.json` announces.
        public var samples: Int
        /// Bytes of shards that `dataset.json` announces.
        public var bytes: Int
    }

    /// The data set.
    public let folder: DatasetFolder

    /// Plans to check `folder`.
    public init(_ folder: DatasetFolder) { self.folder = folder }

    /// Checks everything.
    ///
    /// - Parameters:
    ///   - begin: called with the bytes of all shards before the first is read.
    ///   - progress: called with the bytes read since its last call, from any thread; what it throws ends the check.
    ///   - jobs: threads that work at once.
    /// - Throws: `PFrameError` that `progress` threw; damage is a finding, not an error.
    public func run(
        jobs: Int = Parallel.processors, begin: (Int) -> Void = { _ in },
        progress: @Sendable (Int) throws(PFrameError) -> Void = { _ in }
    ) throws(PFrameError) -> Report {
        var report = Report(findings: [], shards: 0, samples: 0, bytes: 0)
        let description: DatasetDescription
        do throws(PFrameError) { description = try folder.description() } catch {
            report.findings.append(
                Finding(
                    file: DatasetDescription.fileName, offset: error.offset, expected: "a finished data set",
                    found: error.message, remedy: "nothing was checked"))
            return report
        }
        (report.shards, report.samples, report.bytes) = (
            description.shards.count, description.samples, description.bytes
        )
        begin(description.bytes)
        let results = try Parallel.map(description.shards.count, jobs: jobs) { index throws(PFrameError) in
            try ShardCheck(folder: folder, description: description, shard: description.shards[index]).run(progress)
        }
        report.findings += results.flatMap(\.findings)
        report.findings += repeatedKeys(description, results)
        do throws(PFrameError) {
            report.findings += try otherFiles(description)
        } catch {
            report.findings.append(
                finding(error, expected: "a folder that can be listed", remedy: "see its permissions"))
        }
        do throws(PFrameError) { _ = try folder.rejects() } catch {
            report.findings.append(finding(error, expected: "a reject a line", remedy: description.rowsRemedy))
        }
        if let finding = indexFinding(description) { report.findings.append(finding) }
        return report
    }

    /// Keys that stand in several rows.
    private func repeatedKeys(
        _ description: DatasetDescription, _ results: [ShardCheck.Result]
    ) -> [Finding] {
        let repeated = RepeatedKeys(results.map(\.hashes))
        var seen: Set<String> = []
        var findings: [Finding] = []
        for shard in repeated.shards.map({ description.shards[$0] }) {
            let rows = RowsCheck(folder, shard, remedy: "")
            for row in rows.lines.map(\.row) where repeated.mayHold(row.key) && !seen.insert(row.key).inserted {
                findings.append(
                    Finding(
                        file: shard.rowsName, sample: row.key, expected: "a key of its own", found: "one that is taken",
                        remedy: "remove one of the two shards, or make them with keys of their own"))
            }
        }
        return findings
    }

    /// Files that are too many, left by a killed run, or beside a shard and wrong.
    private func otherFiles(_ description: DatasetDescription) throws(PFrameError) -> [Finding] {
        let names = try fileNames(in: folder.path)
        let known = Set(description.shards.flatMap { [$0.tarName, $0.rowsName] })
        let sideFiles = ScoreFile.names(among: names, of: description.shards.map(\.name))
        var findings: [Finding] = []
        for name in names where !known.contains(name) {
            if name.hasSuffix(".tmp") || name.hasPrefix(".partial-") {
                findings.append(
                    Finding(
                        file: name, expected: "no unfinished file", found: "one that a stopped run left",
                        remedy: "remove it, if nothing is writing the set now"))
            } else if name.hasSuffix(".tar") {
                findings.append(
                    Finding(
                        file: name, expected: "the shards of dataset.json", found: "another one",
                        remedy: "remove it, or run `pframe index` to take it in"))
            }
        }
        for shard in description.shards {
            guard let files = sideFiles[shard.name] else { continue }
            do throws(PFrameError) { _ = try folder.scoredRows(shard, files) } catch {
                // A damaged row file was reported as such.
                guard error.path != folder.path.appending(shard.rowsName) else { continue }
                findings.append(finding(error, expected: "scores for \(shard.tarName)", remedy: "score again"))
            }
        }
        return findings
    }

    private func indexFinding(_ description: DatasetDescription) -> Finding? {
        do throws(PFrameError) {
            let index = try DatasetIndex(folder)
            let count = try index.count()
            guard count != description.samples else { return nil }
            return Finding(
                file: DatasetIndex.fileName, expected: "\(description.samples) clips", found: "\(count)",
                remedy: "run `pframe index`")
        } catch {
            return Finding(
                file: DatasetIndex.fileName, expected: "an index", found: error.message, remedy: "run `pframe index`")
        }
    }

    private func finding(_ error: PFrameError, expected: String, remedy: String) -> Finding {
        Finding(
            file: error.path?.lastComponent?.string ?? "", offset: error.offset, expected: expected,
            found: error.message, remedy: remedy)
    }
}

/// Something that is not as it should be in a data set.
public struct Finding: Sendable, Equatable, CustomStringConvertible {
    /// The file's name in the data set.
    public let file: String
    /// The place in the file, in bytes from its start, where one is known.
    public let offset: Int?
    /// The key of the sample, where it is one's.
    public let sample: String?
    /// What should be there.
    public let expected: String
    /// What is there.
    public let found: String
    /// What to do about it.
    public let remedy: String

    /// Creates a finding.
    public init(
        file: String, offset: Int? = nil, sample: String? = nil, expected: String, found: String, remedy: String
    ) {
        (self.file, self.offset, self.sample) = (file, offset, sample)
        (self.expected, self.found, self.remedy) = (expected, found, remedy)
    }

    /// The same with another remedy.
    func remedied(_ remedy: String) -> Finding {
        Finding(file: file, offset: offset, sample: sample, expected: expected, found: found, remedy: remedy)
    }

    /// `FILE: at byte N: sample KEY: expected …, found …: remedy`.
    public var description: String {
        "\(file): " + (offset.map { "at byte \($0): " } ?? "") + (sample.map { "record \($0): " } ?? "")
            + "expected \(expected), found \(found): \(remedy)"
    }
}
