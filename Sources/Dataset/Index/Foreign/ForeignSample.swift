import Storage

/// What the `txt` and `json` members of a sample made elsewhere say of it.
enum ForeignSample {
    /// Members that are read for it.
    static let members: Set<String> = ["txt", "json"]
    /// Larger ones are no captions.
    static let longest = 16 << 20

    /// The columns of a sample.
    ///
    /// The caption is the `txt` member, or `caption` or `text` of the `json` member; numbers, strings and truth values of
    /// the latter become metadata. A `json` member that PFrame wrote gives back everything it knows.
    static func columns(key: String, text: [UInt8]?, json: JSONValue?) -> SampleColumns {
        var columns = SampleColumns()
        var fields = json?.members ?? [:]
        var caption = text.map { trimmed(String(decoding: $0, as: UTF8.self)) }
        if fields["key"]?.string == key, let hash = fields["hash"]?.string, hash.utf8.count == 16,
            let seconds = fields["seconds"]?.array
        {
            columns.hash = UInt64(hash, radix: 16) ?? 0
            columns.seconds = seconds.compactMap(\.double)
            columns.source = fields["source"]?.string ?? ""
            caption = fields["caption"]?.string
            for name in SampleColumns.builtScores {
                if let score = fields.removeValue(forKey: name) { columns.scores[name] = score.double ?? .nan }
            }
            for name in ["key", "hash", "seconds", "source"] { fields[name] = nil }
        }
        for name in ["caption", "text"] {
            guard let other = fields[name]?.string, name == "caption" || caption == nil else { continue }
            caption = caption ?? other
            fields[name] = nil
        }
        columns.caption = caption ?? ""
        columns.metadata = fields.filter { field in
            switch field.value {
            case .bool, .integer, .number, .text: true
            case .null, .list, .object: false
            }
        }
        return columns
    }

    /// A text without white space at its ends: editors put a line feed there.
    private static func trimmed(_ text: String) -> String {
        let start = text.drop { $0.isWhitespace }
        return String(start.reversed().drop { $0.isWhitespace }.reversed())
    }
}
