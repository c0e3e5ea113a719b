import Codec
import MotionVectors
import SystemPackage
import TestSupport
import Testing

@Suite struct ReferenceInferenceTests {
    @Test("pictures that alternate between two scenes predict from their own", arguments: [2, 4])
    func alternating(references: Int) throws {
        try withTemporaryFolder { folder in
            let (path, size) = (folder.appending("clip.mp4"), Size(width: 128, height: 96))
            let pictures = try (0..<10).map { time in
                try Picture.make(size) { x, y in grain(x + time, y + time / 2, seed: time % 2) }
            }
            try encode(
                pictures, to: path, "bframes=0:ref=\(references):weightp=0:scenecut=0:keyint=infinite:mixed-refs=1")
            var options = ExtractionOptions()
            options.references = .inferred
            var (right, all) = (0, 0)
            for frame in try extractAll(path, options) where frame.record.display >= 2 {
                for row in frame.rows {
                    all += 1
                    // Two pictures back, or four where the encoder reached further: never the other scene.
                    if (Int(row.frame) - Int(row.reference)) % 2 == 0 { right += 1 }
                }
            }
            #expect(all > 200)
            #expect(Double(right) > 0.98 * Double(all), "\(right) of \(all)")
        }
    }

    @Test("the reference has the least difference of all that are kept, the latest among equals")
    func leastDifference() throws {
        try withTemporaryFolder { folder in
            let (path, size) = (folder.appending("clip.mp4"), Size(width: 96, height: 80))
            let pictures = try (0..<14).map { time in
                try Picture.make(size) { x, y in
                    let (u, v) = (x - 20 - 4 * time, y - 40)
                    return u * u + v * v < 300
                        ? grain(u, v, seed: 5) : waves(Double(x) + 1.25 * Double(time), Double(y) - 0.5 * Double(time))
                }
            }
            try encode(pictures, to: path, "bframes=3:b-adapt=0:ref=4:keyint=9:min-keyint=9:scenecut=0:qp=26")
            var options = ExtractionOptions()
            options.references = .inferred
            let extraction = try Extraction(path: path, options: options)
            var frames: [ExtractedFrame] = []
            while let frame = try extraction.next() { frames.append(frame) }
            #expect(extraction.referenceFrames >= 4)
            #expect(frames.contains { $0.record.type == .bidirectional })
            var kept: [ExtractedFrame] = []
            var (singles, pairs) = (0, 0)
            for frame in frames.sorted(by: { $0.record.decode < $1.record.decode }) {
                if frame.record.isKey { kept = [] }
                let candidates = Array(kept.suffix(extraction.referenceFrames).reversed())
                let counts = try check(frame, candidates)
                singles += counts.singles
                pairs += counts.pairs
                if frame.record.isReference { kept.append(frame) }
            }
            #expect(singles > 200)
            #expect(pairs > 10)
        }
    }

    private func check(_ frame: ExtractedFrame, _ candidates: [ExtractedFrame]) throws -> (singles: Int, pairs: Int) {
        let target = Pixels(frame.picture, 0)
        let planes = candidates.map { Pixels($0.picture, 0) }
        let displays = candidates.map { Int32($0.record.display) }
        var counts = (singles: 0, pairs: 0)
        for (index, row) in frame.rows.enumerated() {
            let other = frame.rows.indices.first {
                let (one, two) = (frame.rows[$0].vector, row.vector)
                return $0 != index && one.left == two.left && one.top == two.top && one.width == two.width
                    && one.height == two.height && one.source != two.source
            }
            let predictions = try planes.map { try predict(row.vector, from: $0) }
            let differences = predictions.map { difference($0, target, row.vector) }
            guard let other else {
                let least = try #require(differences.min())
                #expect(displays.firstIndex(of: row.reference) == differences.firstIndex(of: least))
                counts.singles += 1
                continue
            }
            guard index < other else { continue }
            let second = frame.rows[other]
            let others = try planes.map { try predict(second.vector, from: $0) }
            let least = try #require((differences + others.map { difference($0, target, second.vector) }).min())
            guard let i = displays.firstIndex(of: row.reference), let j = displays.firstIndex(of: second.reference)
            else {
                // One list alone is kept: the better one, since their mean is no better.
                let (one, two) = (displays.firstIndex(of: row.reference), displays.firstIndex(of: second.reference))
                let found = one.map { differences[$0] } ?? two.map { difference(others[$0], target, second.vector) }
                #expect(found == least)
                continue
            }
            let mean = zip(predictions[i], others[j]).map { ($0 + $1 + 1) / 2 }
            #expect(difference(mean, target, row.vector) < least)
            counts.pairs += 1
        }
        return counts
    }

    private func predict(_ vector: MotionVector, from reference: Pixels) throws -> [Int] {
        try reference.withPlane { plane in
            (0..<Int(vector.height)).flatMap { v in
                (0..<Int(vector.width)).map { u in
                    Int(
                        PlainKernels.luma(
                            plane, x: 4 * (vector.left + u) + Int(vector.motionX),
                            y: 4 * (vector.top + v) + Int(vector.motionY)))
                }
            }
        }
    }

    private func difference(_ prediction: [Int], _ target: Pixels, _ vector: MotionVector) -> Int {
        prediction.enumerated().reduce(0) { sum, entry in
            let (u, v) = (entry.offset % Int(vector.width), entry.offset / Int(vector.width))
            return sum + abs(entry.element - target.at(vector.left + u, vector.top + v))
        }
    }
}
