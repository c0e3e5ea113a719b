/// `Codable` values as ``JSONValue`` and back, so that a configuration's fields are written once: as properties.
///
/// A property `minSNR` is the member `min_snr`; nil is written as `null`, and a missing member reads as nil.
extension JSONValue {
    /// The JSON of a value.
    ///
    /// - Throws: `PFrameError` for a whole number above `Int.max`.
    public init(encoding value: some Encodable) throws(PFrameError) {
        do { self = try JSONEncoding.json(of: value, at: []) } catch let EncodingError.invalidValue(_, context) {
            throw PFrameError(
                .usage, "\"\(Self.name(context.codingPath))\" has no JSON: \(context.debugDescription)")
        } catch {
            throw PFrameError(PFrameError.Code(error), "\(error)")
        }
    }

    /// The value that this is the JSON of.
    ///
    /// - Throws: `PFrameError` naming the member that is missing or of another type.
    public func decoded<Value: Decodable>(as type: Value.Type = Value.self) throws(PFrameError) -> Value {
        do { return try JSONDecoding.value(type, of: self, at: []) } catch let error as DecodingError {
            let path: [any CodingKey]
            switch error {
            case .keyNotFound(let key, let context): path = context.codingPath + [key]
            case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
                path = context.codingPath
            @unknown default: path = []
            }
            throw PFrameError(
                .damaged,
                "has no valid \"\(Self.name(path))\": it is damaged, or another version of PFrame wrote it")
        } catch {
            throw PFrameError(PFrameError.Code(error), "\(error)")
        }
    }

    /// `optimiser.beta1` for a member of a member.
    private static func name(_ path: [any CodingKey]) -> String {
        path.map { $0.intValue.map(String.init) ?? $0.member }.joined(separator: ".")
    }
}

extension CodingKey {
    /// The name in JSON: `min_snr` for `minSNR`.
    fileprivate var member: String {
        var name = ""
        var isInside = false
        for character in stringValue {
            if character.isUppercase, isInside { name += "_" }
            isInside = !character.isUppercase
            name += character.lowercased()
        }
        return name
    }
}

/// The place of an element in a list.
private struct Place: CodingKey {
    let intValue: Int?
    var stringValue: String { intValue.map(String.init) ?? "" }

    init(_ index: Int) { intValue = index }
    init?(intValue: Int) { self.init(intValue) }
    init?(stringValue: String) { nil }
}

/// Takes one value in, and tells what it comes to after each change.
private final class JSONEncoding: Encoder {
    let codingPath: [any CodingKey]
    let userInfo: [CodingUserInfoKey: Any] = [:]
    private let changed: (JSONValue) -> Void
    private(set) var result = JSONValue.null { didSet { changed(result) } }

    init(_ path: [any CodingKey], changed: @escaping (JSONValue) -> Void = { _ in }) {
        (codingPath, self.changed) = (path, changed)
    }

