import Storage

/// Reads a list that stands as text in a field of a CSV: as JSON has it, or as Python prints it, which is how pandas
/// writes lists: `[['0:00:02.460', '0:00:06.000'], [7, 9.5]]`.
///
/// Lists and tuples, strings in either quotes with Python's escapes, numbers, `None`, `True`, `False`, and JSON's words for
/// these.
struct ListLiteral {
    private var rest: Substring.UnicodeScalarView
    private static let deepest = 16

    /// The list; nil if the text is none.
    static func parse(_ text: String) -> [JSONValue]? {
        var literal = ListLiteral(rest: text[...].unicodeScalars)
        guard let value = literal.value(0), literal.isAtEnd() else { return nil }
        return value.array
    }

    private mutating func skipSpace() { rest = rest.drop { $0.properties.isWhitespace } }

    private mutating func isAtEnd() -> Bool {
        skipSpace()
        return rest.isEmpty
    }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        skipSpace()
        guard rest.first == scalar else { return false }
        rest.removeFirst()
        return true
    }

    private mutating func value(_ depth: Int) -> JSONValue? {
        guard depth < Self.deepest else { return nil }
        if take("[") { return list("]", depth) }
        if take("(") { return list(")", depth) }
        for quote in ["'", "\""] as [Unicode.Scalar] where take(quote) { return string(quote).map { .text($0) } }
        let word = String(rest.prefix { !$0.properties.isWhitespace && ![",", "]", ")"].contains($0) })
        rest = rest.dropFirst(word.unicodeScalars.count)
        switch word {
        case "None", "null": return .null
        case "True", "true": return .bool(true)
        case "False", "false": return .bool(false)
        default:
            guard word.utf8.allSatisfy({ (0x30...0x39).contains($0) || "+-.eE".utf8.contains($0) }) else { return nil }
            return Int(word).map { .integer($0) } ?? Double(word).flatMap { $0.isFinite ? .number($0) : nil }
        }
    }

    private mutating func list(_ end: Unicode.Scalar, _ depth: Int) -> JSONValue? {
        var values: [JSONValue] = []
        while !take(end) {
            guard values.isEmpty || take(",") else { return nil }
            // Python allows a comma after the last.
            if !values.isEmpty, take(end) { break }
            guard let value = value(depth + 1) else { return nil }
            values.append(value)
        }
        return .list(values)
    }

    private mutating func string(_ quote: Unicode.Scalar) -> String? {
        var text = String.UnicodeScalarView()
        while let scalar = rest.popFirst() {
            if scalar == quote { return String(text) }
            guard scalar == "\\" else {
                text.append(scalar)
                continue
            }
            guard let escaped = rest.popFirst() else { return nil }
            switch escaped {
            case "n": text.append("\n")
            case "t": text.append("\t")
            case "r": text.append("\r")
            case "b": text.append("\u{8}")
            case "f": text.append("\u{C}")
            case "x", "u", "U":
                guard let scalar = hexadecimal(escaped == "x" ? 2 : escaped == "u" ? 4 : 8) else { return nil }
                text.append(scalar)
            case "\\", "'", "\"", "/": text.append(escaped)
            // Python keeps the backslash of an escape that it does not know.
            default: text.append(contentsOf: ["\\", escaped])
            }
        }
        return nil
    }

    /// A scalar of so many digits; of two surrogates in JSON's escapes, the one that they stand for.
    private mutating func hexadecimal(_ digits: Int) -> Unicode.Scalar? {
        func number(_ digits: Int) -> UInt32? {
            let text = String(rest.prefix(digits))
            guard text.utf8.count == digits, text.utf8.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else {
                return nil
            }
            rest = rest.dropFirst(digits)
            return UInt32(text, radix: 16)
        }
        guard let high = number(digits) else { return nil }
        guard (0xD800..<0xDC00).contains(high) else { return Unicode.Scalar(high) }
        guard rest.popFirst() == "\\", rest.popFirst() == "u", let low = number(4), (0xDC00..<0xE000).contains(low)
        else { return nil }
        return Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
    }
}
