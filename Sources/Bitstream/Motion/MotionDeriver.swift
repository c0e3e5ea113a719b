/// Derives the vectors and reference indices of macroblocks (ITU-T H.264, 8.4.1) in the picture, where the parser left
/// vector differences and the coded indices in their places.
struct MotionDeriver {
    /// A neighbouring partition: its reference index, −1 where it does not use the list, −2 where it is not available.
    struct Neighbour {
        var index: Int
        var vector: BlockVector

        static let unavailable = Neighbour(index: -2, vector: .zero)
    }

    let motion: PictureMotion
    let width: Int
    let lists: Int
    let direct: DirectPrediction
    /// The numbers of the pictures that indices name, 32 a list.
    private let numbers: UnsafeMutablePointer<Int32>
    private let cache: MotionCache
    let directIndices: UnsafeMutablePointer<Int8>
    let directVectors: UnsafeMutablePointer<BlockVector>
    /// Whether direct prediction needed a picture that is not there.
    private(set) var isBroken = false

    /// Begins a slice.
    init(
        _ motion: PictureMotion, header: SliceHeader, references lists: [[Reference]], order: Int, memory: MotionMemory
    ) {
        self.motion = motion
        width = motion.width
        self.lists = header.type == .i ? 0 : header.type == .p ? 1 : 2
        direct = DirectPrediction(header: header, references: lists, order: order, memory: memory)
        numbers = memory.numbers
        cache = memory.cache
        directIndices = memory.directIndices
        directVectors = memory.directVectors
        numbers.update(repeating: -1, count: 64)
        for (list, entries) in lists.enumerated() {
            for (index, entry) in entries.prefix(32).enumerated() { numbers[list * 32 + index] = entry.number }
        }
    }

    /// Derives the motion of a macroblock; those before it in the slice are done.
    @inline(__always) mutating func derive(_ place: MacroblockPlace) {
        guard lists > 0 else { return clear(place.address) }
        switch motion.records[place.address].type {
        case .intra4x4, .intra8x8, .intra16x16, .pcm: clear(place.address)
        case .pSkip:
            write(0, place.address, index: 0, skipVector(place))
        case .bSkip, .bDirect:
            deriveDirect(place, quarters: 0b1111)
            for list in 0..<2 { writeDirect(list, place.address) }
        case .p16x16, .b16x16: derive16x16(place)
        default: derivePartitions(place, motion.records[place.address])
        }
        if lists == 1 { leaveOut(1, place.address) }
    }

    // MARK: One partition

    private func derive16x16(_ place: MacroblockPlace) {
        for list in 0..<lists {
            let index = Int(motion.indices(list, place.address)[0])
            guard index >= 0 else {
                clear(list, place.address)
                continue
            }
            let (a, b, c) = neighbours(list, place)
            let predicted = Self.median(a, b, c, index: index)
            write(list, place.address, index: index, predicted + motion.vectors(list, place.address)[0])
        }
    }

    /// 8.4.1.1.
    private func skipVector(_ place: MacroblockPlace) -> BlockVector {
        guard place.hasLeft, place.hasTop else { return .zero }
        let (a, b, c) = neighbours(0, place)
        if a.index == 0 && a.vector == .zero || b.index == 0 && b.vector == .zero { return .zero }
        return Self.median(a, b, c, index: 0)
    }

    /// The neighbours A, B and C of a macroblock as one partition (8.4.1.3.2): C is D where it is not available.
    @inline(__always) func neighbours(_ list: Int, _ place: MacroblockPlace) -> (Neighbour, Neighbour, Neighbour) {
        let top = place.address &- width
        return (
            place.hasLeft ? neighbour(list, place.address &- 1, quarter: 1, block: 3) : .unavailable,
            place.hasTop ? neighbour(list, top, quarter: 2, block: 12) : .unavailable,
            place.hasTopRight
                ? neighbour(list, top &+ 1, quarter: 2, block: 12)
                : place.hasTopLeft ? neighbour(list, top &- 1, quarter: 3, block: 15) : .unavailable
        )
    }

    @inline(__always) private func neighbour(_ list: Int, _ address: Int, quarter: Int, block: Int) -> Neighbour {
        Neighbour(
            index: Int(motion.indices(list, address)[quarter]), vector: motion.vectors(list, address)[block])
    }

