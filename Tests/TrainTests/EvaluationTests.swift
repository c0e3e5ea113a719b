import Codec
import Dataset
import Foundation
import MotionVectors
import Shards
import Storage
import SystemPackage
import TestSupport
import Testing
import Train

@Suite struct EvaluationTests {
    private static let network = ScriptModuleTests.folder.appending("network.pt")

    @Test(
        "frames come out of whichever arrays hold them",
        arguments: [
            ["frames.npy"], ["first.npy", "mv.npy", "residual.npy"], ["difference.npy", "first.npy"],
            ["first.npy", "frames.npy", "mv.npy"],
        ] as [Set<String>])
    func rebuildsFrames(_ members: Set<String>) throws {
        try withTemporaryFolder { folder in
            let set = EvaluationSet.moving(folder.appending("set"))
            try set.write(members)
            let clips = try RealClips(.folder(set.folder), batch: 4)
            #expect((clips.count, clips.frames, clips.size, clips.radius) == (6, 3, set.size, 15))
            var found: [RealClip] = []
            while let batch = try clips.next() { found += batch }
            for (index, clip) in found.enumerated() {
                #expect(clip.row.key == set.key(index) && clip.frames.flatMap(\.pixels) == set.clip(index))
                let vectors = clip.motion.flatMap(\.vectors)
                #expect(
                    vectors == (members.contains("mv.npy") ? [SIMD2(Int16(4 * set.motion(index)), 0)] : [])
                        + (members.contains("mv.npy") ? [SIMD2(Int16(4 * set.motion(index)), 0)] : []))
            }
            #expect(found.count == 6)
        }
    }

    /// Fréchet's distance of rows of two features: the root of a 2×2 product has a trace in closed form.
    private func frechet(_ one: [[Float]], _ other: [[Float]]) -> Double {
        func moments(_ rows: [[Float]]) -> (mean: [Double], covariance: [Double]) {
            let rows = rows.map { $0.map(Double.init) }
            let count = Double(rows.count)
            let mean = (0..<2).map { place in rows.reduce(0) { $0 + $1[place] } / count }
            let covariance = [(0, 0), (0, 1), (1, 0), (1, 1)].map { i, j in
                rows.reduce(0) { $0 + ($1[i] - mean[i]) * ($1[j] - mean[j]) } / (count - 1)
            }
            return (mean, covariance)
        }
        let (a, b) = (moments(one), moments(other))
        let (s, t) = (a.covariance, b.covariance)
        let trace = s[0] * t[0] + s[1] * t[2] + s[2] * t[1] + s[3] * t[3]
        let determinant = max(0, (s[0] * s[3] - s[1] * s[2]) * (t[0] * t[3] - t[1] * t[2]))
        let root = max(0, trace + 2 * determinant.squareRoot()).squareRoot()
        let means = zip(a.mean, b.mean).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        return means + s[0] + s[3] + t[0] + t[3] - 2 * root
    }

    private func decibels(_ made: [UInt8], _ real: [UInt8]) -> Double {
        let area = 16 * 16 * 3
        var sum = 0
        for index in area..<real.count {
            let error = Int(made[index]) - Int(real[index])
            sum += error * error
        }
        let mean = Double(sum) / Double(real.count - area)
        return mean == 0 ? 100 : 10 * log10(255 * 255 / mean)
    }

    @Test("every clip is sampled once, and measured as a plain computation measures it")
    func generation() throws {
        try withTemporaryFolder { folder in
            let set = EvaluationSet.moving(folder.appending("set"))
            let labels = ["a", "b", "a", "b", "a", "c"]
            let subjects = ["x", "x", "y", "y", "x", "y"]
            try set.write(["frames.npy", "mv.npy"], labels: labels, subjects: subjects)
            let model = try EvaluationSet.untrained(folder.appending("run"))
            var options = GenerationEvaluation.Options()
            options.seed = 5
            let sampler = try VideoSampler(model, options: SamplerOptions(kind: .ddim, steps: 2), batchSize: 1)
            (options.labelColumn, options.subjectColumn) = ("label", "subject")
            let networks = try EvaluationNetworks(
                i3d: Self.network, lpips: Self.network, inception: Self.network, clip: nil, clipMerges: nil,
                device: .cpu)
            let evaluation = try GenerationEvaluation(
                sampler, .folder(set.folder), options: options, networks: networks)
            #expect(evaluation.count == 6)
            var done: [Double] = []
            let report = try #require(try evaluation.run(progress: { done.append($0) }))
            #expect(done.last == 6 && done == done.sorted())

            let i3d = try FeatureNetwork.i3d(Self.network)
            var samples: [[UInt8]] = []
            for clip in 0..<6 {
                let first = set.frame(clip, 0)
                let image = RGBImage(width: 16, height: 16, pixels: first)
                let request = SampleRequest(
                    name: "", first: image, caption: "",
                    seed: RandomSeed(5).mixed("evaluate").mixed(set.key(clip)).value)
                let made = try model.generator.generate(
                    [request], options: sampler.options, guidance: 1, progress: { _ in })
                samples.append(made[0].frames.flatMap(\.pixels))
            }
            let real = (0..<6).map { set.clip($0) }
            let copies = (0..<6).map { clip in (0..<3).flatMap { _ in set.frame(clip, 0) } }
            func features(_ clips: [[UInt8]]) throws -> [[Float]] {
                try clips.map { try i3d.features(ofClip: $0.span, size: set.size) }
            }
            let truth = try features(real)
            for (name, made) in [("vdm", samples), ("copy-first", copies)] {
                let row = try #require(report[name])
                let found = try features(made)
                func within(_ groups: [String], _ names: [String]) -> Double {
                    names.reduce(0) { sum, name in
                        let clips = groups.indices.filter { groups[$0] == name }
                        return sum + frechet(clips.map { truth[$0] }, clips.map { found[$0] })
                    } / Double(names.count)
                }
                for (metric, wanted) in [
                    (EvaluationMetric.fvd, frechet(truth, found)), (.fvdByLabel, within(labels, ["a", "b"])),
                    (.fvdBySubject, within(subjects, ["x", "y"])),
                    (.psnr, zip(made, real).reduce(0) { $0 + decibels($1.0, $1.1) } / 6),
                ] {
                    let value = try #require(row.values[metric])
                    #expect(abs(value - wanted) <= 1e-6 * max(1, abs(wanted)), "\(name) \(metric) \(value) \(wanted)")
                }
            }
            let baseline = try #require(report["copy-first"]?.values)
            // Vectors of 0, 2 and 4 pixels where a still picture has none.
            #expect(baseline[.ownEndpoint] == 2 && report["vdm"]?.values[.ownEndpoint] == nil)
            #expect(baseline[.motion] != nil && baseline[.fid] != nil && baseline[.lpips] != nil)
            // The network's answers are no probabilities.
            #expect(baseline[.inceptionScore] == nil && report.notes.contains { $0.contains("no IS") })
            #expect(report.notes.contains("1 values of label have one clip and are skipped: c"))
            #expect(report.notes.contains { $0.hasPrefix("6 clips: ") })
            let json = report.json
            #expect(json["protocol"]?["guidance"] == .number(1) && json["protocol"]?["real_clips"] == .integer(6))
            #expect(json["rows"]?.array?.map { $0["name"]?.string } == ["vdm", "copy-first"])
        }
    }

    @Test("what does not fit is refused before anything is sampled")
    func refuses() throws {
        try withTemporaryFolder { folder in
            let set = EvaluationSet.moving(folder.appending("set"))
            try set.write(["frames.npy"], labels: Array(repeating: "a", count: 6))
            let model = try EvaluationSet.untrained(folder.appending("run"))
            var options = GenerationEvaluation.Options()
            let sampler = try VideoSampler(model, options: SamplerOptions(steps: 1))
            options.subjectColumn = "who"
            let none = EvaluationNetworks()
            let columns = #expect(throws: PFrameError.self) {
                try GenerationEvaluation(sampler, .folder(set.folder), options: options, networks: none).run()
            }
            #expect(columns?.message == "the data set has no column \"who\"; it has label")
            let large = try EvaluationSet.untrained(folder.appending("large"), side: 32)
            let size = #expect(throws: PFrameError.self) {
                try GenerationEvaluation(VideoSampler(large), .folder(set.folder), options: options, networks: none)
            }
            #expect(size?.message.contains("build the set with 3 frames of 32x32") == true)
            let bare = EvaluationSet.moving(folder.appending("bare"))
            try bare.write(["first.npy", "mv.npy"])
            let frames = #expect(throws: PFrameError.self) { try RealClips(.folder(bare.folder), batch: 1) }
            #expect(frames?.message.contains("hold first.npy, mv.npy, which give no frames") == true)
        }
    }

    @Test("residual coding: what a coder holds is rebuilt, and the vae begins as the components")
    func reconstruction() throws {
        try withTemporaryFolder { folder in
            let set = EvaluationSet.brightening(folder.appending("set"))
            try set.write(["first.npy", "mv.npy", "residual.npy"])
            var fit = PrincipalComponents.Fit()
            for clip in 0..<4 {
                let noise = set.frame(clip, 0).map { Int16($0) - 120 }
                noise.withUnsafeBufferPointer { fit.add($0, width: 32, height: 32) }
            }
            let components = try #require(try fit.components())
            let options = try AutoencoderOptions(preset: .compact, height: 32, width: 32)
            let model = try ResidualAutoencoder(options)
            try model.begin(with: components)
            let evaluation = try ReconstructionEvaluation(
                model, size: set.size, components: components, .folder(set.folder),
                options: ReconstructionEvaluation.Options())
            let report = try #require(try evaluation.run())
            func psnr(_ name: String, _ loop: CodingLoop? = nil) throws -> Double {
                try #require(report[name, loop]?.values[.psnr])
            }
            // Errors of 2 and 4 in the second and the third frame.
            let still = 10 * log10(255 * 255 / 10.0)
            #expect(try abs(psnr("copy-first") - still) < 1e-9 && abs(psnr("motion", .open) - still) < 1e-9)
            #expect(report["copy-first"]?.values[.lastPSNR].map { abs($0 - 20 * log10(255 / 4.0)) < 1e-9 } == true)
            // A block of one value is one coefficient.
            #expect(try psnr("dct", .open) == 100)
            for loop in CodingLoop.allCases { #expect(try abs(psnr("vae", loop) - psnr("pca", loop)) < 0.3) }
            let names = ["copy-first", "motion", "motion", "dct", "dct", "pca", "pca", "vae", "vae"]
            #expect(report.rows.map(\.name) == names && report.metrics == [.psnr, .ssim, .lastPSNR, .lastSSIM])
            let without = try ReconstructionEvaluation(
                model, size: set.size, components: nil, .folder(set.folder), options: ReconstructionEvaluation.Options()
            ).run()
            #expect(without?["pca", .open] == nil && without?.notes.first?.contains("no row pca") == true)
        }
    }

    @Test("components are read as they were written")
    func components() throws {
        try withTemporaryFolder { folder in
            #expect(try PrincipalComponents(run: folder) == nil)
            var random = SplitMix64(seed: 4)
            let vectors = (0..<(2 * 768)).map { _ in Float(Int(random.next() >> 40)) / 1000 }
            let basis = PrincipalComponents(vectors: vectors, variances: [3.5, 0.1], deviation: 7.25)
            try basis.write(run: folder)
            #expect(try PrincipalComponents(run: folder) == basis)
            let path = folder.appending("components.safetensors")
            try put(Array(contents(of: path).dropLast()), at: path)
            #expect(throws: PFrameError.self) { try PrincipalComponents(run: folder) }
        }
    }

    @Test("captions are scored by the cosine with the mean of the frames' directions", arguments: [1, 2, 9])
    func captionScores(_ frames: Int) throws {
        try withTemporaryFolder { folder in
            let set = EvaluationSet.moving(folder.appending("set"))
            try set.write(["frames.npy"], labels: ["a", "a", nil, "a", "a", "a"])
            let model = try SmallCLIP(folder).model
            let scores = try CLIPCaptionScores(DatasetFolder(set.folder), model: model, frames: frames)
            let summary = try #require(try scores.run())
            #expect((summary.scored, summary.undefined) == (5, 1))
            let rows = try DatasetFolder(set.folder).rows(DatasetFolder(set.folder).description().shards[0])
            let text = String(
                decoding: try contents(of: set.folder.appending("clips-000000.caption_clip.jsonl")), as: UTF8.self)
            for (index, line) in text.split(separator: "\n").enumerated() {
                let value = try JSONValue(Array(line.utf8), path: nil)
                #expect(value["key"]?.string == set.key(index))
                guard index != 2 else {
                    #expect(value["caption_clip"] == .null)
                    continue
                }
                let caption = try model.features(of: rows[index].columns.caption).map(Double.init)
                var mean = [Double](repeating: 0, count: caption.count)
                for time in [[], [1], [0, 2], [0, 1, 2]][min(frames, 3)] {
                    let image = RGBImage(width: 16, height: 16, pixels: set.frame(index, time))
                    let row = try model.features(of: [image]).map(Double.init)
                    let length = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
                    for place in mean.indices { mean[place] += row[place] / length }
                }
                let product = zip(mean, caption).reduce(0) { $0 + $1.0 * $1.1 }
                let lengths = [mean, caption].map { $0.reduce(0) { $0 + $1 * $1 }.squareRoot() }
                let score = try #require(value["caption_clip"]?.double)
                #expect(abs(score - product / (lengths[0] * lengths[1])) < 1e-5)
            }
            #expect(try DatasetIndex(DatasetFolder(set.folder)).count(where: "caption_clip IS NOT NULL") == 5)
        }
    }
}
