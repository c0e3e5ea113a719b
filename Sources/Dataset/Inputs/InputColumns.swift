import Codec
import Shards
import Storage

/// The metadata of a list's videos: the columns of every table and of the layout under one set of names.
struct InputColumns {
    /// What columns of the data set itself are called; a user's column of that name gets `_` after it.
    static let reserved: Set<String> = Set(
        ["key", "caption", "captions", "caption_clip", "duplicate_of", "hash", "seconds", "source"]
            + [SampleColumns.searchedShare, BucketChoice.scaleScore, BucketChoice.cropScore]
            + SampleColumns.builtScores + SampleColumns.codingScores + SampleMaker.metadata)

    /// What the columns of a list's times are called in a data set: seconds from the start of the video.
    static let span = ["span_end", "span_start"]

    /// The names, sorted by their bytes; label, subject and split are always among them.
    let names: [String]
    private let types: [ColumnType]
    private let numbers: [String: Int]
    /// Where the times stand among the names; nil if no table has times.
    private let spanPlaces: (start: Int, end: Int)?

    /// Joins the columns of the tables with those of the layout; of tables with times, the times have columns too.
    init(_ tables: [VideoTable], layout: InputLayout?) {
        var raw: [String: ColumnType] = ["label": .unknown, "subject": .unknown, "split": .unknown]
        for (name, type) in layout?.columns ?? [:] { raw[name] = type }
        for table in tables {
            for column in table.metadata {
                raw[column.name] = (raw[column.name] ?? .unknown).joined(table.type(column.place))
            }
        }
        let spans = tables.contains { $0.hasSpans } ? Self.span : []
        let reserved = Self.reserved.union(spans)
        var renamed: [(raw: String, name: String)] = []
        var taken = Set(raw.keys).union(reserved)
        for name in raw.keys.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
            var free = name
            if reserved.contains(name) {
                repeat { free += "_" } while taken.contains(free)
                taken.insert(free)
            }
            renamed.append((name, free))
        }
        let names = (renamed.map(\.name) + spans).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        let places = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
        self.names = names
        var types = [ColumnType](repeating: .number, count: names.count)
        var numbers: [String: Int] = [:]
        for column in renamed {
            guard let place = places[column.name] else { continue }
            numbers[column.raw] = place
            types[place] = raw[column.raw] ?? .unknown
        }
        (self.types, self.numbers) = (types, numbers)
        if !spans.isEmpty, let start = places["span_start"], let end = places["span_end"] {
            spanPlaces = (start, end)
        } else {
            spanPlaces = nil
        }
    }

    /// Where the columns of a table stand among these.
    func places(of table: VideoTable) -> [(from: Int, to: Int)] {
        table.metadata.map { ($0.place, numbers[$0.name] ?? 0) }
    }

    /// A value in every column, each of the column's type; later values replace earlier ones.
    func values(
        _ facts: [String: JSONValue], _ rows: [(places: [(from: Int, to: Int)], values: [JSONValue])],
        span: TimeSpan?
    ) -> [JSONValue] {
        var values = [JSONValue](repeating: .null, count: names.count)
        for (name, value) in facts {
            if let number = numbers[name] { values[number] = value }
        }
        for row in rows {
            for place in row.places where row.values[place.from] != .null {
                values[place.to] = row.values[place.from]
            }
        }
        if let spanPlaces, let span {
            values[spanPlaces.start] = .number(span.start)
            values[spanPlaces.end] = span.end.map { .number($0) } ?? .null
        }
        return zip(types, values).map { $0.value($1) }
    }
}

/// What the values of a column have in common, so that readers that infer types from a few rows infer the same ones.
enum ColumnType: Sendable {
    /// No value yet.
    case unknown
    case bool
    case integer
    case number
    case list
    case object
    case text

    /// The type of one value.
    init(_ value: JSONValue) {
        switch value {
        case .null: self = .unknown
        case .bool: self = .bool
        case .integer: self = .integer
        case .number: self = .number
        case .list: self = .list
        case .object: self = .object
        case .text: self = .text
        }
    }

    /// The narrowest type that holds the values of both: whole numbers and others are numbers, other mixtures text.
    func joined(_ other: ColumnType) -> ColumnType {
        switch (self, other) {
        case (let same, let also) where same == also: same
        case (.unknown, let known), (let known, .unknown): known
        case (.integer, .number), (.number, .integer): .number
        default: .text
        }
    }

    /// The value as this type has it; what is missing becomes `""` in text, and stays null in other types.
    func value(_ value: JSONValue) -> JSONValue {
        switch (self, value) {
        case (.text, .null), (.unknown, _): .text("")
        case (.text, .text): value
        case (.text, _): .text(value.json())
        case (.number, .integer(let whole)): .number(Double(whole))
        default: value
        }
    }
}
