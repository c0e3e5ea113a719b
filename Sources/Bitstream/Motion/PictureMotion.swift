/// What was parsed of one picture: macroblocks, and the vectors and references of their blocks.
///
/// Pictures that refer to it in direct prediction read it too.
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
    /// Whether lists were used at all: pictures of I slices hold no motion that was written.
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
    func reset() {
        records.update(repeating: Macroblock(), count: count)
        hasMotion = false
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

/// A picture that a slice may predict from: an entry of a reference list.
struct Reference {
    /// The number of the picture in decode order; −1 for none, and for one that the stream does not hold.
    var number: Int32
    /// `PicOrderCnt`.
    var order: Int
    var isLongTerm: Bool
    /// What was parsed of it; nil where the stream does not hold it.
    var motion: PictureMotion?

    static var missing: Reference { Reference(number: -1, order: 0, isLongTerm: false, motion: nil) }
}
