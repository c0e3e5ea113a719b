import SystemPackage

extension Reject {
    /// The name of the file of all rejects of a data set, one a line.
    public static let fileName = "rejects.jsonl"

    /// The text of `rejects.jsonl`.
    static func text(_ rejects: [Reject]) -> String { rejects.map { $0.json + "\n" }.joined() }
}

extension DatasetFolder {
    /// Reads `rejects.jsonl`; none where there is no such file, as beside shards made elsewhere.
    ///
    /// - Throws: `DatasetError` with the place of a line that is no reject.
    public func rejects() throws(DatasetError) -> [Reject] {
        let file = path.appending(Reject.fileName)
        guard fileSize(file) != nil else { return [] }
        var rejects: [Reject] = []
        for line in JSONLines(try readFile(file)) {
            guard let reject = Reject(try JSONValue(line.text, path: file, offset: line.offset)) else {
                throw DatasetError(path: file, offset: line.offset, "no reject: run `pframe index` or build anew")
            }
            rejects.append(reject)
        }
        return rejects
    }
}
