import Codec
import MotionVectors
import Storage
import Testing
import Train

/// ED-VDM that draws motion first; `PythonPackageTests` compares its networks, losses and samples with PyTorch.
@Suite struct MotionFirstTests {
    private static func model(frames: Int = 4) throws -> MotionFirst {
        var options = try DiffusionOptions<EDVDM>(
            preset: .compact, frames: frames, height: 64, width: 64, unetWidth: 16, multiples: [1, 2])
        (options.text, options.motionRadius) = (.none, 5)
        return try MotionFirst(options, textEntries: 0)
    }

    /// Two clips of 3 changes on 4×4 blocks: in each one block moves by a vector of its own, and has a residual.
    private static func clips() throws -> (clean: Tensor, first: Tensor, vectors: [Float]) {
        var (values, pixels): ([Float], [UInt8]) = ([], [])
        for clip in 0..<2 {
            for frame in 0..<3 {
                for block in 0..<16 {
                    let moves = block == 5 + 4 * clip + frame
                    values += moves ? [clip == 0 ? 4 : -3, clip == 0 ? 0 : 2] : [0, 0]
                    values += (0..<16).map { moves ? Float($0 % 3) - 1 : 0 }
                }
            }
            pixels += (0..<64 * 64 * 3).map { UInt8(truncatingIfNeeded: clip == 0 ? $0 / 7 : 255 - $0 / 5) }
        }
        let vectors = stride(from: 0, to: values.count, by: 18).flatMap { values[$0..<$0 + 2] }
        return (
            try Tensor(values, shape: [6, 4, 4, 18]),
            try Tensor(elements: pixels, type: .uint8, shape: [2, 64, 64, 3]), vectors
        )
    }

    private static let seeds = [RandomSeed(5), RandomSeed(6)]

    /// A short training draws the very vectors of a tiny set, and residuals in those blocks alone.
    @Test func learnsVectorsExactly() throws {
        let (model, clips) = (try Self.model(), try Self.clips())
        let optimiser = try AdamW(model.store)
        for step in 0..<120 {
            let seeds = (0..<2).map { RandomSeed(7).mixed(step).mixed($0) }
            let loss = try model.loss(clean: clips.clean, first: clips.first, captions: nil, seeds: seeds).loss
            try loss.backward()
            _ = try optimiser.step(optimiser.gradients(), rate: 3e-3, loss: loss)
        }
        let sampled = try model.sample(
            first: clips.first, captions: nil, seeds: Self.seeds, options: SamplerOptions(steps: 8), guidance: 1)
        #expect(try sampled.sliced(0..<2, along: 3).contiguous().floats() == clips.vectors)
        let moves = stride(from: 0, to: clips.vectors.count, by: 2).map { clips.vectors[$0] != 0 }
        let lengths = try sampled.sliced(2..<18, along: 3).squared().sum([3]).floats()
        #expect(lengths.map { $0 > 0 } == moves)
        #expect(moves.count { $0 } == 6)
    }

