import Storage

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
