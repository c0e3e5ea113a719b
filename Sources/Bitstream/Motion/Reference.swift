/// A picture that a slice may predict from: an entry of a reference list.
struct Reference {
    /// The number of the picture; −1 for none, and for one that the stream does not hold.
    var number: Int32
    /// `PicOrderCnt`.
    var order: Int
    var isLongTerm: Bool
    /// What was parsed of it; nil where the stream does not hold it.
    var motion: PictureMotion?

    static var missing: Reference { Reference(number: -1, order: 0, isLongTerm: false, motion: nil) }
}
