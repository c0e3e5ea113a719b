import Storage
import SystemPackage

/// A configuration of diffusers or transformers, read key by key: what no code here asked for is an error.
///
/// Keys with a leading `_` are about the file and pass.
struct DiffusersConfiguration {
    let path: FilePath
    private let all: [String: JSONValue]
    private var unread: Set<String>

    /// Reads a file.
    ///
    /// - Throws: `PFrameError` if the file cannot be read or is not a JSON object.
    init(_ path: FilePath) throws(PFrameError) {
        // Python writes an infinity, of which JSON has none, as a word.
        let text = String(decoding: try readFile(path), as: UTF8.self).replacing(": -Infinity", with: ": null     ")
        let json: JSONValue
        do throws(PFrameError) { json = try JSONValue(Array(text.utf8), path: path) } catch {
            throw PFrameError(.damaged, path: path, "at byte \(error.offset ?? 0): \(error.message)")
        }
        guard let members = json.members else {
            throw PFrameError(.damaged, path: path, "is not a configuration: a JSON object is expected")
        }
        (self.path, all) = (path, members)
        unread = Set(members.keys.filter { !$0.hasPrefix("_") })
    }

    /// A value as it stands; nil where the key is absent or null.
    mutating func value(_ key: String) -> JSONValue? {
        unread.remove(key)
        return all[key] == .null ? nil : all[key]
    }

    /// Whether the key stands in the file, null included.
    func has(_ key: String) -> Bool { all[key] != nil }

    func damaged(_ key: String, _ expected: String) -> PFrameError {
        PFrameError(.damaged, path: path, "\"\(key)\" is \((all[key] ?? .null).json()): expected is \(expected)")
    }

    func unsupported(_ key: String, _ supported: String) -> PFrameError {
        let found = (all[key] ?? .null).json()
        return PFrameError(
            .unsupported, path: path, "\"\(key)\" is \(found), which PFrame does not have: \(supported)")
    }

    /// A whole number from `least` to `most`.
    mutating func integer(
        _ key: String, default standard: Int, least: Int = 1, most: Int = 1 << 20
    ) throws(PFrameError) -> Int {
        guard let value = value(key) else { return standard }
        guard let number = value.int, (least...most).contains(number) else {
            throw damaged(key, "a whole number from \(least) to \(most)")
        }
        return number
    }

    mutating func number(_ key: String, default standard: Double) throws(PFrameError) -> Double {
        guard let value = value(key) else { return standard }
        guard let number = value.double, number.isFinite, number > 0 else { throw damaged(key, "a number above 0") }
        return number
    }

    mutating func bool(_ key: String, default standard: Bool) throws(PFrameError) -> Bool {
        guard let value = value(key) else { return standard }
        guard let bool = value.bool else { throw damaged(key, "true or false") }
        return bool
    }

    /// One of some names.
    mutating func name(
        _ key: String, default standard: String?, of names: [String]
    ) throws(PFrameError) -> String {
        guard let name = value(key)?.string ?? (all[key] == nil ? standard : nil), names.contains(name) else {
            throw unsupported(key, "it has \(names.map { "\"\($0)\"" }.joined(separator: ", "))")
        }
        return name
    }

    /// At most 16 whole numbers from 1 to `most`; of a single number as many as `count`, where it is given.
    mutating func integers(
        _ key: String, default standard: [Int], count: Int? = nil, most: Int = 1 << 20
    ) throws(PFrameError) -> [Int] {
        guard let value = value(key) else { return standard }
        if let count, let number = value.int, (1...most).contains(number) {
            return Array(repeating: number, count: count)
        }
        let numbers = value.array?.prefix(16).compactMap(\.int).filter { (1...most).contains($0) }
        guard let numbers, !numbers.isEmpty, numbers.count == value.array?.count,
            count ?? numbers.count == numbers.count
        else {
            let what = count.map { "a whole number, or \($0) of them" } ?? "a list of at most 16 whole numbers"
            throw damaged(key, "\(what), from 1 to \(most)")
        }
        return numbers
    }

    /// As many names as `count`, each of some.
    mutating func names(
        _ key: String, default standard: [String], of names: [String], count: Int
    ) throws(PFrameError) -> [String] {
        let list = value(key)?.array
        let found = list?.compactMap(\.string) ?? standard
        guard list == nil || found.count == list?.count, found.allSatisfy(names.contains) else {
            throw unsupported(key, "it has \(names.joined(separator: ", "))")
        }
        guard found.count == count else { throw damaged(key, "a list of \(count), one for each of block_out_channels") }
        return found
    }

    /// Refuses a key with another value than these; an absent key passes.
    mutating func expect(_ key: String, _ values: JSONValue...) throws(PFrameError) {
        unread.remove(key)
        guard let found = all[key] else { return }
        // 1 and 1.0 are the same.
        if values.contains(where: { $0 == found || $0.double != nil && $0.double == found.double }) { return }
        throw unsupported(key, "it has \(values.map { $0.json() }.joined(separator: ", "))")
    }

    /// Refuses keys that are not null or absent.
    mutating func expectNothing(_ keys: String...) throws(PFrameError) {
        for key in keys { try expect(key, .null) }
    }

    /// Passes over keys that do not matter to what is computed here.
    mutating func ignore(_ keys: String...) { unread.subtract(keys) }

    /// Refuses keys that nothing here asked for.
    func finish() throws(PFrameError) {
        guard let key = unread.min() else { return }
        throw PFrameError(
            .unsupported, path: path,
            "has the key \"\(key)\" (\((all[key] ?? .null).json())), which PFrame does not know: what it changes is not "
                + "computed")
    }
}
