// By hand, because Foundation reads no CSV, and the state machine is small.

/// Reads the records of comma-separated or tab-separated text (RFC 4180): quoted fields with commas, line feeds and doubled quotes in
/// them, lines that end with LF, CRLF or CR, a byte order mark.
///
/// Blank lines are not records. A quote inside a field that does not begin with one stands for itself.
package struct CSVReader {
    /// What is wrong, and in which line.
    package struct Problem: Error {
        package let line: Int
        package let message: String
    }

    /// Where a field lies in the text, without its quotes.
    package struct Field {
        package let range: Range<Int>
        /// Whether quotes in it are doubled.
        package let isDoubled: Bool
    }

    private let bytes: [UInt8]
    private let separator: UInt8
    /// Where the next record begins.
    package private(set) var position: Int
    /// The line in which it begins, from 1.
    package private(set) var line: Int

    /// Begins at the start of `bytes`, or at a record after it.
    package init(_ bytes: [UInt8], position: Int = 0, line: Int = 1, separator: UInt8 = Self.comma) {
        (self.bytes, self.separator) = (bytes, separator)
        self.position = position == 0 && bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : position
        self.line = line
    }

    /// Passes over blank lines; false at the end of the text.
    package mutating func seekRecord() -> Bool {
        while position < bytes.count, endsLine(bytes[position]) { skipLineEnd() }
        return position < bytes.count
    }

    /// Reads the record that begins here.
    package mutating func read(into fields: inout [Field]) throws(Problem) {
        fields.removeAll(keepingCapacity: true)
        while true {
            fields.append(try field())
            guard position < bytes.count else { return }
            guard bytes[position] == separator else { return skipLineEnd() }
            position += 1
        }
    }

    /// A field as text; nil if it is not UTF-8.
    package func text(_ field: Field) -> String? {
        guard field.isDoubled else { return String(validating: bytes[field.range], as: UTF8.self) }
        var text: [UInt8] = []
        var index = field.range.lowerBound
        while index < field.range.upperBound {
            text.append(bytes[index])
            index += bytes[index] == Self.quote ? 2 : 1
        }
        return String(validating: text, as: UTF8.self)
    }

    /// What separates fields.
    package static let comma = UInt8(ascii: ",")
    /// What separates the fields of a TSV.
    package static let tab = UInt8(ascii: "\t")
    private static let quote = UInt8(ascii: "\"")
    private static let lineFeed = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")

    private func endsLine(_ byte: UInt8) -> Bool { byte == Self.lineFeed || byte == Self.carriageReturn }

    /// Passes over LF, CRLF or CR.
    private mutating func skipLineEnd() {
        let isPair =
            bytes[position] == Self.carriageReturn && position + 1 < bytes.count
            && bytes[position + 1] == Self.lineFeed
        position += isPair ? 2 : 1
        line += 1
    }

    private mutating func field() throws(Problem) -> Field {
        if position < bytes.count, bytes[position] == Self.quote { return try quotedField() }
        let start = position
        while position < bytes.count, bytes[position] != separator, !endsLine(bytes[position]) { position += 1 }
        return Field(range: start..<position, isDoubled: false)
    }

    private mutating func quotedField() throws(Problem) -> Field {
        let opening = line
        position += 1
        let start = position
        var isDoubled = false
        while position < bytes.count {
            if endsLine(bytes[position]) {
                skipLineEnd()
            } else if bytes[position] != Self.quote {
                position += 1
            } else if position + 1 < bytes.count, bytes[position + 1] == Self.quote {
                isDoubled = true
                position += 2
            } else {
                position += 1
                guard position == bytes.count || bytes[position] == separator || endsLine(bytes[position]) else {
                    throw Problem(
                        line: line, message: "text after a closing quote; write a quote inside quotes twice")
                }
                return Field(range: start..<(position - 1), isDoubled: isDoubled)
            }
        }
        throw Problem(line: opening, message: "the quote that opens here never closes")
    }
}