    static func json(of value: some Encodable, at path: [any CodingKey]) throws -> JSONValue {
        switch value {
        case let value as JSONValue: return value
        case let value as Bool: return .bool(value)
        case let value as String: return .text(value)
        case let value as Double: return .number(value)
        case let value as Float: return .number(Double(value))
        case let value as any BinaryInteger:
            guard let integer = Int(exactly: value) else {
                throw EncodingError.invalidValue(
                    value, .init(codingPath: path, debugDescription: "\(value) is too large"))
            }
            return .integer(integer)
        default:
            let encoding = JSONEncoding(path)
            try value.encode(to: encoding)
            return encoding.result
        }
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        result = .object([:])
        return KeyedEncodingContainer(Members(encoding: self))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        result = .list([])
        return Elements(encoding: self)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { Single(encoding: self) }

    func set(_ value: JSONValue, _ key: any CodingKey) {
        var members = result.members ?? [:]
        members[key.member] = value
        result = .object(members)
    }

    /// An encoder whose result is a member, or the element after the last one.
    func nested(_ key: (any CodingKey)? = nil) -> JSONEncoding {
        guard let key else {
            let place = result.array?.count ?? 0
            result = .list((result.array ?? []) + [.null])
            return JSONEncoding(codingPath + [Place(place)]) { [self] value in
                var elements = result.array ?? []
                elements[place] = value
                result = .list(elements)
            }
        }
        return JSONEncoding(codingPath + [key]) { [self] in set($0, key) }
    }

    private struct Members<Key: CodingKey>: KeyedEncodingContainerProtocol {
        let encoding: JSONEncoding
        var codingPath: [any CodingKey] { encoding.codingPath }

        func encodeNil(forKey key: Key) { encoding.set(.null, key) }
        func encode(_ value: some Encodable, forKey key: Key) throws {
            encoding.set(try json(of: value, at: codingPath + [key]), key)
        }
        private func present(_ value: (some Encodable)?, _ key: Key) throws {
            if let value { try encode(value, forKey: key) } else { encodeNil(forKey: key) }
        }
        func encodeIfPresent(_ value: (some Encodable)?, forKey key: Key) throws { try present(value, key) }
        // The protocol's own versions for these types leave nil out.
        func encodeIfPresent(_ value: Bool?, forKey key: Key) throws { try present(value, key) }
        func encodeIfPresent(_ value: String?, forKey key: Key) throws { try present(value, key) }
        func encodeIfPresent(_ value: Double?, forKey key: Key) throws { try present(value, key) }
        func encodeIfPresent(_ value: Float?, forKey key: Key) throws { try present(value, key) }
        func encodeIfPresent(_ value: Int?, forKey key: Key) throws { try present(value, key) }
        func encodeIfPresent(_ value: Int8?, forKey key: Key) throws { try present(value, key) }
        func encodeIfPresent(_ value: Int16?, forKey key: Key) throws { try present(value, key) }
        func encodeIfPresent(_ value: Int32?, forKey key: Key) throws { try present(value, key) }
        func encodeIfPresent(_ value: Int64?, forKey key: Key) throws { try present(value, key) }
        func encodeIfPresent(_ value: UInt?, forKey key: Key) throws { try present(value, key) }
        func encodeIfPresent(_ value: UInt8?, forKey key: Key) throws { try present(value, key) }
        func encodeIfPresent(_ value: UInt16?, forKey key: Key) throws { try present(value, key) }
        func encodeIfPresent(_ value: UInt32?, forKey key: Key) throws { try present(value, key) }
        func encodeIfPresent(_ value: UInt64?, forKey key: Key) throws { try present(value, key) }
        func nestedContainer<Nested: CodingKey>(
            keyedBy type: Nested.Type, forKey key: Key
        ) -> KeyedEncodingContainer<Nested> { encoding.nested(key).container(keyedBy: type) }
        func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
            encoding.nested(key).unkeyedContainer()
        }
        func superEncoder() -> any Encoder { encoding }
        func superEncoder(forKey key: Key) -> any Encoder { encoding.nested(key) }
    }

    private struct Elements: UnkeyedEncodingContainer {
        let encoding: JSONEncoding
        var codingPath: [any CodingKey] { encoding.codingPath }
        var count: Int { encoding.result.array?.count ?? 0 }

        private func append(_ value: JSONValue) { encoding.result = .list((encoding.result.array ?? []) + [value]) }
        func encodeNil() { append(.null) }
        func encode(_ value: some Encodable) throws { append(try json(of: value, at: codingPath + [Place(count)])) }
        func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
            encoding.nested().container(keyedBy: type)
        }
        func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { encoding.nested().unkeyedContainer() }
        func superEncoder() -> any Encoder { encoding.nested() }
    }

    private struct Single: SingleValueEncodingContainer {
        let encoding: JSONEncoding
        var codingPath: [any CodingKey] { encoding.codingPath }

        func encodeNil() { encoding.result = .null }
        func encode(_ value: some Encodable) throws { encoding.result = try json(of: value, at: codingPath) }
    }
}

/// Gives the parts of one value out.
private struct JSONDecoding: Decoder {
    let json: JSONValue
    let codingPath: [any CodingKey]
    let userInfo: [CodingUserInfoKey: Any] = [:]

