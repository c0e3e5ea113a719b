/// What was parsed of one picture: macroblocks, and the vectors and references of their blocks.
///
/// ``SliceParser`` leaves differences in the place of the vectors, and ``MotionDeriver`` makes vectors of them. Pictures
/// that refer to the picture in direct prediction read it too.
final class PictureMotion {
    let width: Int
    let height: Int
    /// One a macroblock, in raster order.
    let records: UnsafeMutablePointer<Macroblock>
    /// By list, macroblock, and 4×4 block in raster order; zero where a block does not use a list of its slice.
    let vectors: UnsafeMutablePointer<BlockVector>
    /// Reference indices by list, macroblock and quarter; −1 where a list is not used.
    let indices: UnsafeMutablePointer<Int8>
    /// The numbers of the pictures that the indices name.
    let pictures: UnsafeMutablePointer<Int32>
    /// Whether a slice predicts from lists: pictures of I slices hold no motion that was written.
    var hasMotion = false

    /// Memory for a picture of `width` × `height` macroblocks.
    init(width: Int, height: Int) {
        (self.width, self.height) = (width, height)
        let count = width * height
        records = .zeros(count)
        vectors = .zeros(count * 32)
        indices = .zeros(count * 8)
        pictures = .zeros(count * 8)
    }

    deinit {
        records.deallocate()
        vectors.deallocate()
        indices.deallocate()
        pictures.deallocate()
    }

    /// Macroblocks of the picture.
    var count: Int { width * height }

    /// Forgets what an earlier picture left.
    func reset(hasMotion: Bool) {
        records.update(repeating: Macroblock(), count: count)
        self.hasMotion = hasMotion
    }

    /// Says that the stream does not hold the macroblocks of a slice from an address on.
    func drop(slice: Int, from address: Int) {
        for address in address..<count where Int(records[address].slice) == slice { records[address].slice = -1 }
    }

    /// Where the vectors of a macroblock lie in a list.
    @inline(__always) func vectors(_ list: Int, _ address: Int) -> UnsafeMutablePointer<BlockVector> {
        vectors + (list &* width &* height &+ address) &* 16
    }

    @inline(__always) func indices(_ list: Int, _ address: Int) -> UnsafeMutablePointer<Int8> {
        indices + (list &* width &* height &+ address) &* 4
    }

    @inline(__always) func pictures(_ list: Int, _ address: Int) -> UnsafeMutablePointer<Int32> {
        pictures + (list &* width &* height &+ address) &* 4
    }
}
