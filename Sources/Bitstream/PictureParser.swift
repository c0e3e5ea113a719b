/// Parses coded pictures in decode order, and keeps what later ones need of earlier ones.
final class PictureParser {
    private let memory: ParserMemory
    private let motionMemory = MotionMemory()
    private let residual: CodedResidual?
    private var scales: (lists: ScalingLists, factors: LevelScales)?
    private var buffer = ReferenceBuffer()
    private var live: [PictureMotion] = []
    private var free: [PictureMotion] = []

    /// Prepares for pictures of `width` × `height` macroblocks.
    init(width: Int, height: Int, residual wantsResidual: Bool) {
        memory = ParserMemory(width: width, height: height)
        residual = wantsResidual ? CodedResidual(width: width, height: height) : nil
    }

    /// Whether the pictures of a sequence have the size that this parser is for.
    func fits(_ sequence: SequenceParameters) -> Bool {
        sequence.width == memory.width && sequence.height == memory.height
    }

    /// Parses a picture. The result is valid until the next call.
    ///
    /// - Parameter display: its place in output order.
    func parse(_ coded: CodedPicture, display: Int) -> BitstreamPicture {
        let header = coded.header
        buffer.fillGap(before: header)
        let motion = takeMotion()
        residual?.clear()
        var slices: [BitstreamSlice] = []
        var damage: [BitstreamDamage] = []
        for (number, slice) in coded.slices.enumerated() {
            let references = buffer.lists(slice.header, order: coded.order)
            let end =
                slice.header.picture.isCABAC
                ? parse(CABACReader.self, slice, number, references, coded.order, motion)
                : parse(CAVLCReader.self, slice, number, references, coded.order, motion)
            if let place = end.damage { damage.append(BitstreamDamage(slice: number, macroblock: place)) }
            slices.append(
                BitstreamSlice(slice.header, bits: end.bits, references: references, order: coded.order))
        }
        let reference = Reference(
            number: Int32(truncatingIfNeeded: display), order: coded.laterOrder, isLongTerm: false, motion: motion)
        buffer.mark(header, reference)
        return BitstreamPicture(
            coded, display: display, motion: motion, slices: slices, damage: damage, residual: residual)
    }

    /// Memory for the next picture: that of one that no later picture can name.
    private func takeMotion() -> PictureMotion {
        let kept = live.filter { motion in buffer.frames.contains { $0.reference.motion === motion } }
        free += live.filter { motion in !kept.contains { $0 === motion } }
        let motion = free.popLast() ?? PictureMotion(width: memory.width, height: memory.height)
        live = kept + [motion]
        motion.reset()
        return motion
    }

    /// Parses a slice: the macroblock where it is damaged, nil where it is whole, and its bits.
    private func parse<Entropy: EntropyReader>(
        _: Entropy.Type, _ slice: (header: SliceHeader, payload: Payload), _ number: Int, _ references: [[Reference]],
        _ order: Int, _ motion: PictureMotion
    ) -> (damage: Int?, bits: Int) {
        let header = slice.header
        var parser = SliceParser<Entropy>(
            slice.payload, header, number: number, memory: memory, records: motion.records)
        var deriver = MotionDeriver(
            motion, header: header, references: references, order: order, syntax: memory, memory: motionMemory)
        let factors = residual == nil ? nil : factors(header.picture)
        if residual != nil { memory.levels.update(repeating: 0, count: MacroblockLevels.size) }
        while parser.next() {
            deriver.derive(parser.place)
            guard !deriver.isBroken else {
                motion.records[parser.address].slice = -1
                return (parser.address, slice.payload.stopBit)
            }
            if let residual, let factors, parser.hasLevels {
                let place = parser.place
                residual.add(
                    motion.records[place.address], x: place.column, y: place.address / memory.width,
                    levels: memory.levels, scales: factors)
            }
        }
        return parser.isDone
            ? (nil, parser.entropy.bitPosition) : (parser.address, slice.payload.stopBit)
    }

    private func factors(_ set: PictureParameters) -> LevelScales {
        if let scales, scales.lists == set.scalingLists { return scales.factors }
        let factors = LevelScales(set.scalingLists)
        scales = (set.scalingLists, factors)
        return factors
    }
}
