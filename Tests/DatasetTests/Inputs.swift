import Dataset
import FoundationEssentials
public import Storage
import SystemPackage
import TestSupport

extension JSONValue: ExpressibleByStringLiteral {
    /// `"text"` stands for text.
    public init(stringLiteral value: String) { self = .text(value) }
}

extension InputOptions {
    static func of(_ inputs: [FilePath], _ change: (inout InputOptions) -> Void = { _ in }) -> InputOptions {
        var options = InputOptions()
        options.inputs = inputs
        change(&options)
        return options
    }
}

/// Lends a folder that holds these files; names may differ in nothing but their Unicode normal form.
func withInputs<Result>(_ files: KeyValuePairs<String, String>, _ body: (FilePath) throws -> Result) throws -> Result {
    try withTemporaryFolder { folder in
        for (name, text) in files {
            let path = folder.pushing(FilePath(name))
            try FileManager.default.createDirectory(
                atPath: path.removingLastComponent().string, withIntermediateDirectories: true)
            try put(Array(text.utf8), at: path)
        }
        return try body(folder)
    }
}
