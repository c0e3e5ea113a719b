/// The numbers of `mb_type` and `sub_mb_type` in inter slices, decoded (ITU-T H.264, tables 7-13, 7-14, 7-17, 7-18).
///
/// Lists are bits: 1 for list 0, 2 for list 1.
enum MacroblockForms {
    /// The type and the lists of its one or two partitions, by `mb_type` of P slices, 0…3.
    static func p(_ number: Int) -> (type: MacroblockType, first: Int, second: Int) {
        switch number {
        case 0: (.p16x16, 1, 0)
        case 1: (.p16x8, 1, 1)
        case 2: (.p8x16, 1, 1)
        default: (.p8x8, 0, 0)
        }
    }

    /// The same of B slices, 0…22. The lists of 4…21 go through all pairs, each first one above the other.
    static func b(_ number: Int) -> (type: MacroblockType, first: Int, second: Int) {
        switch number {
        case 0: return (.bDirect, 0, 0)
        case 1...3: return (.b16x16, number, 0)
        case 4...21:
            let lists = pair((number - 4) >> 1)
            return (number & 1 == 0 ? .b16x8 : .b8x16, lists & 3, lists >> 2)
        default: return (.b8x8, 0, 0)
        }
    }

    /// L0 L0, L1 L1, L0 L1, L1 L0, L0 Bi, L1 Bi, Bi L0, Bi L1, Bi Bi, as first | second << 2.
    private static func pair(_ index: Int) -> Int {
        Int(truncatingIfNeeded: 0xFB7ED69A5 &>> (index &* 4) & 15)
    }

    /// By `sub_mb_type` of P slices, 0…3.
    static func subP(_ number: Int) -> SubMacroblock { SubMacroblock(shape: number, lists: 1) }

    /// By `sub_mb_type` of B slices, 0…12.
    static func subB(_ number: Int) -> SubMacroblock {
        switch number {
        case 0: .direct
        case 1...3: SubMacroblock(shape: 0, lists: number)
        case 4...7: SubMacroblock(shape: number & 1 == 0 ? 1 : 2, lists: number < 6 ? 1 : 2)
        case 8, 9: SubMacroblock(shape: number - 7, lists: 3)
        default: SubMacroblock(shape: 3, lists: number - 9)
        }
    }
}
