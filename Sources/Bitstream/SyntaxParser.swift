import Dispatch
import Synchronization

/// A picture between its two passes: first ``SyntaxParser`` reads its slices, which takes no other picture; then
/// ``MotionPass`` derives its vectors, in decode order.
final class ParsedPicture: @unchecked Sendable {
    // @unchecked: one thread at a time uses it, the one whose `claim` succeeded, and after `wait` the reader's.

    /// How a slice ended.
    struct SliceEnd {
        /// The macroblock at which parsing stopped; nil where the slice is whole.
        var damage: Int?
        /// Bits of its NAL unit.
        var bits: Int
    }

    let coded: CodedPicture
    let motion: PictureMotion
    let residual: CodedResidual?
    var ends: [SliceEnd] = []
    private let isClaimed = Atomic<Bool>(false)
    private let hasFinished = Atomic<Bool>(false)
    private let end = DispatchSemaphore(value: 0)

    init(_ coded: CodedPicture, motion: PictureMotion, residual: CodedResidual?) {
        (self.coded, self.motion, self.residual) = (coded, motion, residual)
    }

    /// Whether the caller is the one that parses the picture.
    func claim() -> Bool { !isClaimed.exchange(true, ordering: .acquiringAndReleasing) }

    /// Whether waiting would take no time.
    var isParsed: Bool { hasFinished.load(ordering: .acquiring) }

    /// Says that the picture is parsed.
    func finish() {
        hasFinished.store(true, ordering: .releasing)
        end.signal()
    }

    /// Waits until the picture is parsed; once per picture.
    func wait() { end.wait() }
}

/// Parses the slices of pictures: macroblocks, reference indices, vector differences and coefficients. It keeps nothing
/// from picture to picture, so several may work at once.
final class SyntaxParser {
    private var memory: ParserMemory?
    private var scales: (lists: ScalingLists, factors: LevelScales)?

    /// Parses a picture, once its caller has claimed it.
    func parse(_ picture: ParsedPicture) {
        let motion = picture.motion
        motion.reset(hasMotion: picture.coded.slices.contains { $0.header.type != .i })
        picture.residual?.clear()
        for (number, slice) in picture.coded.slices.enumerated() {
            picture.ends.append(
                slice.header.picture.isCABAC
                    ? parse(CABACReader.self, slice, number, picture) : parse(CAVLCReader.self, slice, number, picture))
        }
        picture.finish()
    }

    private func parse<Entropy: EntropyReader>(
        _: Entropy.Type, _ slice: (header: SliceHeader, payload: Payload), _ number: Int, _ picture: ParsedPicture
    ) -> ParsedPicture.SliceEnd {
        let motion = picture.motion
        let memory = memory(for: motion)
        var parser = SliceParser<Entropy>(slice.payload, slice.header, number: number, memory: memory, motion: motion)
        if let residual = picture.residual {
            let factors = factors(slice.header.picture)
            memory.levels.update(repeating: 0, count: MacroblockLevels.size)
            while parser.next() {
                guard parser.hasLevels else { continue }
                let place = parser.place
                residual.add(
                    motion.records[place.address], x: place.column, y: place.address / motion.width,
                    levels: memory.levels, scales: factors)
            }
        } else {
            while parser.next() {}
        }
        return parser.isDone
            ? ParsedPicture.SliceEnd(damage: nil, bits: parser.entropy.bitPosition)
            : ParsedPicture.SliceEnd(damage: parser.address, bits: slice.payload.stopBit)
    }

    private func memory(for motion: PictureMotion) -> ParserMemory {
        if let memory, memory.width == motion.width, memory.height == motion.height { return memory }
        let memory = ParserMemory(width: motion.width, height: motion.height)
        self.memory = memory
        return memory
    }

    private func factors(_ set: PictureParameters) -> LevelScales {
        if let scales, scales.lists == set.scalingLists { return scales.factors }
        let factors = LevelScales(set.scalingLists)
        scales = (set.scalingLists, factors)
        return factors
    }
}
