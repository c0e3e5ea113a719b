import Storage

/// Markup: literals stand as they are, and every text that is put into one is escaped.
///
/// So `"<p title=\"\(caption)\">"` is safe whatever the caption says; only `HTML` itself goes in unchanged.
package struct HTML: Sendable, Equatable, ExpressibleByStringInterpolation {
    /// The markup.
    package private(set) var text: String

    package init(stringLiteral value: String) { text = value }

    package init(stringInterpolation: StringInterpolation) { text = stringInterpolation.text }

    /// Pieces one after the other.
    package init(_ pieces: some Sequence<HTML>, separator: HTML = "") {
        text = pieces.map(\.text).joined(separator: separator.text)
    }

    package static func += (left: inout HTML, right: HTML) { left.text += right.text }

    package static func + (left: HTML, right: HTML) -> HTML { HTML([left, right]) }

    /// What a literal and its insertions come to.
    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var text = ""

        package init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(literalCapacity * 2) }

        package mutating func appendLiteral(_ literal: String) { text += literal }

        package mutating func appendInterpolation(_ value: HTML) { text += value.text }

        package mutating func appendInterpolation(_ pieces: [HTML]) { for piece in pieces { text += piece.text } }

        package mutating func appendInterpolation(_ value: Int) { text += String(value) }

        package mutating func appendInterpolation(_ value: String) { text += HTML.escaped(value) }
    }

    /// Text as content or attribute value has it; control characters, which HTML forbids, become U+FFFD.
    package static func escaped(_ value: String) -> String {
        var text = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "\"": text += "&quot;"
            case "'": text += "&#39;"
            case "\t", "\n": text.unicodeScalars.append(scalar)
            case "\u{0}"..<" ", "\u{7F}"..<"\u{A0}": text += "\u{FFFD}"
            default:
                let isNoCharacter = scalar.value & 0xFFFE == 0xFFFE || (0xFDD0...0xFDEF).contains(scalar.value)
                if isNoCharacter { text += "\u{FFFD}" } else { text.unicodeScalars.append(scalar) }
            }
        }
        return text
    }
}
