/// The scaling lists of a parameter set (ITU-T H.264, 7.3.2.1.1.1), in zigzag order, with the fall-back rules applied.
struct ScalingLists: Equatable {
    /// Intra Y, Cb, Cr, then inter Y, Cb, Cr.
    private(set) var lists4x4 = [[UInt8]](repeating: .init(repeating: 16, count: 16), count: 6)
    /// Intra Y, inter Y.
    private(set) var lists8x8 = [[UInt8]](repeating: .init(repeating: 16, count: 64), count: 2)

    /// Flat_4x4_16 and Flat_8x8_16.
    init() {}

    /// Reads the lists of a parameter set.
    ///
    /// - Parameters:
    ///   - sequence: the sequence's lists, to which a picture's lists fall back; nil when these are the sequence's own.
    ///   - count8x8: lists of 8×8 in the syntax.
    init(_ bits: inout BitReader, sequence: ScalingLists?, count8x8: Int) {
        for index in 0..<6 {
            // Fall-back rule A is the default list, B the sequence's.
            let standard = Self.standard(StandardTables.scaling4x4, index < 3 ? 0 : 1, 16)
            let fallback =
                index % 3 > 0 ? lists4x4[index - 1] : sequence.map { $0.lists4x4[index] } ?? standard
            lists4x4[index] = Self.read(&bits, count: 16, standard: standard) ?? fallback
        }
        for index in 0..<2 {
            let standard = Self.standard(StandardTables.scaling8x8, index, 64)
            let fallback = sequence.map { $0.lists8x8[index] } ?? standard
            lists8x8[index] = index < count8x8 ? Self.read(&bits, count: 64, standard: standard) ?? fallback : fallback
        }
        for _ in 2..<max(2, count8x8) { _ = Self.read(&bits, count: 64, standard: []) }
    }

    private static func standard(_ table: [Int16], _ index: Int, _ count: Int) -> [UInt8] {
        table[(index * count)..<((index + 1) * count)].map { UInt8($0) }
    }

    /// Nil where the list is not sent.
    private static func read(_ bits: inout BitReader, count: Int, standard: [UInt8]) -> [UInt8]? {
        guard bits.flag() else { return nil }
        var list: [UInt8] = []
        var (last, next) = (8, 8)
        for place in 0..<count {
            if next != 0 { next = (last &+ bits.signed()) & 255 }
            if place == 0, next == 0 { return standard }
            if next != 0 { last = next }
            list.append(UInt8(last))
        }
        return list
    }
}
