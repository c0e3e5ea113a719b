/// The blocks of one macroblock and their neighbours in one list, while its partitions are derived in their order.
///
/// A block in column x and row y lies at 12 + 8 · y + x. What is not derived yet counts as not available, which is what
/// the standard says of it (ITU-T H.264, 6.4.11.7).
struct MotionCache {
    private typealias Neighbour = MotionDeriver.Neighbour
    private static let stride = 8
    private static let first = 12
    private let indices: UnsafeMutablePointer<Int8>
    private let vectors: UnsafeMutablePointer<BlockVector>

    init() {
        indices = .zeros(56)
        vectors = .zeros(56)
        indices.update(repeating: -2, count: 56)
    }

    func deallocate() {
        indices.deallocate()
        vectors.deallocate()
    }

    /// Takes over the neighbours of a macroblock.
    @inline(__always) func load(_ motion: PictureMotion, _ list: Int, _ place: MacroblockPlace) {
        for row in 0..<4 {
            for column in 0..<4 { indices[Self.first &+ Self.stride &* row &+ column] = -2 }
        }
        if place.hasLeft {
            let (from, left) = (motion.vectors(list, place.address &- 1), motion.indices(list, place.address &- 1))
            for row in 0..<4 {
                indices[11 &+ 8 &* row] = left[(row & 2) &+ 1]
                vectors[11 &+ 8 &* row] = from[row &* 4 &+ 3]
            }
        } else {
            for row in 0..<4 { set(11 &+ 8 &* row, .unavailable) }
        }
        let top = place.address &- motion.width
        if place.hasTop {
            let (from, above) = (motion.vectors(list, top), motion.indices(list, top))
            for column in 0..<4 {
                indices[4 &+ column] = above[2 &+ column &>> 1]
                vectors[4 &+ column] = from[12 &+ column]
            }
        } else {
            for column in 0..<4 { set(4 &+ column, .unavailable) }
        }
        set(8, place.hasTopRight ? corner(motion, list, top &+ 1, quarter: 2, block: 12) : .unavailable)
        set(3, place.hasTopLeft ? corner(motion, list, top &- 1, quarter: 3, block: 15) : .unavailable)
    }

    @inline(__always) private func corner(
        _ motion: PictureMotion, _ list: Int, _ address: Int, quarter: Int, block: Int
    ) -> Neighbour {
        Neighbour(index: Int(motion.indices(list, address)[quarter]), vector: motion.vectors(list, address)[block])
    }

    @inline(__always) private func set(_ place: Int, _ neighbour: Neighbour) {
        indices[place] = Int8(truncatingIfNeeded: neighbour.index)
        vectors[place] = neighbour.vector
    }

    @inline(__always) private func get(_ place: Int) -> Neighbour {
        Neighbour(index: Int(indices[place]), vector: vectors[place])
    }

    /// C, or D where C is not available.
    @inline(__always) private func diagonal(_ place: Int, width: Int) -> Neighbour {
        let c = get(place &- Self.stride &+ width)
        return c.index == -2 ? get(place &- Self.stride &- 1) : c
    }

    @inline(__always) private func median(_ place: Int, width: Int, index: Int) -> BlockVector {
        MotionDeriver.median(
            get(place &- 1), get(place &- Self.stride), diagonal(place, width: width), index: index)
    }

    /// The prediction of partition 0 or 1 of 16×8 (8.4.1.3): from above, from the left.
    @inline(__always) func vector16x8(_ part: Int, index: Int) -> BlockVector {
        let place = Self.first &+ part &* 16
        let preferred = get(part == 0 ? place &- Self.stride : place &- 1)
        return preferred.index == index ? preferred.vector : median(place, width: 4, index: index)
    }

    /// The prediction of partition 0 or 1 of 8×16: from the left, from above on the right.
    @inline(__always) func vector8x16(_ part: Int, index: Int) -> BlockVector {
        let place = Self.first &+ part &* 2
        let preferred = part == 0 ? get(place &- 1) : diagonal(place, width: 2)
        return preferred.index == index ? preferred.vector : median(place, width: 2, index: index)
    }

    /// Derives the vectors of a sub-macroblock from their differences.
    @inline(__always) func derive(
        _ quarter: Int, _ sub: SubMacroblock, index: Int, _ differences: UnsafePointer<BlockVector>
    ) {
        let (left, top) = ((quarter & 1) &* 2, quarter & 2)
        guard index >= 0 else { return fill(x: left, y: top, width: 2, height: 2, index: -1, .zero) }
        let (width, height) = (sub.width &>> 2, sub.height &>> 2)
        var y = top
        while y < top &+ 2 {
            var x = left
            while x < left &+ 2 {
                let predicted = median(Self.first &+ 8 &* y &+ x, width: width, index: index)
                fill(x: x, y: y, width: width, height: height, index: index, predicted + differences[y &* 4 &+ x])
                x &+= width
            }
            y &+= height
        }
    }

    /// Sets a partition, of sizes in blocks. The vector of one that does not use the list is zero.
    @inline(__always) func fill(x: Int, y: Int, width: Int, height: Int, index: Int, _ vector: BlockVector) {
        let kept = index < 0 ? .zero : vector
        for row in y..<(y &+ height) {
            for column in x..<(x &+ width) {
                let place = Self.first &+ 8 &* row &+ column
                indices[place] = Int8(truncatingIfNeeded: index)
                vectors[place] = kept
            }
        }
    }

    /// Sets a quarter to its blocks among the 16 of `source`.
    func fill(_ quarter: Int, index: Int, from source: UnsafePointer<BlockVector>) {
        let (left, top) = ((quarter & 1) &* 2, quarter & 2)
        for y in top..<(top &+ 2) {
            for x in left..<(left &+ 2) {
                let place = Self.first &+ 8 &* y &+ x
                indices[place] = Int8(truncatingIfNeeded: index)
                vectors[place] = source[y &* 4 &+ x]
            }
        }
    }

    /// Writes the macroblock to the picture.
    @inline(__always) func store(_ motion: PictureMotion, _ list: Int, _ address: Int) {
        let (out, kept) = (motion.vectors(list, address), motion.indices(list, address))
        for row in 0..<4 {
            for column in 0..<4 { out[row &* 4 &+ column] = vectors[12 &+ 8 &* row &+ column] }
        }
        for quarter in 0..<4 { kept[quarter] = indices[12 &+ 8 &* (quarter & 2) &+ (quarter & 1) &* 2] }
    }
}

/// What motion derivation needs beside the picture; made once.
final class MotionMemory {
    let cache = MotionCache()
    let numbers: UnsafeMutablePointer<Int32> = .zeros(64)
    let directIndices: UnsafeMutablePointer<Int8> = .zeros(8)
    let directVectors: UnsafeMutablePointer<BlockVector> = .zeros(32)

    deinit {
        cache.deallocate()
        numbers.deallocate()
        directIndices.deallocate()
        directVectors.deallocate()
    }
}
