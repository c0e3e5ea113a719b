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