    /// 8.4.1.3: the vector of the only neighbour with the same reference, or the median.
    @inline(__always) static func median(_ a: Neighbour, _ b: Neighbour, _ c: Neighbour, index: Int) -> BlockVector {
        if b.index == -2, c.index == -2 { return a.vector }
        let equal = (a.index == index ? 1 : 0) &+ (b.index == index ? 2 : 0) &+ (c.index == index ? 4 : 0)
        switch equal {
        case 1: return a.vector
        case 2: return b.vector
        case 4: return c.vector
        default:
            return BlockVector(
                x: median(a.vector.x, b.vector.x, c.vector.x), y: median(a.vector.y, b.vector.y, c.vector.y))
        }
    }

    @inline(__always) private static func median(_ a: Int16, _ b: Int16, _ c: Int16) -> Int16 {
        max(min(a, b), min(max(a, b), c))
    }

    // MARK: Several partitions

    private mutating func derivePartitions(_ place: MacroblockPlace, _ record: Macroblock) {
        if record.type == .b8x8 {
            // The others may stand where the co-located picture refers to one that is gone.
            let quarters = (0..<4).reduce(0) { $0 | (record.subMacroblock($1).isDirect ? 1 &<< $1 : 0) }
            if quarters > 0 { deriveDirect(place, quarters: quarters) }
        }
        for list in 0..<lists {
            cache.load(motion, list, place)
            let differences = motion.vectors(list, place.address)
            let indices = motion.indices(list, place.address)
            switch record.type {
            case .p16x8, .b16x8:
                for part in 0..<2 {
                    let index = Int(indices[part &* 2])
                    let vector = cache.vector16x8(part, index: index) + differences[part &* 8]
                    cache.fill(x: 0, y: part &* 2, width: 4, height: 2, index: index, vector)
                }
            case .p8x16, .b8x16:
                for part in 0..<2 {
                    let index = Int(indices[part])
                    let vector = cache.vector8x16(part, index: index) + differences[part &* 2]
                    cache.fill(x: part &* 2, y: 0, width: 2, height: 4, index: index, vector)
                }
            default:
                for quarter in 0..<4 {
                    let sub = record.subMacroblock(quarter)
                    if sub.isDirect {
                        let vectors = directVectors + list &* 16
                        cache.fill(quarter, index: Int(directIndices[list &* 4 &+ quarter]), from: vectors)
                    } else {
                        cache.derive(quarter, sub, index: Int(indices[quarter]), differences)
                    }
                }
            }
            cache.store(motion, list, place.address)
            let pictures = motion.pictures(list, place.address)
            let stored = motion.indices(list, place.address)
            for quarter in 0..<4 { pictures[quarter] = number(list, Int(stored[quarter])) }
        }
    }

    @inline(__always) private func number(_ list: Int, _ index: Int) -> Int32 {
        index < 0 ? -1 : numbers[list &* 32 &+ index]
    }

    // MARK: Direct prediction

    private mutating func deriveDirect(_ place: MacroblockPlace, quarters: Int) {
        let isThere =
            direct.isSpatial
            ? direct.deriveSpatial(place, neighbours(0, place), neighbours(1, place))
            : direct.deriveTemporal(place, quarters: quarters)
        if !isThere { isBroken = true }
    }

    private func writeDirect(_ list: Int, _ address: Int) {
        let (indices, pictures) = (motion.indices(list, address), motion.pictures(list, address))
        for quarter in 0..<4 {
            let index = directIndices[list &* 4 &+ quarter]
            indices[quarter] = index
            pictures[quarter] = number(list, Int(index))
        }
        motion.vectors(list, address).update(from: directVectors + list &* 16, count: 16)
    }

    // MARK: Writing

    @inline(__always) private func write(_ list: Int, _ address: Int, index: Int, _ vector: BlockVector) {
        let (indices, pictures) = (motion.indices(list, address), motion.pictures(list, address))
        let number = number(list, index)
        for quarter in 0..<4 {
            indices[quarter] = Int8(truncatingIfNeeded: index)
            pictures[quarter] = number
        }
        let vectors = motion.vectors(list, address)
        for block in 0..<16 { vectors[block] = vector }
    }

    /// Says that a list is not used.
    @inline(__always) private func clear(_ list: Int, _ address: Int) {
        write(list, address, index: -1, .zero)
    }

    private func clear(_ address: Int) {
        clear(0, address)
        if lists == 2 { clear(1, address) } else { leaveOut(1, address) }
    }

    /// The same where no macroblock of the slice looks at the vectors.
    @inline(__always) private func leaveOut(_ list: Int, _ address: Int) {
        let (indices, pictures) = (motion.indices(list, address), motion.pictures(list, address))
        for quarter in 0..<4 { (indices[quarter], pictures[quarter]) = (-1, -1) }
    }
}
