package import Storage
package import SystemPackage

/// A score side file, `SHARD.NAME.jsonl`: one line a sample, its key and any number of scores.
package enum ScoreFile {
    /// Its name.
    package static func name(shard: String, score: String) -> String { "\(shard).\(score).jsonl" }

    /// A line without its line feed; NaN stands as `null`.
    package static func line(key: String, scores: [String: Double]) -> String {
        JSONValue.object(scores.mapValues { JSONValue.number($0) }.merging(["key": .text(key)]) { $1 }).json()
    }

    /// Which of the files `names` are side files, by the shard beside which they stand.
    package static func names(among names: [String], of shards: some Sequence<String>) -> [String: [String]] {
        let shards = Set(shards)
        var found: [String: [String]] = [:]
        for name in names where name.hasSuffix(".jsonl") {
            var stem = name.dropLast(".jsonl".utf8.count)
            // The row file of a shard with a dot in its name is no side file of another.
            guard !shards.contains(String(stem)) else { continue }
            while let dot = stem.lastIndex(of: ".") {
                stem = stem[..<dot]
                guard shards.contains(String(stem)) else { continue }
                found[String(stem), default: []].append(name)
                break
            }
        }
        return found
    }

    /// The scores of a side file by key.
    ///
    /// - Throws: `PFrameError` with the place of a line that is none.
    package static func read(_ path: FilePath) throws(PFrameError) -> [String: [String: Double]] {
        var scores: [String: [String: Double]] = [:]
        for line in JSONLines(try readFile(path)) {
            let value = try JSONValue(line.text, path: path, offset: line.offset)
            guard var members = value.members, let key = members.removeValue(forKey: "key")?.string else {
                throw PFrameError(path: path, offset: line.offset, "a line without a \"key\": score anew")
            }
            var row: [String: Double] = [:]
            for (name, value) in members {
                guard value == .null || value.double != nil else {
                    throw PFrameError(path: path, offset: line.offset, "\"\(name)\" is no number: score anew")
                }
                row[name] = value.double ?? .nan
            }
            guard scores.updateValue(row, forKey: key) == nil else {
                throw PFrameError(path: path, offset: line.offset, "a second line of \(key): score anew")
            }
        }
        return scores
    }
}

extension DatasetFolder {
    /// The rows of a shard with the scores of its side files: these over the row's own, later names over earlier ones.
    ///
    /// - Throws: `PFrameError`, also where a side file knows a key that the shard does not have.
    package func scoredRows(_ shard: DatasetDescription.Shard, _ sideFiles: [String]) throws(PFrameError) -> [ShardRow]
    {
        var rows = try rows(shard)
        for name in sideFiles {
            let file = path.appending(name)
            var scores = try ScoreFile.read(file)
            for index in rows.indices {
                guard let found = scores.removeValue(forKey: rows[index].key) else { continue }
                rows[index].columns.scores.merge(found) { $1 }
            }
            if let key = scores.keys.min() {
                throw PFrameError(
                    path: file, "scores of \(key), which is not in \(shard.tarName): score anew or remove the file")
            }
        }
        return rows
    }

    /// The names of all side files by shard.
    ///
    /// - Throws: `PFrameError` where the folder cannot be listed.
    package func scoreFiles(of description: DatasetDescription) throws(PFrameError) -> [String: [String]] {
        ScoreFile.names(among: try fileNames(in: path), of: description.shards.map(\.name))
    }
}
