/// The contexts of coefficients by `ctxBlockCat` (ITU-T H.264, tables 9-34, 9-40 and 9-43).
struct BlockContexts: @unchecked Sendable {
    // @unchecked: nothing writes through the pointers.
    /// Four contexts each: coded_block_flag, significant_coeff_flag, last_significant_coeff_flag,
    /// coeff_abs_level_minus1.
    let offsets = StandardTables.blockContexts.permanentCopy()
    /// 63 of significant_coeff_flag, then 63 of last_significant_coeff_flag.
    let significance8x8 = StandardTables.significance8x8.permanentCopy()

    static let shared = BlockContexts()
}

extension CABACReader {
    mutating func block(
        _ category: Int, context: Int, into levels: UnsafeMutablePointer<Int16>, scan: UnsafePointer<UInt8>
    ) -> Int {
        guard engine.decision(Int(tables.offsets[category &* 4]) &+ context) == 1 else { return 0 }
        return switch category {
        case 0, 2: coefficients(category, size: 16, levels, scan)
        case 3: coefficients(3, size: 4, levels, scan)
        default: coefficients(category, size: 15, levels, scan)
        }
    }

    mutating func block8x8(
        into levels: UnsafeMutablePointer<Int16>, scan: UnsafePointer<UInt8>, counts: UnsafeMutablePointer<UInt8>
    ) {
        let count = UInt8(truncatingIfNeeded: coefficients(5, size: 64, levels, scan))
        (counts[0], counts[1]) = (count, count)
        (counts[NeighbourCounts.stride], counts[NeighbourCounts.stride &+ 1]) = (count, count)
    }

    /// `residual_block_cabac` behind `coded_block_flag` (7.3.5.3.3): level k goes to `levels[scan[k]]`.
    @inline(__always) private mutating func coefficients(
        _ category: Int, size: Int, _ levels: UnsafeMutablePointer<Int16>, _ scan: UnsafePointer<UInt8>
    ) -> Int {
        // The engine in registers, not in memory.
        var engine = engine
        defer { self.engine = engine }
        let offsets = tables.offsets + category &* 4
        let (significant, last) = (Int(offsets[1]), Int(offsets[2]))
        let significance8x8 = tables.significance8x8
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64) { places in
            guard let places = places.baseAddress else { return 0 }
            var count = 0
            var index = 0
            while index < size &- 1 {
                let (a, b) =
                    size == 64
                    ? (Int(significance8x8[index]), Int(significance8x8[63 &+ index]))
                    : size == 4 ? (min(index, 2), min(index, 2)) : (index, index)
                if engine.decision(significant &+ a) == 1 {
                    places[count] = scan[index]
                    count &+= 1
                    if engine.decision(last &+ b) == 1 { break }
                }
                index &+= 1
            }
            if index == size &- 1 {
                places[count] = scan[index]
                count &+= 1
            }
            readLevels(&engine, count, places, levels, first: Int(offsets[3]), category)
            return count
        }
    }

    /// `coeff_abs_level_minus1` and signs, the last place first.
    @inline(__always) private mutating func readLevels(
        _ engine: inout ArithmeticDecoder, _ count: Int, _ places: UnsafePointer<UInt8>,
        _ levels: UnsafeMutablePointer<Int16>, first: Int, _ category: Int
    ) {
        var ones = 1
        var large = 0
        let most = category == 3 ? 3 : 4
        var index = count
        while index > 0 {
            index &-= 1
            var level = 1
            if engine.decision(first &+ (large > 0 ? 0 : ones)) == 1 {
                let context = first &+ 5 &+ min(most, large)
                level = 2
                while level < 15, engine.decision(context) == 1 { level &+= 1 }
                if level == 15 {
                    if let more = engine.exponential(order: 0) { level &+= more } else { isBroken = true }
                }
                large &+= 1
            } else if ones < 4 {
                ones &+= 1
            }
            let sign = 0 &- engine.bypass()
            levels[Int(places[index])] = Int16(truncatingIfNeeded: (level ^ sign) &- sign)
        }
    }
}
