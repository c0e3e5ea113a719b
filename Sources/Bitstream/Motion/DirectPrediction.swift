/// Direct prediction of B slices (ITU-T H.264, 8.4.1.2): indices and vectors of a macroblock from its neighbours
/// (spatial) or from the same place in the first picture of list 1 (temporal).
struct DirectPrediction {
    let isSpatial: Bool
    private let infers8x8: Bool
    private let first: [Reference]
    private let order: Int
    /// The picture that the first index of list 1 names.
    private let colocated: Reference
    /// By index of list 0: how far a vector of the co-located picture counts, in 2⁻⁸; nil for as it is.
    private let scales: [Int?]
    private let indices: UnsafeMutablePointer<Int8>
    private let vectors: UnsafeMutablePointer<BlockVector>

    init(header: SliceHeader, references: [[Reference]], order: Int, memory: MotionMemory) {
        isSpatial = header.directIsSpatial
        infers8x8 = header.sequence.direct8x8Inference
        self.order = order
        let colocated = header.type == .b ? references[1].first ?? .missing : .missing
        self.colocated = colocated
        first = header.type == .b && !isSpatial ? references[0] : []
        scales = first.map { Self.scale(order: order, from: $0, to: colocated) }
        indices = memory.directIndices
        vectors = memory.directVectors
    }

    /// `DistScaleFactor` (8-202); nil where vectors are not scaled.
    static func scale(order: Int, from first: Reference, to second: Reference) -> Int? {
        let distance = max(-128, min(127, second.order &- first.order))
        guard !first.isLongTerm, distance != 0 else { return nil }
        let place = max(-128, min(127, order &- first.order))
        let inverse = (16_384 + abs(distance / 2)) / distance
        return max(-1024, min(1023, (place * inverse + 32) >> 6))
    }

    /// The block of the co-located macroblock that stands for a block: itself, or the corner of its quarter.
    @inline(__always) private func corner(_ block: Int) -> Int {
        guard infers8x8 else { return block }
        return (block &>> 3) &* 12 &+ (block &>> 1 & 1) &* 3
    }

    /// The quarter of a block.
    @inline(__always) private static func quarter(_ block: Int) -> Int { (block &>> 3) &* 2 &+ (block &>> 1 & 1) }

    // MARK: Spatial

    /// 8.4.1.2.2; false where the co-located picture is missing.
    func deriveSpatial(
        _ place: MacroblockPlace,
        _ zero: (MotionDeriver.Neighbour, MotionDeriver.Neighbour, MotionDeriver.Neighbour),
        _ one: (MotionDeriver.Neighbour, MotionDeriver.Neighbour, MotionDeriver.Neighbour)
    ) -> Bool {
        guard let picture = colocated.motion, picture.records[place.address].slice >= 0 else { return false }
        var index = (Self.least(zero), Self.least(one))
        var vector = (BlockVector.zero, BlockVector.zero)
        if index.0 < 0, index.1 < 0 {
            index = (0, 0)
        } else {
            if index.0 >= 0 { vector.0 = MotionDeriver.median(zero.0, zero.1, zero.2, index: index.0) }
            if index.1 >= 0 { vector.1 = MotionDeriver.median(one.0, one.1, one.2, index: index.1) }
        }
        for quarter in 0..<4 {
            indices[quarter] = Int8(truncatingIfNeeded: max(index.0, -1))
            indices[4 &+ quarter] = Int8(truncatingIfNeeded: max(index.1, -1))
        }
        for block in 0..<16 {
            vectors[block] = vector.0
            vectors[16 &+ block] = vector.1
        }
        let stills = (index.0 == 0 && vector.0 != .zero, index.1 == 0 && vector.1 != .zero)
        guard stills.0 || stills.1, !colocated.isLongTerm, picture.hasMotion else { return true }
        guard !picture.records[place.address].type.isIntra else { return true }
        for block in 0..<16 where isStill(picture, place.address, corner(block)) {
            if stills.0 { vectors[block] = .zero }
            if stills.1 { vectors[16 &+ block] = .zero }
        }
        return true
    }

    /// `MinPositive` of the neighbours' indices.
    private static func least(
        _ neighbours: (MotionDeriver.Neighbour, MotionDeriver.Neighbour, MotionDeriver.Neighbour)
    ) -> Int {
        func least(_ a: Int, _ b: Int) -> Int { a >= 0 && b >= 0 ? min(a, b) : max(a, b) }
        return least(neighbours.0.index, least(neighbours.1.index, neighbours.2.index))
    }

    /// `colZeroFlag`: the block predicts from its first reference and hardly moves.
    @inline(__always) private func isStill(_ picture: PictureMotion, _ address: Int, _ block: Int) -> Bool {
        let quarter = Self.quarter(block)
        let index = picture.indices(0, address)[quarter]
        let list = index >= 0 ? 0 : 1
        guard index == 0 || (index < 0 && picture.indices(1, address)[quarter] == 0) else { return false }
        let vector = picture.vectors(list, address)[block]
        return (-1...1).contains(vector.x) && (-1...1).contains(vector.y)
    }

    // MARK: Temporal

    /// 8.4.1.2.3 of the quarters whose bits are set; false where the co-located picture, or the one that it refers to, is
    /// missing.
    func deriveTemporal(_ place: MacroblockPlace, quarters: Int) -> Bool {
        let address = place.address
        guard let picture = colocated.motion, picture.records[address].slice >= 0, !first.isEmpty else { return false }
        let isIntra = picture.records[address].type.isIntra || !picture.hasMotion
        for quarter in 0..<4 where quarters &>> quarter & 1 == 1 {
            indices[4 &+ quarter] = 0
            let list = isIntra ? -1 : picture.indices(0, address)[quarter] >= 0 ? 0 : 1
            guard list >= 0, picture.indices(list, address)[quarter] >= 0 else {
                fill(quarter, index: 0, list: -1, picture, address)
                continue
            }
            let number = picture.pictures(list, address)[quarter]
            guard number != -1, let index = first.firstIndex(where: { $0.number == number }) else { return false }
            fill(quarter, index: index, list: list, picture, address)
        }
        return true
    }

    private func fill(_ quarter: Int, index: Int, list: Int, _ picture: PictureMotion, _ address: Int) {
        indices[quarter] = Int8(truncatingIfNeeded: index)
        let place = (quarter & 1) &* 2 &+ (quarter & 2) &* 4
        for block in [place, place &+ 1, place &+ 4, place &+ 5] {
            guard list >= 0 else {
                (vectors[block], vectors[16 &+ block]) = (.zero, .zero)
                continue
            }
            let moved = picture.vectors(list, address)[corner(block)]
            guard let scale = scales[index] else {
                (vectors[block], vectors[16 &+ block]) = (moved, .zero)
                continue
            }
            let x = Int16(truncatingIfNeeded: (scale &* Int(moved.x) &+ 128) &>> 8)
            let y = Int16(truncatingIfNeeded: (scale &* Int(moved.y) &+ 128) &>> 8)
            vectors[block] = BlockVector(x: x, y: y)
            vectors[16 &+ block] = BlockVector(x: x &- moved.x, y: y &- moved.y)
        }
    }
}
