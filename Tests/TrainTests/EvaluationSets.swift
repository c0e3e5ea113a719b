import Codec
import Dataset
import Shards
import Storage
import SystemPackage
import TestSupport
import Train

/// Small data sets and models for the evaluation's tests, made without the code under test.
struct EvaluationSet {
    let folder: FilePath
    let size: Size
    let frames: Int
    let count: Int
    /// Value of a pixel by clip, frame, x, y and channel.
    let pixel: (Int, Int, Int, Int, Int) -> Int
    /// Whole pixels to the right by clip.
    let motion: (Int) -> Int

    static let all: Set = ["frames.npy", "first.npy", "mv.npy", "residual.npy", "difference.npy"]

    /// A frame of a clip, uint8 `(H, W, 3)`.
    func frame(_ clip: Int, _ time: Int) -> [UInt8] {
        (0..<size.height).flatMap { y in
            (0..<size.width).flatMap { x in (0..<3).map { UInt8(pixel(clip, time, x, y, $0)) } }
        }
    }

    /// All frames of a clip.
    func clip(_ clip: Int) -> [UInt8] { (0..<frames).flatMap { frame(clip, $0) } }

    /// What a frame leaves where it is predicted from the one before, moved to the right.
    private func change(_ clip: Int, _ time: Int, by shift: Int) -> [Int16] {
        (0..<size.height).flatMap { y in
            (0..<size.width).flatMap { x in
                (0..<3).map { c in
                    let source = min(max(x + shift, 0), size.width - 1)
                    return Int16(pixel(clip, time, x, y, c) - pixel(clip, time - 1, source, y, c))
                }
            }
        }
    }

    /// Writes the set; labels and subjects by clip, nil for no caption either.
    func write(_ members: Set<String>, labels: [String?] = [], subjects: [String] = []) throws {
        try createFolder(folder)
        func bytes(_ values: [Int16]) -> [UInt8] { values.withUnsafeBytes { Array($0) } }
        let (height, width, fields) = (size.height, size.width, frames - 1)
        let shards = try TestShards(
            in: folder, counts: [count],
            change: { sample, _, index in
                let moved = (1..<frames).flatMap { change(index, $0, by: motion(index)) }
                let still = (1..<frames).flatMap { change(index, $0, by: 0) }
                let cells = [Int16](repeating: 0, count: fields * (height / 16) * (width / 16) * 2)
                let mv = cells.indices.map { $0 % 2 == 0 ? Int16(4 * motion(index)) : 0 }
                let all = [
                    ("difference.npy", TestShards.array("<i2", [fields, height, width, 3], bytes(still))),
                    ("first.npy", TestShards.array("|u1", [height, width, 3], frame(index, 0))),
                    ("frames.npy", TestShards.array("|u1", [frames, height, width, 3], clip(index))),
                    ("mv.npy", TestShards.array("<i2", [fields, height / 16, width / 16, 2], bytes(mv))),
                    ("residual.npy", TestShards.array("<i2", [fields, height, width, 3], bytes(moved))),
                ]
                sample.members = all.filter { members.contains($0.0) }
            })
        guard !labels.isEmpty else { return }
        let lines = String(decoding: try contents(of: shards.rows(0)), as: UTF8.self).split(separator: "\n")
        let text = try lines.enumerated().map { index, line in
            let row = try JSONValue(Array(line.utf8), path: nil)
            var members = row.members ?? [:]
            var metadata: [String: JSONValue] = [:]
            if index < subjects.count { metadata["subject"] = .text(subjects[index]) }
            if let label = labels[index] { metadata["label"] = .text(label) } else { members["caption"] = .text("") }
            members["metadata"] = .object(metadata)
            return JSONValue.object(members).json() + "\n"
        }
        try put(Array(text.joined().utf8), at: shards.rows(0))
    }

    /// The key of a clip.
    func key(_ clip: Int) -> String { "000000_000\(clip)" }

    /// Textures that move, 16×16.
    static func moving(_ folder: FilePath, count: Int = 6) -> EvaluationSet {
        EvaluationSet(
            folder: folder, size: Size(width: 16, height: 16), frames: 3, count: count,
            pixel: { clip, time, x, y, c in clouds(4 * x + 40 * clip - 8 * time * (clip % 3), 4 * y + 90 * c) },
            motion: { -2 * ($0 % 3) })
    }

    /// Textures that grow brighter by 2 a frame, 32×32.
    static func brightening(_ folder: FilePath) -> EvaluationSet {
        EvaluationSet(
            folder: folder, size: Size(width: 32, height: 32), frames: 3, count: 4,
            pixel: { clip, time, x, y, c in 60 + clouds(4 * x + 200 * clip, 4 * y + 90 * c) / 2 + 2 * time },
            motion: { _ in 0 })
    }

    /// A run of VDM that was never trained.
    static func untrained(_ run: FilePath, side: Int = 16) throws -> TrainedModel {
        var options = try DiffusionOptions<VDM>(
            preset: .compact, frames: 3, height: side, width: side, unetWidth: 8, multiples: [1])
        options.text = .none
        let model = try VideoDiffusion(options, textEntries: 0, seed: 3)
        _ = try RunFolder(
            making: run, .object(["model": .text("vdm"), "options": JSONValue(encoding: options)]))
        try Checkpoint.write(run: run, model: "vdm", optimiser: AdamW(model.store), position: LoaderPosition())
        return try TrainedModel(run: run)
    }
}
