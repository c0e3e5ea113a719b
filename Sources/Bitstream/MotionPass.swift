/// Derives the motion of parsed pictures in decode order, and keeps what later ones need of earlier ones.
final class MotionPass {
    private let memory = MotionMemory()
    private var buffer = ReferenceBuffer()
    /// Pictures of this size predict from each other.
    private var size = (width: 0, height: 0)
    private var live: [PictureMotion] = []
    private var free: [PictureMotion] = []

    /// Memory for a picture of `width` × `height` macroblocks.
    func take(width: Int, height: Int) -> PictureMotion {
        while let motion = free.popLast() {
            if motion.width == width, motion.height == height { return motion }
        }
        return PictureMotion(width: width, height: height)
    }

    /// Takes back the memory of pictures that no later picture can name; none of them is lent any more.
    func reclaim() {
        let kept = live.filter { motion in buffer.frames.contains { $0.reference.motion === motion } }
        free += live.filter { motion in !kept.contains { $0 === motion } }
        live = kept
    }

    /// Derives the motion of a picture.
    ///
    /// - Parameter display: its place in output order.
    func derive(_ picture: ParsedPicture, display: Int) -> BitstreamPicture {
        let (coded, motion) = (picture.coded, picture.motion)
        if size != (motion.width, motion.height) {
            size = (motion.width, motion.height)
            buffer = ReferenceBuffer()
        }
        buffer.fillGap(before: coded.header)
        live.append(motion)
        var slices: [BitstreamSlice] = []
        var damage: [BitstreamDamage] = []
        for (number, slice) in coded.slices.enumerated() {
            let references = buffer.lists(slice.header, order: coded.order)
            var end = picture.ends[number]
            if let place = derive(slice.header, number, references, coded.order, motion) {
                end = ParsedPicture.SliceEnd(damage: place, bits: slice.payload.stopBit)
            }
            if let place = end.damage { damage.append(BitstreamDamage(slice: number, macroblock: place)) }
            slices.append(
                BitstreamSlice(slice.header, bits: end.bits, references: references, order: coded.order))
        }
        let reference = Reference(
            number: Int32(truncatingIfNeeded: display), order: coded.laterOrder, isLongTerm: false, motion: motion)
        buffer.mark(coded.header, reference)
        let kept = buffer.frames.map { Int($0.reference.number) }.filter { $0 != -1 }
        return BitstreamPicture(
            coded, display: display, motion: motion, slices: slices, damage: damage, kept: kept,
            residual: picture.residual)
    }

    /// Derives the motion of a slice; the macroblock at which a picture is missing, nil where none is.
    private func derive(
        _ header: SliceHeader, _ number: Int, _ references: [[Reference]], _ order: Int, _ motion: PictureMotion
    ) -> Int? {
        guard motion.hasMotion else { return nil }
        let slice = Int32(truncatingIfNeeded: number)
        var deriver = MotionDeriver(motion, header: header, references: references, order: order, memory: memory)
        var place = MacroblockPlace(before: header.firstMacroblock, width: motion.width)
        while place.address &+ 1 < motion.count, motion.records[place.address &+ 1].slice == slice {
            place.advance(motion.records, width: motion.width, slice: slice)
            deriver.derive(place)
            guard !deriver.isBroken else {
                motion.drop(slice: number, from: place.address)
                return place.address
            }
        }
        return nil
    }
}
