import Dataset

/// Reads members of a run's configuration, and names the one that is missing or makes no sense.
struct ConfigurationReader {
    private let json: JSONValue

    init(_ json: JSONValue) { self.json = json }

    func damaged(_ name: String) -> TrainError {
        TrainError("has no valid \"\(name)\": it is damaged, or another version of PFrame wrote it")
    }

    func member(_ name: String) throws(TrainError) -> JSONValue {
        guard let value = json[name] else { throw damaged(name) }
        return value
    }

    func integer(_ name: String) throws(TrainError) -> Int {
        guard let value = json[name]?.int, value >= 0 else { throw damaged(name) }
        return value
    }

    func number(_ name: String) throws(TrainError) -> Double {
        guard let value = json[name]?.double, value.isFinite else { throw damaged(name) }
        return value
    }

    func bool(_ name: String) throws(TrainError) -> Bool {
        guard let value = json[name]?.bool else { throw damaged(name) }
        return value
    }

    func integers(_ name: String) throws(TrainError) -> [Int] {
        guard let list = json[name]?.array, case let values = list.compactMap(\.int), values.count == list.count else {
            throw damaged(name)
        }
        return values
    }

    func numbers(_ name: String) throws(TrainError) -> [Double] {
        guard let list = json[name]?.array, case let values = list.compactMap(\.double), values.count == list.count
        else { throw damaged(name) }
        return values
    }

    func choice<Choice: RawRepresentable<String>>(_ name: String) throws(TrainError) -> Choice {
        guard let text = json[name]?.string, let choice = Choice(rawValue: text) else { throw damaged(name) }
        return choice
    }
}
