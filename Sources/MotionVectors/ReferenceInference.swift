import CKernels
import Codec

/// Finds the reference picture of every vector, which libavcodec does not export.
///
/// With one candidate it is that one. With several, H.264's reference is *inferred*: the candidate whose prediction has
/// the least luma SAD, ties to the picture decoded last. Of a block with two lists, a list is kept only if it lowers
/// the SAD (libavcodec exports phantom second lists of some 8×8 blocks). Codecs before H.264 have fixed references.
final class ReferenceInference {
    private let rule: PredictionRule
    private let mostCandidates = 32
    private let scratch: UnsafeMutablePointer<UInt8>

    init(rule: PredictionRule) {
        self.rule = rule
        scratch = .allocate(capacity: 2 * mostCandidates * 256)
        scratch.initialize(repeating: 0, count: 2 * mostCandidates * 256)
    }

    deinit { scratch.deallocate() }

    /// Fills the `reference` column of a picture's rows.
    ///
    /// - Parameters:
    ///   - rows: the rows of one progressive picture.
    ///   - picture: its true pixels.
    ///   - candidates: what it may predict from, most recent first.
    func infer(
        _ rows: UnsafeMutableBufferPointer<MotionRow>, of picture: Picture, from candidates: [ReferencePictures.Entry]
    ) {
        guard rule == .h264 else {
            assignFixed(rows, isBidirectional: picture.type == .bidirectional, candidates)
            return
        }
        let candidates = candidates.prefix(mostCandidates)
        let displays = candidates.map(\.display)
        let references = candidates.map { $0.picture.plane(0).kernel }
        let luma = picture.plane(0)
        withExtendedLifetime((picture, candidates)) {
            rows.forEachBlock { block in
                guard let area = BlockArea(rows[block.first].vector, plane: luma, isChroma: false) else { return }
                let target = luma.base + area.y * luma.stride + area.x
                guard let second = block.second else {
                    guard references.count > 1 else {
                        rows[block.first].reference = displays.first ?? MotionRow.unused
                        return
                    }
                    let best = predictAll(rows[block.first].vector, area, target, luma.stride, references, slot: 0)
                    rows[block.first].reference = displays[best.candidate]
                    return
                }
                let choice = choosePair(
                    rows[block.first].vector, rows[second].vector, area, target, luma.stride, references)
                rows[block.first].reference = choice.first.map { displays[$0] } ?? MotionRow.unused
                rows[second].reference = choice.second.map { displays[$0] } ?? MotionRow.unused
            }
        }
    }

    /// P pictures predict from the last reference, B pictures from the one before (past) and from the last (future).
    private func assignFixed(
        _ rows: UnsafeMutableBufferPointer<MotionRow>, isBidirectional: Bool, _ candidates: [ReferencePictures.Entry]
    ) {
        let last = candidates.first?.display ?? MotionRow.unused
        let past = isBidirectional ? (candidates.dropFirst().first?.display ?? MotionRow.unused) : last
        for index in rows.indices { rows[index].reference = rows[index].vector.source < 0 ? past : last }
    }

    /// Predicts a block from every candidate into the slots from `slot` on; the best of them.
    private func predictAll(
        _ vector: MotionVector, _ area: BlockArea, _ target: UnsafeMutablePointer<UInt8>, _ stride: Int,
        _ references: [pframe_plane], slot: Int
    ) -> (candidate: Int, sad: UInt32) {
        var best = (candidate: 0, sad: UInt32.max)
        for (index, reference) in references.enumerated() {
            let out = scratch + (slot + index) * 256
            rule.predictLuma(vector, area, from: reference, into: out, stride: 16)
            let sad = pframe_sad(target, stride, out, 16, Int32(area.width), Int32(area.height))
            if sad < best.sad { best = (index, sad) }
        }
        return best
    }

    /// The references of a block with two lists, nil for a list that is not used.
    ///
    /// Pairs are searched by coordinate descent from the best single predictions: with one list's reference fixed, the
    /// other's best, in turn, until nothing improves.
    private func choosePair(
        _ first: MotionVector, _ second: MotionVector, _ area: BlockArea, _ target: UnsafeMutablePointer<UInt8>,
        _ stride: Int, _ references: [pframe_plane]
    ) -> (first: Int?, second: Int?) {
        let count = references.count
        guard count > 0 else { return (nil, nil) }
        let (w, h) = (Int32(area.width), Int32(area.height))
        let one = predictAll(first, area, target, stride, references, slot: 0)
        let two = predictAll(second, area, target, stride, references, slot: count)
        func sad(_ i: Int, _ j: Int) -> UInt32 {
            pframe_sad_average(target, stride, scratch + i * 256, 16, scratch + (count + j) * 256, 16, w, h)
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
