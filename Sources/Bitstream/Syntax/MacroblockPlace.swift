/// A macroblock and which of its neighbours are available: of the same slice, and parsed (ITU-T H.264, 6.4.9).
struct MacroblockPlace {
    /// Its address, in raster order.
    private(set) var address: Int
    private(set) var column: Int
    private(set) var hasLeft = false
    private(set) var hasTop = false
    private(set) var hasTopRight = false
    private(set) var hasTopLeft = false

    /// The place before the first macroblock of a slice.
    init(before first: Int, width: Int) { (address, column) = (first &- 1, first % width &- 1) }

    /// Goes to the next macroblock of a slice, given the records of those before it.
    @inline(__always) mutating func advance(_ records: UnsafePointer<Macroblock>, width: Int, slice: Int32) {
        address &+= 1
        column = column &+ 1 == width ? 0 : column &+ 1
        let top = address &- width
        hasLeft = column > 0 && records[address &- 1].slice == slice
        hasTop = top >= 0 && records[top].slice == slice
        hasTopRight = top >= 0 && column &+ 1 < width && records[top &+ 1].slice == slice
        hasTopLeft = top > 0 && column > 0 && records[top &- 1].slice == slice
    }
}
