// By hand, because Foundation's decoder forgets whether 3 or 3.0 was written, by which Hugging Face `datasets` tells
// columns of integers from others, and names no byte where a file is damaged.
public import SystemPackage

/// Reads JSON text (RFC 8259); of a repeated key the last counts.
package struct JSONParser {
    /// What is wrong, and where.
    package struct Problem: Error {
        package let offset: Int
        package let message: String
    }

    private let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0
    private static let maximumDepth = 128

    /// The value that `text` is, with nothing but white space around it.
    package static func parse(_ text: UnsafeBufferPointer<UInt8>) throws(Problem) -> JSONValue {
        var parser = JSONParser(bytes: text)
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        if parser.position < text.count { throw parser.problem("text after the value") }
        return value
    }

    private init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    private func problem(_ message: String) -> Problem { Problem(offset: position, message: message) }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || (0x09...0x0A).contains(byte) || byte == 0x0D { position += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard next == byte else { return false }
        position += 1
        return true
    }

    private mutating func value(depth: Int) throws(Problem) -> JSONValue {
        guard depth < Self.maximumDepth else { throw problem("values nested deeper than \(Self.maximumDepth)") }
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): return try object(depth)
        case UInt8(ascii: "["): return try list(depth)
        case UInt8(ascii: "\""): return .text(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case nil: throw problem("the text ends where a value is expected")
        default: return try number()
        }
    }

    private mutating func object(_ depth: Int) throws(Problem) -> JSONValue {
        position += 1
        var members: [String: JSONValue] = [:]
        if take(UInt8(ascii: "}")) { return .object(members) }
        repeat {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw problem("a key is expected") }
            let key = try string()
            guard take(UInt8(ascii: ":")) else { throw problem("':' is expected") }
            members[key] = try value(depth: depth + 1)
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw problem("',' or '}' is expected") }
        return .object(members)
    }

    private mutating func list(_ depth: Int) throws(Problem) -> JSONValue {
        position += 1
        var values: [JSONValue] = []
        if take(UInt8(ascii: "]")) { return .list(values) }
        repeat { values.append(try value(depth: depth + 1)) } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw problem("',' or ']' is expected") }
        return .list(values)
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(Problem) -> JSONValue {
        let isThere = word.withUTF8Buffer { bytes[position...].starts(with: $0) }
        guard isThere else { throw problem("a value is expected") }
        position += word.utf8CodeUnitCount
        return value
    }

    private mutating func number() throws(Problem) -> JSONValue {
        let start = position
        var isInteger = true
        while let byte = next {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): break
            case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"), UInt8(ascii: "+"): isInteger = false
            default: return try number(from: start, isInteger)
            }
            position += 1
        }
        return try number(from: start, isInteger)
    }

    private func number(from start: Int, _ isInteger: Bool) throws(Problem) -> JSONValue {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard start < position, bytes[start] == UInt8(ascii: "-") || digits.contains(bytes[start]),
            digits.contains(bytes[position - 1])
        else { throw problem("a value is expected") }
        let text = String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<position]), as: UTF8.self)
        if isInteger, let value = Int(text) { return .integer(value) }
        guard let value = Double(text) else { throw problem("\(text) is not a number") }
        return .number(value)
    }

    private mutating func string() throws(Problem) -> String {
        position += 1
        let start = position
        while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { position += 1 }
        guard next != UInt8(ascii: "\"") else {
            defer { position += 1 }
            return try text(UnsafeBufferPointer(rebasing: bytes[start..<position]))
        }
        var decoded = Array(bytes[start..<position])
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                return try decoded.withUnsafeBufferPointer { bytes throws(Problem) in try text(bytes) }
            case UInt8(ascii: "\\"): try escape(into: &decoded)
            case 0..<0x20: throw problem("a control character in a string")
            default: decoded.append(byte)
            }
        }
        throw problem("a string without an end")
    }

    private func text(_ bytes: UnsafeBufferPointer<UInt8>) throws(Problem) -> String {
        // Most text is ASCII, which is valid as it stands.
        if bytes.allSatisfy({ $0 < 0x80 }) { return String(decoding: bytes, as: UTF8.self) }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw problem("a string is no UTF-8") }
        return text
    }

    private mutating func escape(into decoded: inout [UInt8]) throws(Problem) {
        guard let byte = next else { throw problem("a string without an end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): decoded.append(byte)
        case UInt8(ascii: "b"): decoded.append(0x08)
        case UInt8(ascii: "f"): decoded.append(0x0C)
        case UInt8(ascii: "n"): decoded.append(0x0A)
        case UInt8(ascii: "r"): decoded.append(0x0D)
        case UInt8(ascii: "t"): decoded.append(0x09)
        case UInt8(ascii: "u"):
            var value = UInt32(try hexadecimal())
            if (0xD800..<0xDC00).contains(value), next == UInt8(ascii: "\\"), position + 1 < bytes.count,
                bytes[position + 1] == UInt8(ascii: "u")
            {
                position += 2
                let low = UInt32(try hexadecimal())
                value = (0xDC00..<0xE000).contains(low) ? 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00) : 0xFFFD
            }
            // A surrogate without its partner stands for no character.
            decoded.append(contentsOf: String(Unicode.Scalar(value) ?? "\u{FFFD}").utf8)
        default: throw problem("an unknown escape in a string")
        }
    }

    private mutating func hexadecimal() throws(Problem) -> UInt16 {
        guard position + 4 <= bytes.count,
            let value = UInt16(String(decoding: bytes[position..<(position + 4)], as: UTF8.self), radix: 16)
        else { throw problem("four hexadecimal digits are expected") }
        position += 4
        return value
    }
}

extension JSONValue {
    /// Reads JSON text.
    ///
    /// - Parameters:
    ///   - path: the file it comes from, for messages.
    ///   - offset: where in the file it begins.
    ///   - text: the JSON text.
    /// - Throws: `PFrameError` with the place of the first mistake.
    public init(_ text: some Sequence<UInt8>, path: FilePath?, offset: Int = 0) throws(PFrameError) {
        let bytes = Array(text)
        do throws(JSONParser.Problem) {
            self = try bytes.withUnsafeBufferPointer { bytes throws(JSONParser.Problem) in try JSONParser.parse(bytes) }
        } catch {
            throw PFrameError(.damaged, path: path, offset: offset + error.offset, "no valid JSON: \(error.message)")
        }
    }
}
