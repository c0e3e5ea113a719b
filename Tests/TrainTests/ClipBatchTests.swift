import Shards
import Storage
import SystemPackage
import TestSupport
import Testing
import Train

/// Arrays of records reach a model as they are stored, and become what the model diffuses by plain arithmetic in float32.
@Suite struct ClipBatchTests {
    private static let size = 32
    private static let frames = 3
    private static let deviations = (0..<18).map { 1 + Double($0) / 16 }
    private static let means = (0..<18).map { Double($0) / 8 - 1 }

    /// Two records with arrays of all values that a type has.
    private static func batch(_ folder: FilePath, _ members: [String]) throws -> Batch {
        try createFolder(folder)
        var random = SplitMix64(seed: 5)
        func noise<Value: FixedWidthInteger & BitwiseCopyable>(_ count: Int, _ range: ClosedRange<Value>) -> [UInt8] {
            let values = (0..<count).map { _ in Value.random(in: range, using: &random) }
            return values.withUnsafeBytes { Array($0) }
        }
        func halves(_ count: Int) -> [UInt8] {
            let values = (0..<count).map { $0 == 0 ? Float16(0) : Float16.random(in: -3...3, using: &random) }
            return values.withUnsafeBytes { Array($0) }
        }
        let (side, cells, changes) = (size, size / 16, frames - 1)
        func array(_ type: String, _ shape: [Int], _ values: (Int) -> [UInt8]) -> [UInt8] {
            TestShards.array(type, shape, values(shape.reduce(1, *)))
        }
        _ = try TestShards(
            in: folder, counts: [2],
            change: { sample, _, _ in
                sample.members = [
                    ("difference.npy", array("<i2", [changes, side, side, 3]) { noise($0, Int16(-255)...255) }),
                    ("first.npy", array("|u1", [side, side, 3]) { noise($0, UInt8(0)...255) }),
                    ("frames.npy", array("|u1", [frames, side, side, 3]) { noise($0, UInt8(0)...255) }),
                    ("latent.npy", array("<f2", [changes, cells, cells, 16]) { halves($0) }),
                    ("mv.npy", array("<i2", [changes, cells, cells, 2]) { noise($0, Int16(-200)...200) }),
                ].filter { members.contains($0.0) }
            })
        var options = LoaderOptions()
        (options.members, options.batchSize, options.shuffle) = (members, 2, false)
        return try #require(try Loader(.folder(folder), options: options).next())
    }

    private static func values<Value: BitwiseCopyable>(_ batch: Batch, _ member: String, _: Value.Type) -> [Value] {
        batch.withArray(member) { bytes, _, _ in Array(bytes.bindMemory(to: Value.self)) }
    }

    /// With motion as tokens where latents shorter than `leastNorm` are left out, else with motion that is diffused.
    private static func codec<Family: VideoDiffusionFamily>(
        _ family: Family.Type, _ run: FilePath, _ device: Device, leastNorm: Double?
    ) throws -> any ClipCodec {
        var options = try DiffusionOptions<Family>(
            preset: .compact, frames: frames, height: size, width: size, unetWidth: 8, multiples: [1])
        options.motionRadius = leastNorm.map { _ in 15 }
        let statistics = JSONValue.object([
            "means": .list(means.map { .number($0) }), "deviations": .list(deviations.map { .number($0) }),
            "radius": .integer(15), "least_norm": leastNorm.map { .number($0) } ?? .null,
        ])
        let folder = try RunFolder(
            making: run,
            .object([
                "model": .text(Family.name), "options": JSONValue(encoding: options), "statistics": statistics,
            ]))
        // The autoencoder that ED-VDM decodes with.
        let shape = try AutoencoderOptions(preset: .compact, height: size, width: size)
        let vae = run.appending("vae")
        _ = try RunFolder(making: vae, .object(["model": .text("vae"), "options": JSONValue(encoding: shape)]))
        try Checkpoint.write(
            run: vae, model: "vae", optimiser: AdamW(ResidualAutoencoder(shape).store), position: LoaderPosition())
        return try Family.codec(of: folder, options, precision: .float32, device: device)
    }

    private static func clean<Family: VideoDiffusionFamily>(
        _ family: Family.Type, on device: Device = .cpu, leastNorm: Double? = nil
    ) throws -> (found: [Float], first: [UInt8], batch: Batch) {
        try withTemporaryFolder { folder in
            let batch = try batch(folder.appending("set"), Family.members)
            let codec = try codec(family, folder.appending("run"), device, leastNorm: leastNorm)
            let (clean, first) = (try codec.clean(batch), try codec.first(batch))
            #expect(clean.device == device && first.device == device && first.type == .uint8)
            return (try clean.floats(), try first.bytes(), batch)
        }
    }

