import CKernels
import Codec
import Storage

/// Finds the reference picture of every vector, which libavcodec does not export.
///
/// With one candidate it is that one. With several, H.264's reference is *inferred*: the candidate whose prediction has
/// the least luma SAD, ties to the picture decoded last. Of a block with two lists, a list is kept only if it lowers
/// the SAD (libavcodec exports phantom second lists of some 8×8 blocks). Codecs before H.264 have fixed references.
final class ReferenceInference {
    private let rule: PredictionRule
    private let mostCandidates = 32
    private let scratch: UnsafeMutablePointer<UInt8>
    /// Where the prediction of candidate c in list l lies, at l · mostCandidates + c.
    private let predictions: UnsafeMutablePointer<(base: UnsafePointer<UInt8>, stride: Int)>

    /// A block of the picture that is being predicted.
    private struct Block {
        let area: BlockArea
        let base: UnsafePointer<UInt8>
        let stride: Int
    }

    init(rule: PredictionRule) {
        self.rule = rule
        predictions = .allocate(capacity: 2 * mostCandidates)
        scratch = .allocate(capacity: 2 * mostCandidates * 256)
        scratch.initialize(repeating: 0, count: 2 * mostCandidates * 256)
        predictions.initialize(repeating: (UnsafePointer(scratch), 16), count: 2 * mostCandidates)
    }

    deinit {
        scratch.deallocate()
        predictions.deallocate()
    }

    /// Fills the `reference` column of a picture's rows.
    ///
    /// - Parameters:
    ///   - rows: the rows of one progressive picture.
    ///   - picture: its true pixels.
    ///   - candidates: the pictures that it may predict from, most recent first.
    func infer(
        _ rows: UnsafeMutableBufferPointer<MotionRow>, of picture: Picture, from candidates: [ReferencePicture]
    ) {
        guard rule == .h264 else {
            assignFixed(rows, isBidirectional: picture.type == .bidirectional, candidates)
            return
        }
        picture.withPlane(0) { luma in
            ReferencePlanes.lend(candidates.prefix(mostCandidates)) { infer(rows, of: luma, from: $0) }
        }
    }

    private func infer(
        _ rows: UnsafeMutableBufferPointer<MotionRow>, of luma: borrowing Plane, from candidates: [ReferencePlanes]
    ) {
        let displays = candidates.map(\.display)
        let references = candidates.map(\.luma)
        rows.forEachBlock { block in
            guard let area = BlockArea(rows[block.first].vector, plane: luma, isChroma: false) else { return }
            let place = Block(
                area: area, base: UnsafePointer(luma.base + area.y * luma.stride + area.x), stride: luma.stride)
            guard let second = block.second else {
                guard references.count > 1 else {
                    rows[block.first].reference = displays.first ?? MotionRow.unused
                    return
                }
                let best = predictAll(rows[block.first].vector, place, references, list: 0)
                rows[block.first].reference = displays[best.candidate]
                return
            }
            let choice = choosePair(rows[block.first].vector, rows[second].vector, place, references)
            rows[block.first].reference = choice.first.map { displays[$0] } ?? MotionRow.unused
            rows[second].reference = choice.second.map { displays[$0] } ?? MotionRow.unused
        }
    }

    /// P pictures predict from the last reference, B pictures from the one before (past) and from the last (future).
    private func assignFixed(
        _ rows: UnsafeMutableBufferPointer<MotionRow>, isBidirectional: Bool, _ candidates: [ReferencePicture]
    ) {
        let last = candidates.first?.display ?? MotionRow.unused
        let past = isBidirectional ? (candidates.dropFirst().first?.display ?? MotionRow.unused) : last
        for index in rows.indices { rows[index].reference = rows[index].vector.source < 0 ? past : last }
    }

    /// Where a candidate's prediction of the block lies: in a slot, or in the reference itself.
    private func predict(
        _ vector: MotionVector, _ area: BlockArea, _ reference: pframe_plane, slot: Int
    ) -> (base: UnsafePointer<UInt8>, stride: Int) {
        let motion = vector.quarterPel
        if (motion.x | motion.y) & 3 == 0 {
            let (x, y) = (area.x + Int(motion.x >> 2), area.y + Int(motion.y >> 2))
            if x >= 0, y >= 0, x + area.width <= Int(reference.width), y + area.height <= Int(reference.height) {
                return (reference.base + y * reference.stride + x, reference.stride)
            }
        }
        let out = scratch + slot * 256
        rule.predictLuma(vector, area, from: reference, into: out, stride: 16)
        return (UnsafePointer(out), 16)
    }

    /// Predicts a block from every candidate; the best of them. Stops at a perfect one: no later one can beat it.
    private func predictAll(
        _ vector: MotionVector, _ block: Block, _ references: [pframe_plane], list: Int
    ) -> (candidate: Int, sad: UInt32) {
        var best = (candidate: 0, sad: UInt32.max)
        for (index, reference) in references.enumerated() {
            let slot = list * mostCandidates + index
            predictions[slot] = predict(vector, block.area, reference, slot: slot)
            let sad = pframe_sad(
                block.base, block.stride, predictions[slot].base, predictions[slot].stride, Int32(block.area.width),
                Int32(block.area.height))
            if sad < best.sad { best = (index, sad) }
            if sad == 0 { break }
        }
        return best
    }

    /// The references of a block with two lists, nil for a list that is not used.
    ///
    /// Pairs are searched by coordinate descent from the best single predictions: with one list's reference fixed, the
    /// other's best, in turn, until nothing improves.
    private func choosePair(
        _ first: MotionVector, _ second: MotionVector, _ block: Block, _ references: [pframe_plane]
    ) -> (first: Int?, second: Int?) {
        let count = references.count
        guard count > 0 else { return (nil, nil) }
        let one = predictAll(first, block, references, list: 0)
        if one.sad == 0 { return (one.candidate, nil) }
        let two = predictAll(second, block, references, list: 1)
        if two.sad == 0 { return (nil, two.candidate) }
        func sad(_ i: Int, _ j: Int) -> UInt32 {
            let (a, b) = (predictions[i], predictions[mostCandidates + j])
            return pframe_sad_average(
                block.base, block.stride, a.base, a.stride, b.base, b.stride, Int32(block.area.width),
                Int32(block.area.height))
        }
        var best = (i: one.candidate, j: two.candidate)
        var bestSAD = sad(best.i, best.j)
        var improved = count > 1
        while improved {
            improved = false
            for j in 0..<count where j != best.j {
                let value = sad(best.i, j)
                if value < bestSAD { (bestSAD, best.j, improved) = (value, j, true) }
            }
            for i in 0..<count where i != best.i {
                let value = sad(i, best.j)
                if value < bestSAD { (bestSAD, best.i, improved) = (value, i, true) }
            }
        }
        let single = min(one.sad, two.sad)
        if bestSAD < single { return (best.i, best.j) }
        return one.sad <= two.sad ? (one.candidate, nil) : (nil, two.candidate)
    }
}
