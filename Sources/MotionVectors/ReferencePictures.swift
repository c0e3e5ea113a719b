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
    private var lastNumber = -1

    /// Keeps at most `capacity` pictures.
    init(capacity: Int) { self.capacity = capacity }

    /// Forgets all pictures if none of them can be a reference of the next picture in decode order.
    ///
    /// Nothing predicts across an IDR or a lost reference. A lost picture that nothing refers to does no harm, and a
    /// damaged one that was delivered stands in the decoder's own picture buffer as it is.
    ///
    /// - Parameters:
    ///   - number: of the picture's packet.
    ///   - packets: every packet so far.
    mutating func advance(to number: Int, _ packets: [PacketRecord]) {
        let passed = (lastNumber + 1..<max(number, lastNumber + 1)).clamped(to: packets.indices)
        lastNumber = max(lastNumber, number)
        let isIDR = packets.indices.contains(number) && packets[number].isIDR
        if isIDR || passed.contains(where: { packets[$0].isDamaged && packets[$0].isReference }) { removeAll() }
    }

    /// Forgets all.
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