    @Test func framesOfVDM() throws {
        let (found, first, batch) = try Self.clean(VDM.self)
        let pixels = Self.values(batch, "frames.npy", UInt8.self)
        #expect(found == pixels.map { Float($0) * Float(1 / 127.5) + -1 })
        let frame = Self.size * Self.size * 3
        #expect(first == Array(pixels[0..<frame] + pixels[(Self.frames * frame)..<((Self.frames + 1) * frame)]))
    }

    @Test func differencesOfDVDM() throws {
        let (found, first, batch) = try Self.clean(DVDM.self)
        #expect(found == Self.values(batch, "difference.npy", Int16.self).map { Float($0) * Float(1.0 / 255) })
        #expect(first == Self.values(batch, "first.npy", UInt8.self))
    }

    /// Motion in pixels within the radius, then the roots of latents with their signs, less the mean, over the deviation.
    /// With `leastNorm` latents without the root, and zeros for those that are not longer.
    private static func edVDM(_ batch: Batch, leastNorm: Double? = nil) -> [Float] {
        let (motion, latents) = (values(batch, "mv.npy", Int16.self), values(batch, "latent.npy", Float16.self))
        return (0..<motion.count / 2).flatMap { cell in
            let pixels = motion[(2 * cell)..<(2 * cell + 2)].map { min(max(Float($0), -60), 60) * 0.25 }
            let block = latents[(16 * cell)..<(16 * cell + 16)].map { Float($0) }
            let diffused =
                if let leastNorm {
                    block.reduce(0) { $0 + Double($1) * Double($1) } > leastNorm * leastNorm
                        ? block : block.map { _ in 0 }
                } else { block.map { $0 / ($0 * $0 + Float(1e-12)).squareRoot().squareRoot() } }
            return (pixels + diffused).enumerated().map { ($1 - Float(means[$0])) * Float(1 / deviations[$0]) }
        }
    }

    /// Square roots of MKL may be off in the last place.
    @Test func motionAndLatentsOfEDVDM() throws {
        let (found, first, batch) = try Self.clean(EDVDM.self)
        let expected = Self.edVDM(batch)
        #expect(found.count == expected.count && found.count == 2 * 2 * 4 * 18)
        for (index, pair) in zip(found, expected).enumerated() {
            let tolerance: Float = index % 18 < 2 ? 0 : 5e-7
            #expect(abs(pair.0 - pair.1) <= tolerance, "\(index): \(pair)")
        }
        #expect(first == Self.values(batch, "first.npy", UInt8.self))
    }

    @Test func motionFirstOfEDVDM() throws {
        // Sixteen numbers of −3…3 are about 6.9 long.
        let (found, _, batch) = try Self.clean(EDVDM.self, leastNorm: 6.9)
        let expected = Self.edVDM(batch, leastNorm: 6.9)
        #expect(found.count == expected.count)
        #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= 5e-7 })
        let zeros = Self.edVDM(batch, leastNorm: 100)
        #expect(zip(expected, zeros).contains { $0 != $1 })
        #expect(stride(from: 0, to: expected.count, by: 18).contains { expected[$0 + 2] == zeros[$0 + 2] })
    }

    /// A GPU may round a sum once where the processor rounds twice.
    @Test(.requires(.cuda)) func motionAndLatentsOnCUDA() throws {
        let (found, first, batch) = try Self.clean(EDVDM.self, on: .cuda)
        #expect(zip(found, Self.edVDM(batch)).allSatisfy { abs($0 - $1) <= 1e-5 })
        #expect(first == Self.values(batch, "first.npy", UInt8.self))
    }

    /// What is computed from a tensor on a GPU waits for its elements; the next ones travel meanwhile.
    @Test(.requires(.cuda)) func elementsTravelBesideWorkOnCUDA() throws {
        let (rounds, count) = (50, 1 << 20)
        var sums: [Tensor] = []
        for round in 0..<rounds {
            let values = [UInt8](repeating: UInt8(round), count: count)
            let tensor = try Tensor(elements: values, type: .uint8, shape: [count], device: .cuda)
            sums.append(try tensor.to(.float32).mean())
        }
        for (round, sum) in sums.enumerated() { #expect(try sum.item() == Double(round)) }
    }
}
