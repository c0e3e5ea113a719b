extension SliceParser {
    @inline(__always) private func context(_ place: Int) -> Int {
        let (left, top) = (counts.base[place &- 1], counts.base[place &- NeighbourCounts.stride])
        return Entropy.isCABAC
            ? NeighbourCounts.context(left: left, top: top) : NeighbourCounts.nC(left: left, top: top)
    }

    /// The context of a DC block of Intra16x16 luma (0) or of chroma (1, 2) in CABAC.
    @inline(__always) private func contextDC(_ plane: Int, isIntra: Bool) -> Int {
        func flag(_ isThere: Bool, _ address: Int) -> Int {
            isThere ? Int(records[address].codedDC) &>> plane & 1 : isIntra ? 1 : 0
        }
        return flag(hasLeft, address &- 1) &+ 2 &* flag(hasTop, address &- width)
    }

    /// `residual_luma` (ITU-T H.264, 7.3.5.3.1).
    mutating func parseLuma(_ record: inout Macroblock) {
        let is16x16 = record.type == .intra16x16
        if is16x16 {
            let context = Entropy.isCABAC ? contextDC(0, isIntra: true) : context(NeighbourCounts.luma)
            let total = entropy.block(
                0, context: context, into: levels + MacroblockLevels.lumaDC, scan: scans.zigzag4x4)
            if total > 0 { record.codedDC |= 1 }
        }
        for quarter in 0..<4 {
            let first = NeighbourCounts.luma &+ (quarter & 1) &* 2 &+ (quarter &>> 1) &* 2 &* NeighbourCounts.stride
            guard record.codedBlockPattern &>> UInt8(quarter) & 1 == 1 else {
                counts.clear(first)
                continue
            }
            if record.hasTransform8x8 {
                entropy.block8x8(
                    into: levels + quarter &* 64, scan: scans.zigzag8x8, counts: counts.base + first)
                continue
            }
            for part in 0..<4 {
                let place = first &+ (part & 1) &+ (part &>> 1) &* NeighbourCounts.stride
                let block = levels + (quarter &* 4 &+ part) &* 16
                let total =
                    is16x16
                    ? entropy.block(1, context: context(place), into: block, scan: scans.zigzag4x4 + 1)
                    : entropy.block(2, context: context(place), into: block, scan: scans.zigzag4x4)
                counts.base[place] = UInt8(truncatingIfNeeded: total)
            }
        }
    }

    /// Chroma DC and AC of 4:2:0.
    mutating func parseChroma(_ record: inout Macroblock) {
        let pattern = record.codedBlockPattern &>> 4
        if pattern > 0 {
            for plane in 0..<2 {
                let total = entropy.block(
                    3, context: Entropy.isCABAC ? contextDC(1 &+ plane, isIntra: record.type.isIntra) : -1,
                    into: levels + (MacroblockLevels.chromaDC &+ plane &* 4), scan: scans.chromaDC)
                if total > 0 { record.codedDC |= 2 &<< UInt8(plane) }
            }
        }
        guard pattern > 1 else {
            counts.setChroma(0)
            return
        }
        for plane in 0..<2 {
            let first = plane == 0 ? 52 : 76
            for part in 0..<4 {
                let place = first &+ (part & 1) &+ (part &>> 1) &* NeighbourCounts.stride
                let total = entropy.block(
                    4, context: context(place),
                    into: levels + (MacroblockLevels.chromaAC &+ (plane &* 4 &+ part) &* 16),
                    scan: scans.zigzag4x4 + 1)
                counts.base[place] = UInt8(truncatingIfNeeded: total)
            }
        }
    }
}
