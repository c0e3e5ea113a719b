import Codec
public import Storage
public import SystemPackage

/// What a filter says of itself: `filter.json` and `dropped.jsonl`.
struct FilterFiles {
    static let summaryName = "filter.json"
    static let droppedName = "dropped.jsonl"

    let source: String
    let plan: FilterPlan

    /// The rules with what they came to.
    var summary: JSONValue {
        .object([
            "source": .text(source), "kept": .integer(plan.kept), "dropped": .integer(plan.clips - plan.kept),
            "rules": .list(
                plan.steps.map { step in
                    var members = step.rule.members
                    members["kept"] = .integer(step.kept)
                    members["dropped"] = .integer(step.dropped)
                    members["missing"] = .integer(step.missing)
                    return .object(members)
                }),
        ])
    }

    /// Writes one line per dropped clip: key, rule, value, reason, caption, source and scores.
    ///
    /// - Throws: `PFrameError`, a full disk included.
    func writeDropped(to path: FilePath, _ index: DatasetIndex) throws(PFrameError) {
        var staged = StagedFile(path: path)
        var columns = ["number", "key", "caption", "source"] + index.scores
        let scores = columns.indices.dropFirst(4)
        for column in plan.steps.compactMap(\.rule.column) where !columns.contains(column) { columns.append(column) }
        let keys = try survivorKeys(index)
        var file = try OutputFile(path: staged.path)
        try index.forEachRow(columns) { row in
            guard let number = row[0].int, let step = plan.step(number) else { return }
            var members: [String: JSONValue] = ["key": row[1], "caption": row[2], "source": row[3]]
            for place in scores {
                // A score may have the name of a field.
                let name = ["rule", "value", "reason"].contains(columns[place]) ? columns[place] + "_" : columns[place]
                members[name] = row[place]
            }
            let value = step.rule.column.flatMap { columns.firstIndex(of: $0) }.map { row[$0] }
            let original = plan.survivor(number).flatMap { keys[$0] }
            members["rule"] = .text(step.rule.name)
            members["value"] = value ?? original.map { .text($0) } ?? .null
            members["reason"] = .text(Self.reason(step.rule, value?.double, original))
            try file.write(JSONValue.object(members).json() + "\n")
        }
        try file.close()
        try staged.commit()
    }

    /// The keys of clips that were kept instead of duplicates, by place.
    private func survivorKeys(_ index: DatasetIndex) throws(PFrameError) -> [Int: String] {
        let survivors = Set((0..<plan.clips).compactMap { plan.survivor($0) })
        guard !survivors.isEmpty else { return [:] }
        var keys: [Int: String] = [:]
        try index.forEachRow(["number", "key"]) { row in
            if let number = row[0].int, survivors.contains(number) { keys[number] = row[1].string }
        }
        return keys
    }

    /// Why a rule dropped a clip.
    private static func reason(_ rule: FilterRule, _ value: Double?, _ original: String?) -> String {
        if let column = rule.column, value == nil { return "no \(column)" }
        let found = value.map { "\($0)" } ?? ""
        switch rule {
        case .motion(let low, let high), .score(_, let low, let high):
            let column = rule.column ?? ""
            if let value, let low, value < low { return "\(column) \(found) is below \(low)" }
            return "\(column) \(found) is above \(high.map { "\($0)" } ?? "")"
        case .condition(let sql): return "not \(sql)"
        case .duplicates: return "a duplicate of \(original ?? "another clip")"
        case .top(let count, let column): return "\(column) \(found) is not among the top \(count)"
        }
    }
}

extension FilterPlan {
    /// Lends the keys of all clips that are kept, in the order of the set.
    ///
    /// - Throws: `PFrameError`, and what `body` throws.
    public func forEachKey(of index: DatasetIndex, _ body: (String) throws -> Void) throws(PFrameError) {
        try index.forEachRow(["number", "key"]) { row in
            if let number = row[0].int, keeps(number), let key = row[1].string { try body(key) }
        }
    }

    /// Writes the keys of all clips that are kept, one per line.
    ///
    /// - Throws: `PFrameError`, a full disk included.
    public func writeKeys(of index: DatasetIndex, to path: FilePath) throws(PFrameError) {
        var staged = StagedFile(path: path)
        var file = try OutputFile(path: staged.path)
        try forEachKey(of: index) { try file.write($0 + "\n") }
        try file.close()
        try staged.commit()
    }
}