    static func value<Value: Decodable>(
        _ type: Value.Type, of json: JSONValue, at path: [any CodingKey]
    ) throws -> Value {
        let found: Any?
        switch type {
        case is JSONValue.Type: found = json
        case is Bool.Type: found = json.bool
        case is String.Type: found = json.string
        case is Double.Type: found = json.double
        case is Float.Type: found = json.double.map { Float($0) }
        case let type as any FixedWidthInteger.Type: found = json.int.flatMap { integer(type, $0) }
        default: return try Value(from: JSONDecoding(json: json, codingPath: path))
        }
        guard let value = found as? Value else { throw mismatch(type, path) }
        return value
    }

    private static func integer<Integer: FixedWidthInteger>(_ type: Integer.Type, _ value: Int) -> Any? {
        Integer(exactly: value)
    }

    static func mismatch(_ type: Any.Type, _ path: [any CodingKey]) -> DecodingError {
        .typeMismatch(type, .init(codingPath: path, debugDescription: "\(type) is expected"))
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard let members = json.members else { throw Self.mismatch([String: JSONValue].self, codingPath) }
        return KeyedDecodingContainer(Members(members: members, codingPath: codingPath))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard let list = json.array else { throw Self.mismatch([JSONValue].self, codingPath) }
        return Elements(list: list, codingPath: codingPath)
    }

    func singleValueContainer() -> any SingleValueDecodingContainer { Single(json: json, codingPath: codingPath) }

    private struct Members<Key: CodingKey>: KeyedDecodingContainerProtocol {
        let members: [String: JSONValue]
        let codingPath: [any CodingKey]
        var allKeys: [Key] { members.keys.compactMap { Key(stringValue: $0) } }

        func contains(_ key: Key) -> Bool { members[key.member] != nil }
        func decodeNil(forKey key: Key) throws -> Bool { try member(key) == .null }
        func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
            try value(type, of: member(key), at: codingPath + [key])
        }
        func nestedContainer<Nested: CodingKey>(
            keyedBy type: Nested.Type, forKey key: Key
        ) throws -> KeyedDecodingContainer<Nested> { try nested(key).container(keyedBy: type) }
        func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
            try nested(key).unkeyedContainer()
        }
        func superDecoder() -> any Decoder { JSONDecoding(json: .object(members), codingPath: codingPath) }
        func superDecoder(forKey key: Key) throws -> any Decoder { try nested(key) }

        private func member(_ key: Key) throws -> JSONValue {
            guard let value = members[key.member] else {
                throw DecodingError.keyNotFound(key, .init(codingPath: codingPath, debugDescription: "is missing"))
            }
            return value
        }

        private func nested(_ key: Key) throws -> JSONDecoding {
            JSONDecoding(json: try member(key), codingPath: codingPath + [key])
        }
    }

    private struct Elements: UnkeyedDecodingContainer {
        let list: [JSONValue]
        let codingPath: [any CodingKey]
        private(set) var currentIndex = 0
        var count: Int? { list.count }
        var isAtEnd: Bool { currentIndex == list.count }

        init(list: [JSONValue], codingPath: [any CodingKey]) { (self.list, self.codingPath) = (list, codingPath) }

        mutating func decodeNil() throws -> Bool {
            guard !isAtEnd, list[currentIndex] == .null else { return false }
            currentIndex += 1
            return true
        }
        mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
            let next = try next()
            return try value(type, of: next.json, at: next.codingPath)
        }
        mutating func nestedContainer<Nested: CodingKey>(
            keyedBy type: Nested.Type
        ) throws -> KeyedDecodingContainer<Nested> { try next().container(keyedBy: type) }
        mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer { try next().unkeyedContainer() }
        mutating func superDecoder() throws -> any Decoder { try next() }

        private mutating func next() throws -> JSONDecoding {
            let path = codingPath + [Place(currentIndex)]
            guard !isAtEnd else { throw mismatch(JSONValue.self, path) }
            currentIndex += 1
            return JSONDecoding(json: list[currentIndex - 1], codingPath: path)
        }
    }

    private struct Single: SingleValueDecodingContainer {
        let json: JSONValue
        let codingPath: [any CodingKey]

        func decodeNil() -> Bool { json == .null }
        func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try value(type, of: json, at: codingPath) }
    }
}
