import CKernels
package import Codec
import Storage

/// A picture that others predict from, and its place in display order.
package struct ReferencePicture {
    /// Display index.
    package let display: Int32
    /// Its pixels, at coded size.
    package let picture: Picture

    /// Names a picture.
    package init(display: Int32, picture: Picture) {
        self.display = display
        self.picture = picture
    }
}

@available(*, unavailable)
extension ReferencePicture: Sendable {}

/// The decoded pictures that a picture may predict from: the last `num_ref_frames` reference pictures in decode order,
/// most recent first.
struct ReferencePictures {
    /// Most recent first.
    private(set) var entries: [ReferencePicture] = []
    private let capacity: Int

    /// Keeps at most `capacity` pictures.
    init(capacity: Int) { self.capacity = capacity }

    /// Forgets all: an IDR, or a lost reference, across which nothing predicts.
    mutating func removeAll() { entries.removeAll() }

    /// Adds the picture decoded last.
    mutating func insert(_ picture: Picture, display: Int32) {
        entries.insert(ReferencePicture(display: display, picture: picture), at: 0)
        if entries.count > capacity { entries.removeLast() }
    }

    /// Whether the picture of a display index is kept.
    func contains(_ display: Int32) -> Bool { entries.contains { $0.display == display } }
}

/// The three planes of a reference picture, as kernels take them, lent.
struct ReferencePlanes {
    let display: Int32
    let luma: pframe_plane
    let u: pframe_plane
    let v: pframe_plane

    /// Lends the planes of pictures, in the order given, behind those already lent.
    static func lend(
        _ references: ArraySlice<ReferencePicture>, after lent: [ReferencePlanes] = [],
        _ body: ([ReferencePlanes]) -> Void
    ) {
        guard let reference = references.first else { return body(lent) }
        reference.picture.withPlanes { luma, u, v in
            let planes = ReferencePlanes(display: reference.display, luma: luma.kernel, u: u.kernel, v: v.kernel)
            lend(references.dropFirst(), after: lent + [planes], body)
        }
    }
}
