import Codec
import MotionVectors
import SystemPackage
import TestSupport
import Testing

@Suite struct AccumulatedMotionTests {
    @Test(
        "single-reference P pictures accumulate as CoViAR does",
        arguments: ["", "partitions=all:qp=20", "subme=1:qp=34"])
    func coviar(parameters: String) throws {
        try withTemporaryFolder { folder in
            let (path, size) = (folder.appending("clip.mp4"), Size(width: 96, height: 80))
            let pictures = try (0..<13).map { time in
                try Picture.make(size) { x, y in
                    let (u, v) = (x - 48 + 5 * time, y - 40 - 2 * time)
                    return u * u + v * v < 400
                        ? grain(u, v) : waves(Double(x) + 2.25 * Double(time), Double(y) + 1.5 * Double(time))
                }
            }
            try encode(
                pictures, to: path, "bframes=0:ref=1:weightp=0:keyint=7:min-keyint=7:scenecut=0:\(parameters)")
            var options = ExtractionOptions()
            options.accumulate = true
            options.residual = true
            let frames = try extractAll(path, options)
            #expect(frames.count == 13)
            var reference = CoViAR(size)
            var (origin, moved) = (0, 0)
            for frame in frames {
                let display = frame.record.display
                if frame.record.type == .intra {
                    reference = CoViAR(size)
                    origin = display
                } else {
                    reference.accumulate(frame.rows.map(\.vector))
                }
                let traced = try #require(frame.accumulated)
                #expect(traced.size == size)
                #expect(traced.origin == origin)
                let expected = reference.displacements
                #expect(traced.displacements == expected, "frame \(display)")
                moved += expected.count { $0 != .zero }
                try checkResidual(frame, frames[origin].picture, expected)
            }
            #expect(moved > 13 * 96 * 80 / 2)
            #expect(frames.map(\.record.type.rawValue).joined() == "IPPPPPPIPPPPP")
        }
    }

    /// CoViAR's residual: the picture minus the traced pixels of the intra picture.
    private func checkResidual(_ frame: ExtractedFrame, _ origin: Picture, _ displacements: [SIMD2<Int16>]) throws {
        let residual = try #require(frame.accumulatedResidual)
        let (current, intra) = (Pixels(frame.picture, 0), Pixels(origin, 0))
        let expected = displacements.enumerated().map { index, step in
            let (x, y) = (index % current.width, index / current.width)
            return Int16(current.at(x, y) - intra.at(x + Int(step.x), y + Int(step.y)))
        }
        #expect(residual.withPlane(0) { Array($0) } == expected)
    }

    @Test("pictures with several references trace through the true ones", arguments: [MotionSource.stream, .bitstream])
    func trueReferences(source: MotionSource) throws {
        try withTemporaryFolder { folder in
            let (path, size) = (folder.appending("clip.mp4"), Size(width: 96, height: 80))
            let pictures = try (0..<14).map { time in
                try Picture.make(size) { x, y in grain(x + 2 * time, y - time, seed: time % 2) }
            }
            try encode(
                pictures, to: path, "bframes=2:b-adapt=0:ref=4:keyint=10:min-keyint=10:scenecut=0:partitions=all")
            var options = ExtractionOptions()
            (options.source, options.accumulate) = (source, true)
            // By display index, and the reference picture that was decoded last.
            var traced: [Int: (origin: Int, values: [SIMD2<Int16>])] = [:]
            var (latest, far) = (0, 0)
            for frame in try extractAll(path, options).sorted(by: { $0.record.decode < $1.record.decode }) {
                let record = frame.record
                var own = (origin: record.display, values: [SIMD2<Int16>](repeating: .zero, count: 96 * 80))
                if record.type != .intra { own = try #require(traced[latest]) }
                var done: Set<[Int]> = []
                for row in frame.rows {
                    let vector = row.vector
                    let place = [vector.left, vector.top, Int(vector.width), Int(vector.height)]
                    // List 0 stands first, and counts alone.
                    guard done.insert(place).inserted, let source = traced[Int(row.reference)] else { continue }
                    if source.origin != own.origin { continue }
                    if Int(row.reference) != latest { far += 1 }
                    let step = SIMD2(Int16(vector.motionX / 4), Int16(vector.motionY / 4))
                    for y in max(0, vector.top)..<min(80, vector.top + Int(vector.height)) {
                        for x in max(0, vector.left)..<min(96, vector.left + Int(vector.width)) {
                            let (u, v) = (x + Int(step.x), y + Int(step.y))
                            guard (0..<96).contains(u), (0..<80).contains(v) else { continue }
                            own.values[y * 96 + x] = source.values[v * 96 + u] &+ step
                        }
                    }
                }
                let found = try #require(frame.accumulated)
                #expect(found.origin == own.origin && found.displacements == own.values, "frame \(record.display)")
                traced[record.display] = own
                if record.isReference { latest = record.display }
            }
            #expect(far > 50)
        }
    }

    @Test("estimated motion accumulates from the first picture on")
    func estimated() throws {
        try withTemporaryFolder { folder in
            let (path, size) = (folder.appending("clip.mp4"), Size(width: 96, height: 80))
            let pictures = try (0..<6).map { time in try Picture.make(size) { x, y in grain(x + 3 * time, y - time) } }
            try encode(pictures, to: path, "qp=8:keyint=3:bframes=2")
            var options = ExtractionOptions()
            options.source = .search
            options.accumulate = true
            var reference = CoViAR(size)
            for frame in try extractAll(path, options) {
                if frame.record.display > 0 { reference.accumulate(frame.rows.map(\.vector)) }
                #expect(frame.accumulated?.origin == 0)
                #expect(frame.accumulated?.displacements == reference.displacements)
            }
            // The centre has come from 15 pixels to the right and 5 above.
            #expect(reference.displacements[40 * 96 + 40] == SIMD2(15, -5))
        }
    }
}

/// The accumulation of CoViAR's `coviar_data_loader.c`, from its description: absolute source positions, per pixel.
private struct CoViAR {
    private let size: Size
    private var source: [SIMD2<Int>]

    init(_ size: Size) {
        self.size = size
        source = (0..<size.width * size.height).map { SIMD2($0 % size.width, $0 / size.width) }
    }

    mutating func accumulate(_ vectors: [MotionVector]) {
        let old = source
        for vector in vectors {
            for dy in 0..<Int(vector.height) {
                for dx in 0..<Int(vector.width) {
                    let x = Int(vector.destinationX) - Int(vector.width) / 2 + dx
                    let y = Int(vector.destinationY) - Int(vector.height) / 2 + dy
                    // C's integer division: towards zero.
                    let u = x + Int(vector.motionX) / Int(vector.motionScale)
                    let v = y + Int(vector.motionY) / Int(vector.motionScale)
                    let columns = 0..<size.width
                    let rows = 0..<size.height
                    guard columns.contains(x), columns.contains(u), rows.contains(y), rows.contains(v) else { continue }
                    source[y * size.width + x] = old[v * size.width + u]
                }
            }
        }
    }

    var displacements: [SIMD2<Int16>] {
        source.enumerated().map { index, place in
            SIMD2(Int16(place.x - index % size.width), Int16(place.y - index / size.width))
        }
    }
}
