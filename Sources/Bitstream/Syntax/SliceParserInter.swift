extension SliceParser {
    /// Reads partitions, reference indices and vector differences (ITU-T H.264, 7.3.5.1 and 7.3.5.2), then the coded
    /// block pattern.
    mutating func parseInter(_ number: Int, _ record: inout Macroblock) {
        let isB = type == .b
        let form = isB ? MacroblockForms.b(number) : MacroblockForms.p(min(number, 3))
        record.type = form.type
        setPartitionLists(form.first, form.second)
        var allows8x8 = allows8x8
        for list in 0..<2 { indicesOut(list).update(repeating: -1, count: 4) }
        if form.type == .bDirect {
            allows8x8 = allows8x8 && directInfers8x8
        } else if form.type.hasSubMacroblocks {
            for quarter in 0..<4 {
                let sub =
                    isB ? MacroblockForms.subB(entropy.subTypeB()) : MacroblockForms.subP(entropy.subTypeP())
                record.subTypes |= UInt32(sub.code) &<< UInt32(quarter &* 8)
                if sub.isDirect ? !directInfers8x8 : sub.shape > 0 { allows8x8 = false }
            }
        }
        if form.type != .bDirect {
            // P_8x8ref0: all references are the first ones, unsaid.
            let saysReferences = isB || number < 4
            for list in 0..<(isB ? 2 : 1) { parseReferences(list, &record, isSaid: saysReferences) }
        }
        for list in 0..<(isB ? 2 : 1) {
            if Entropy.isCABAC {
                beginDifferences(list: list)
                (list == 0 ? differences.0 : differences.1).clear()
            }
            if form.type != .bDirect { parseDifferences(list, record) }
            if Entropy.isCABAC { endDifferences(list: list) }
        }
        parsePattern(&record, isIntra: false)
        if allows8x8, record.codedBlockPattern & 15 > 0, entropy.transform8x8(context: transformContext) {
            record.flags |= Macroblock.usesTransform8x8
        }
    }

    /// Whether a partition, or a quarter of a macroblock with sub-macroblocks, predicts from a list.
    @inline(__always) private func uses(_ list: Int, part: Int, _ record: Macroblock) -> Bool {
        if record.type.hasSubMacroblocks { return record.subMacroblock(part).uses(list: list) }
        return (part == 0 ? partitionLists.0 : partitionLists.1) &>> list & 1 == 1
    }

    /// The partitions of a type: how many, and the quarters that each covers, as bits.
    @inline(__always) private static func quarters(_ type: MacroblockType, part: Int) -> Int {
        switch type {
        case .p16x16, .b16x16: part == 0 ? 0b1111 : 0
        case .p16x8, .b16x8: part == 0 ? 0b0011 : part == 1 ? 0b1100 : 0
        case .p8x16, .b8x16: part == 0 ? 0b0101 : part == 1 ? 0b1010 : 0
        default: 1 &<< part
        }
    }

    private mutating func parseReferences(_ list: Int, _ record: inout Macroblock, isSaid: Bool) {
        let limit = active(list) &- 1
        let left = hasLeft ? Int(records[address &- 1].positiveReferences) &>> (list &* 4) : 0
        let top = hasTop ? Int(records[address &- width].positiveReferences) &>> (list &* 4) : 0
        let indices = indicesOut(list)
        var positive = 0
        for part in 0..<4 {
            let quarters = Self.quarters(record.type, part: part)
            guard quarters > 0, uses(list, part: part, record) else { continue }
            var reference = 0
            if limit > 0, isSaid {
                let quarter = quarters.trailingZeroBitCount
                let a = quarter & 1 == 1 ? positive &>> (quarter &- 1) : left &>> (quarter &+ 1)
                let b = quarter > 1 ? positive &>> (quarter &- 2) : top &>> (quarter &+ 2)
                reference = entropy.reference(context: (a & 1) &+ 2 &* (b & 1), limit: limit)
                if reference > 0 { positive |= quarters }
            }
            for quarter in 0..<4 where quarters &>> quarter & 1 == 1 {
                indices[quarter] = Int8(truncatingIfNeeded: reference)
            }
        }
        record.positiveReferences |= UInt8(positive &<< (list &* 4))
    }

    private mutating func parseDifferences(_ list: Int, _ record: Macroblock) {
        switch record.type {
        case .p16x16, .b16x16:
            if uses(list, part: 0, record) { parseDifference(list, 0, 0, 4, 4) }
        case .p16x8, .b16x8:
            if uses(list, part: 0, record) { parseDifference(list, 0, 0, 4, 2) }
            if uses(list, part: 1, record) { parseDifference(list, 0, 2, 4, 2) }
        case .p8x16, .b8x16:
            if uses(list, part: 0, record) { parseDifference(list, 0, 0, 2, 4) }
            if uses(list, part: 1, record) { parseDifference(list, 2, 0, 2, 4) }
        default:
            for quarter in 0..<4 {
                let sub = record.subMacroblock(quarter)
                guard sub.uses(list: list) else { continue }
                let (width, height) = (sub.width &>> 2, sub.height &>> 2)
                let (x, y) = ((quarter & 1) &* 2, quarter & 2)
                for row in stride(from: 0, to: 2, by: height) {
                    for column in stride(from: 0, to: 2, by: width) {
                        parseDifference(list, x &+ column, y &+ row, width, height)
                    }
                }
            }
        }
    }

    /// `mvd` of a partition, in 4×4 blocks; it goes to the place of the partition's first block.
    @inline(__always) private mutating func parseDifference(
        _ list: Int, _ x: Int, _ y: Int, _ width: Int, _ height: Int
    ) {
        let neighbours = list == 0 ? differences.0 : differences.1
        let sums = Entropy.isCABAC ? neighbours.sums(x: x, y: y) : (0, 0)
        let across = entropy.vectorDifference(isVertical: false, sum: sums.0)
        let down = entropy.vectorDifference(isVertical: true, sum: sums.1)
        differencesOut(list)[y &* 4 &+ x] = BlockVector(
            x: Int16(truncatingIfNeeded: across), y: Int16(truncatingIfNeeded: down))
        if Entropy.isCABAC { neighbours.fill(x: x, y: y, width: width, height: height, (across, down)) }
    }
}
