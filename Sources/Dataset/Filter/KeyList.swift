import Codec
public import Storage
public import SystemPackage

extension FilterPlan {
    /// Lends the keys of all clips that are kept, in the order of the set.
    ///
    /// - Throws: `DatasetError`, and what `body` throws.
    public func forEachKey(of index: DatasetIndex, _ body: (String) throws -> Void) throws(DatasetError) {
        try index.forEachRow(["number", "key"]) { row in
            if let number = row[0].int, keeps(number), let key = row[1].string { try body(key) }
        }
    }

    /// Writes the keys of all clips that are kept, one a line.
    ///
    /// - Throws: `DatasetError`, a full disk included.
    public func writeKeys(of index: DatasetIndex, to path: FilePath) throws(DatasetError) {
        var staged = StagedFile(path: path)
        var file = try carrying { () throws(CodecError) in try OutputFile(path: staged.path) }
        try forEachKey(of: index) { try file.write($0 + "\n") }
        try carrying { () throws(CodecError) in
            try file.close()
            try staged.commit()
        }
    }
}
