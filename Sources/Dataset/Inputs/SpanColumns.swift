import Codec
import Storage

/// Which columns of a list tell times, and what they say.
struct SpanColumns: Sendable {
    /// What is wrong with a row.
    struct Mistake: Error {
        let message: String
    }

    private enum Form: Sendable {
        /// One span per row, in the columns `start` and `end`, either of which may be missing.
        case bounds(start: Int?, end: Int?)
        /// A list of spans per row, each a pair of times.
        case pairs(Int)
    }

    private let form: Form
    private let names: [String]

    /// Looks for the columns; nil if there are none.
    ///
    /// - Throws: `Mistake` if there are both kinds.
    init?(_ columns: [String], layout: InputLayout?) throws(Mistake) {
        let pairs = layout == .panda70m ? "timestamp" : "clips"
        let (start, end) = (columns.firstIndex(of: "start"), columns.firstIndex(of: "end"))
        names = columns
        if let list = columns.firstIndex(of: pairs) {
            guard start == nil, end == nil else {
                throw Mistake(message: "has times in \"\(pairs)\" and in \"start\" or \"end\"; rename one of them")
            }
            form = .pairs(list)
        } else if start != nil || end != nil {
            form = .bounds(start: start, end: end)
        } else {
            return nil
        }
    }

    /// The places of the columns in a row.
    var places: [Int] {
        switch form {
        case .bounds(let start, let end): [start, end].compactMap { $0 }
        case .pairs(let list): [list]
        }
    }

    /// Whether a row may name several spans.
    var areLists: Bool { if case .pairs = form { true } else { false } }

    /// The spans of a row, nil for the whole video.
    ///
    /// - Throws: `Mistake` that names the column.
    func spans(_ values: [JSONValue]) throws(Mistake) -> [TimeSpan?] {
        switch form {
        case .bounds(let start, let end):
            let first = try start.flatMap { place throws(Mistake) in try Self.seconds(values[place], names[place]) }
            let last = try end.flatMap { place throws(Mistake) in try Self.seconds(values[place], names[place]) }
            return first == nil && last == nil ? [nil] : [try Self.span(first ?? 0, last, "")]
        case .pairs(let place):
            let name = names[place]
            guard values[place] != .null else { return [nil] }
            guard let pairs = Self.list(values[place]), !pairs.isEmpty else {
                throw Mistake(message: "\"\(name)\" is no list of pairs of times, such as [[0, 2.5], [4, 9]]")
            }
            var spans: [TimeSpan?] = []
            for (number, pair) in pairs.enumerated() {
                guard let ends = pair.array, ends.count == 2, let start = try Self.seconds(ends[0], name),
                    let end = try Self.seconds(ends[1], name)
                else { throw Mistake(message: "\"\(name)\": \(pair.json()) is no pair of times") }
                spans.append(try Self.span(start, end, "\"\(name)\", pair \(number + 1): "))
            }
            return spans
        }
    }

    /// A list, or the text of one.
    static func list(_ value: JSONValue) -> [JSONValue]? { value.array ?? value.string.flatMap(ListLiteral.parse) }

    private static func span(_ start: Double, _ end: Double?, _ place: String) throws(Mistake) -> TimeSpan {
        do throws(PFrameError) { return try TimeSpan(start: start, end: end) } catch {
            throw Mistake(message: place + error.message)
        }
    }

    private static func seconds(_ value: JSONValue, _ name: String) throws(Mistake) -> Double? {
        switch value {
        case .null, .text(""): return nil
        case .integer, .number: return value.double
        case .text(let text):
            let trimmed = text.split(separator: " ").joined(separator: " ")
            if let seconds = TimeSpan.seconds(timecode: trimmed) { return seconds }
            throw Mistake(
                message: "\"\(name)\" is \"\(text)\", which is no time; write seconds (83.5) or a timecode (0:01:23.5)")
        default:
            throw Mistake(message: "\"\(name)\" is \(value.json()), which is no time; write seconds or a timecode")
        }
    }
}
