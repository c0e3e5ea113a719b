/// A JSON value that remembers whether a number was written with a decimal point, which Foundation's decoder forgets.
///
/// Readers such as Hugging Face `datasets` infer a column's type from a few samples: a score of 3 must stand as `3.0`.
public enum JSONValue: Sendable, Equatable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number without decimal point or exponent.
    case integer(Int)
    /// A number with either; NaN and infinities are written as `null`.
    case number(Double)
    /// A string.
    case text(String)
    /// An array.
    case list([JSONValue])
    /// An object; written with its keys sorted.
    case object([String: JSONValue])

    /// The value of `key`, nil if this is not an object or has no such key.
    public subscript(key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members[key]
    }

    /// The string, nil for other values.
    public var string: String? {
        guard case .text(let value) = self else { return nil }
        return value
    }

    /// The whole number, nil for other values.
    public var int: Int? {
        guard case .integer(let value) = self else { return nil }
        return value
    }

    /// The number, whole or not, nil for other values.
    public var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    /// The truth value, nil for other values.
    public var bool: Bool? {
        guard case .bool(let value) = self else { return nil }
        return value
    }

    /// The elements, nil for other values.
    public var array: [JSONValue]? {
        guard case .list(let values) = self else { return nil }
        return values
    }

    /// The members, nil for other values.
    public var members: [String: JSONValue]? {
        guard case .object(let members) = self else { return nil }
        return members
    }

    /// Strict JSON text: keys sorted, numbers that are not integers with a decimal point, UTF-8 unescaped.
    ///
    /// - Parameter lines: levels of objects and lists whose elements get a line each; 0 for one line in all.
    public func json(lines: Int = 0) -> String {
        var text = ""
        write(to: &text, lines: lines, indent: 0)
        return text
    }

    private func write(to text: inout String, lines: Int, indent: Int) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .integer(let value): text += String(value)
        case .number(let value): text += Self.decimal(value)
        case .text(let value): Self.quote(value, to: &text)
        case .list(let values):
            Self.writeElements(values, "[", "]", to: &text, lines, indent) { value, text in
                value.write(to: &text, lines: lines - 1, indent: indent + 1)
            }
        case .object(let members):
            let sorted = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            Self.writeElements(sorted, "{", "}", to: &text, lines, indent) { member, text in
                Self.quote(member.key, to: &text)
                text += lines > 0 ? ": " : ":"
                member.value.write(to: &text, lines: lines - 1, indent: indent + 1)
            }
        }
    }

    private static func writeElements<Element>(
        _ elements: [Element], _ open: String, _ close: String, to text: inout String, _ lines: Int, _ indent: Int,
        _ write: (Element, inout String) -> Void
    ) {
        text += open
        for (index, element) in elements.enumerated() {
            if index > 0 { text += "," }
            if lines > 0 { text += "\n" + String(repeating: "  ", count: indent + 1) }
            write(element, &text)
        }
        if lines > 0, !elements.isEmpty { text += "\n" + String(repeating: "  ", count: indent) }
        text += close
    }

    /// The shortest text that reads back as the same value, with a decimal point.
    package static func decimal(_ value: Double) -> String {
        guard value.isFinite else { return "null" }
        let text = value.description
        guard !text.contains("."), let exponent = text.firstIndex(of: "e") else { return text }
        return text[..<exponent] + ".0" + text[exponent...]
    }

    private static func quote(_ value: String, to text: inout String) {
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\u{0}"..<" ", "\u{7F}"..<"\u{A0}", "\u{2028}", "\u{2029}":
                text += "\\u" + scalar.value.zeroPadded(4, radix: 16)
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}

/// The lines of a `.jsonl` text that hold something, with their places.
package struct JSONLines: Sequence, IteratorProtocol {
    private let text: [UInt8]
    private var start = 0

    /// Goes through `text` from its start.
    package init(_ text: [UInt8]) { self.text = text }

    /// The next line without its line feed, the last one with or without.
    package mutating func next() -> (offset: Int, text: ArraySlice<UInt8>)? {
        while start < text.count {
            let offset = start
            let end = text[start...].firstIndex(of: 0x0A) ?? text.count
            start = end + 1
            if end > offset { return (offset, text[offset..<end]) }
        }
        return nil
    }
}