    /// The loss of two clips is the mean of the loss of each, so that ranks add up.
    @Test func lossesAddUp() throws {
        let (model, clips) = (try Self.model(), try Self.clips())
        func losses(_ range: Range<Int>) throws -> [Double] {
            let loss = try model.loss(
                clean: clips.clean.sliced(range.lowerBound * 3..<range.upperBound * 3, along: 0),
                first: clips.first.sliced(range, along: 0), captions: nil, seeds: Array(Self.seeds[range]))
            return try ([loss.loss] + loss.metrics).map { try $0.item() }
        }
        let (both, one, other) = (try losses(0..<2), try losses(0..<1), try losses(1..<2))
        for index in 0..<3 { #expect(abs(both[index] - (one[index] + other[index]) / 2) < 1e-4) }
        #expect(abs(both[0] - both[1] - both[2]) < 1e-4 && both.allSatisfy { $0 > 0 })
    }

    /// The first frame followed through all vectors, against frame after frame by `WholePixelCompensation`.
    @Test func followsTheFirstFrame() throws {
        let size = Size(width: 48, height: 32)
        var (motion, pixels, expected): ([Float], [UInt8], [UInt8]) = ([], [], [])
        for clip in 0..<2 {
            let bytes = madeValues("pixels \(clip)", 48 * 32 * 3, 127.5, 127.5).map { UInt8($0) }
            pixels += bytes
            var frame = RGBImage(width: 48, height: 32, pixels: bytes)
            for time in 0..<3 {
                var field = MotionField(size: size, cellSize: 16)
                let drawn = madeValues("motion \(clip) \(time)", 12, 20).map { $0.rounded() }
                for cell in 0..<6 {
                    field.vectors[cell] = SIMD2(Int16(drawn[2 * cell]) * 4, Int16(drawn[2 * cell + 1]) * 4)
                    field.mask[cell] = 1
                }
                motion += drawn.map { Float($0) }
                frame = WholePixelCompensation.predict(from: frame, field)
                expected += frame.pixels
            }
        }
        let first = try Tensor(elements: pixels, type: .uint8, shape: [2, 32, 48, 3])
        let followed = try FollowedFrames.of(first, motion: Tensor(motion, shape: [6, 2, 3, 2]))
        #expect(followed.shape == [6, 32, 48, 3])
        #expect(try followed.bytes() == expected)
    }

    /// A training step uploads its draws once, and no step of sampling waits for a device.
    @Test func neverWaits() throws {
        let (model, clips) = (try Self.model(), try Self.clips())
        let optimiser = try AdamW(model.store)
        let before = HostCopies.now
        let loss = try model.loss(clean: clips.clean, first: clips.first, captions: nil, seeds: Self.seeds).loss
        try loss.backward()
        _ = try optimiser.step(optimiser.gradients(), rate: 1e-3, loss: loss)
        #expect(HostCopies.now - before == HostCopies(waits: 0, uploads: 1, readings: 0))
        var counts: [HostCopies] = []
        _ = try model.sample(
            first: clips.first, captions: nil, seeds: Self.seeds, options: SamplerOptions(steps: 6, residualSteps: 3),
            guidance: 1
        ) { _ in counts.append(.now) }
        #expect(counts.count == 6)
        for (before, after) in zip(counts, counts.dropFirst()) {
            #expect(after - before == HostCopies(waits: 0, uploads: 0, readings: 0))
        }
    }

    /// In bfloat16 the loss is that of float32 within its precision.
    @Test func trainsInBFloat16() throws {
        let clips = try Self.clips()
        let options = try Self.model().options
        func loss(_ precision: Precision) throws -> Double {
            try MotionFirst(options, textEntries: 0, precision: precision).loss(
                clean: clips.clean, first: clips.first, captions: nil, seeds: Self.seeds
            ).loss.item()
        }
        let (low, full) = (try loss(.bfloat16), try loss(.float32))
        #expect(abs(low - full) <= 0.02 * full)
    }

    @Test func refusesWhatDoesNotFit() throws {
        let model = try Self.model()
        #expect(throws: PFrameError.self) { try model.check(SamplerOptions(temperature: 0)) }
        var options = model.options
        options.motionRadius = nil
        #expect(throws: PFrameError.self) { try MotionFirst(options, textEntries: 0) }
        let together = try VideoDiffusion(options, textEntries: 0)
        let error = #expect(throws: PFrameError.self) { try together.check(SamplerOptions(temperature: 0.5)) }
        #expect(error?.message.contains("comes first") == true)
    }
}

extension MotionFirst {
    /// The loss of clips.
    fileprivate func loss(
        clean: Tensor, first: Tensor, captions: CaptionTokens?, seeds: [RandomSeed]
    ) throws -> BatchLoss {
        try batchLoss(inputs(clean: clean, first: first, captions: captions, seeds: seeds))
    }
}
