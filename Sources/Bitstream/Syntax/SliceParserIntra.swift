extension SliceParser {
    /// Reads and derives the modes of 4×4 or 8×8 blocks (ITU-T H.264, 8.3.1.1 and 8.3.2.1).
    mutating func parseIntraModes(_ record: inout Macroblock, uses8x8: Bool) {
        let left = neighbourModes(isThere: hasLeft, address &- 1)
        let top = neighbourModes(isThere: hasTop, address &- width)
        var modes: UInt64 = 0
        let step = uses8x8 ? 4 : 1
        for block in stride(from: 0, to: 16, by: step) {
            let place = Int(scans.blocks[block])
            let a = place & 3 > 0 ? Int(modes &>> UInt64((place &- 1) &* 4) & 15) : left.mode(place &+ 3)
            let b = place > 3 ? Int(modes &>> UInt64((place &- 4) &* 4) & 15) : top.mode(place &+ 12)
            let predicted = a < 0 || b < 0 ? 2 : min(a, b)
            let remaining = entropy.intraMode()
            let mode = remaining < 0 ? predicted : remaining &+ (remaining < predicted ? 0 : 1)
            let pattern: UInt64 = uses8x8 ? 0x11_0011 : 1
            modes |= (UInt64(mode) &* pattern) &<< UInt64(place &* 4)
        }
        record.intraModes = modes
    }

    /// The modes of a neighbour: its own, one for all blocks, or −1 where nothing may be predicted from it.
    private struct NeighbourModes {
        let modes: UInt64
        let constant: Int?

        @inline(__always) func mode(_ place: Int) -> Int { constant ?? Int(modes &>> UInt64(place &* 4) & 15) }
    }

    @inline(__always) private func neighbourModes(isThere: Bool, _ address: Int) -> NeighbourModes {
        guard isThere else { return NeighbourModes(modes: 0, constant: -1) }
        let record = records[address]
        switch record.type {
        case .intra4x4, .intra8x8: return NeighbourModes(modes: record.intraModes, constant: nil)
        case .intra16x16, .pcm: return NeighbourModes(modes: 0, constant: 2)
        default: return NeighbourModes(modes: 0, constant: constrainedIntra ? -1 : 2)
        }
    }
}
