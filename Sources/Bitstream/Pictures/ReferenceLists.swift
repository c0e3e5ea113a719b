extension ReferenceBuffer {
    /// The reference lists of a slice (ITU-T H.264, 8.2.4): as many entries as are active, missing ones included.
    func lists(_ header: SliceHeader, order: Int) -> [[Reference]] {
        guard header.type != .i else { return [[], []] }
        var initial: [[Frame?]] = header.type == .p ? [predicted(header), []] : bidirectional(order)
        for list in 0..<2 {
            let count = header.activeReferences[list]
            var frames = Array(initial[list].prefix(count))
            let commands = header.modifications[list]
            if !commands.isEmpty { modify(&frames, commands, header, count: count) }
            while frames.count < count { frames.append(nil) }
            initial[list] = frames
        }
        return initial.map { list in list.map { $0?.reference ?? .missing } }
    }

    /// 8.2.4.2.1: short-term frames from the latest on, then long-term ones by their index.
    private func predicted(_ header: SliceHeader) -> [Frame?] {
        let limit = 1 << header.sequence.frameNumberBits
        let short = frames.filter { $0.longIndex == nil }
            .sorted { $0.number(header.frameNumber, limit) > $1.number(header.frameNumber, limit) }
        return short + longTerm
    }

    private var longTerm: [Frame] {
        frames.filter { $0.longIndex != nil }.sorted { ($0.longIndex ?? 0) < ($1.longIndex ?? 0) }
    }

    /// 8.2.4.2.3: by order count, from the current picture on back (list 0) and forward (list 1).
    private func bidirectional(_ order: Int) -> [[Frame?]] {
        let short = frames.filter { $0.longIndex == nil && $0.reference.motion != nil }
        let past = short.filter { $0.reference.order < order }.sorted { $0.reference.order > $1.reference.order }
        let future = short.filter { $0.reference.order > order }.sorted { $0.reference.order < $1.reference.order }
        let first: [Frame?] = past + future + longTerm
        var second: [Frame?] = future + past + longTerm
        if second.count > 1, past.isEmpty || future.isEmpty { second.swapAt(0, 1) }
        return [first, second]
    }

    /// 8.2.4.3: each command moves a picture to the next place.
    private func modify(
        _ list: inout [Frame?], _ commands: [SliceHeader.Modification], _ header: SliceHeader, count: Int
    ) {
        let limit = 1 << header.sequence.frameNumberBits
        let current = header.frameNumber
        var predicted = current
        for (place, command) in commands.prefix(count).enumerated() {
            let found: Frame?
            if command.kind == 2 {
                found = frames.first { $0.longIndex == command.value }
            } else {
                let step = command.value &+ 1
                predicted = (predicted &+ (command.kind == 0 ? 0 &- step : step)) & (limit &- 1)
                let number = predicted > current ? predicted - limit : predicted
                found = frames.first { $0.longIndex == nil && $0.number(current, limit) == number }
            }
            while list.count < place { list.append(nil) }
            list.insert(found, at: place)
            if let found {
                let isSame = { (other: Frame?) in
                    other?.longIndex == found.longIndex && other?.frameNumber == found.frameNumber
                }
                if let old = list[(place + 1)...].firstIndex(where: isSame) { list.remove(at: old) }
            }
            if list.count > count { list.removeLast(list.count - count) }
        }
    }
}
