import Codec

/// The decoded pictures that a picture may predict from: the last `num_ref_frames` reference pictures in decode order,
/// most recent first.
struct ReferencePictures {
    /// A picture and its place in display order.
    struct Entry {
        let display: Int32
        let picture: Picture
    }

    /// Most recent first.
    private(set) var entries: [Entry] = []
    private let capacity: Int

    /// Keeps at most `capacity` pictures.
    init(capacity: Int) { self.capacity = capacity }

    /// Forgets all: an IDR, or damage, across which nothing predicts.
    mutating func removeAll() { entries.removeAll() }

    /// Adds the picture decoded last.
    mutating func insert(_ picture: Picture, display: Int32) {
        entries.insert(Entry(display: display, picture: picture), at: 0)
        if entries.count > capacity { entries.removeLast() }
    }

    /// The picture of a display index, nil where it is not kept.
    func picture(_ display: Int32) -> Picture? { entries.first { $0.display == display }?.picture }
}
