import Foundation
import TestSupport
import Testing

/// `pframe check` of the run of a model.
@Suite(.requires(.libtorch)) struct RunCheckTests {
    /// A copy of a run, changed; what `check` says of it.
    private func check(
        _ run: String, _ scratch: Scratch, _ change: (String) throws -> Void
    ) throws -> (status: Int32, findings: [JSON], result: JSON) {
        let copy = scratch.path(UUID().uuidString)
        try FileManager.default.copyItem(atPath: run, toPath: copy)
        try change(copy)
        let outcome = try Programs.pframe("check", copy, "--json")
        let objects: [JSON] = try decodeLines(outcome.output)
        let result = try #require(objects.last, "\(outcome.errors)")
        #expect(result["findings"].int == objects.count - 1)
        return (outcome.status, objects.dropLast(), result)
    }

    @Test func saysWhatAWholeRunIs() throws {
        let (models, scratch) = (try SampleModels.ready(), try Scratch())
        for (run, kind) in [
            (models.autoencoder, "vae"), (models.edVDM, "ed-vdm"), (models.dVDM, "d-vdm"), (models.vdm, "vdm"),
        ] {
            let outcome = try Programs.pframe("check", run)
            #expect(outcome.status == 0, "\(outcome.output)")
            #expect(
                outcome.output.contains("a run of \(kind), step 2 of 2: all is well") && outcome.errors.isEmpty,
                "\(outcome.output)\(outcome.errors)")
            let found = try check(run, scratch) { _ in }
            let size = try Data(contentsOf: URL(filePath: "\(run)/checkpoint.safetensors")).count
            #expect(found.status == 0 && found.findings.isEmpty)
            #expect(found.result["bytes"].int == size && found.result["metrics"] == 2)
        }
        // A data set is checked as before.
        let set = try Programs.pframe("check", models.clips)
        #expect(set.status == 0 && set.output.contains("shard"), "\(set.output)")
    }

    /// Damage of each kind is found, in the file where it is, with what to do.
    @Test func findsDamage() throws {
        let (models, scratch) = (try SampleModels.ready(), try Scratch())
        func edit(_ path: String, _ change: (inout Data) -> Void) throws {
            var data = try Data(contentsOf: URL(filePath: path))
            change(&data)
            try data.write(to: URL(filePath: path))
        }
        let nan = withUnsafeBytes(of: Float.nan) { Data($0) }
        let changes: [(file: String, remedy: String, change: (String) throws -> Void)] = [
            ("config.json", "config.json", { try edit($0) { $0.removeLast(20) } }),
            ("checkpoint.safetensors", "restore a copy", { try edit($0) { $0.removeLast(1000) } }),
            (
                "checkpoint.safetensors", "NaN",
                { try edit($0) { $0.replaceSubrange(($0.count - 4)..<$0.count, with: nan) } }
            ),
            ("checkpoint.safetensors", "no checkpoint", { try FileManager.default.removeItem(atPath: $0) }),
            ("metrics.jsonl", "line 2", { try edit($0) { $0[$0.count - 3] = UInt8(ascii: "{") } }),
            ("metrics.jsonl", "ends at step 0", { try FileManager.default.removeItem(atPath: $0) }),
            ("samples/0000002.png", "not a complete PNG", { try Data("PNG".utf8).write(to: URL(filePath: $0)) }),
            ("vae/checkpoint.safetensors", "pframe train vae", { try FileManager.default.removeItem(atPath: $0) }),
        ]
        for (file, remedy, change) in changes {
            let found = try check(models.edVDM, scratch) { try change("\($0)/\(file)") }
            #expect(found.status == 1 && found.findings.count == 1, "\(file): \(found)")
            let text = found.findings.compactMap { $0["message"].string }.joined()
            let place = found.findings.compactMap { $0["file"].string }.joined()
            #expect((text + place).contains(remedy), "\(file): \(place): \(text)")
            #expect(remedy == "no checkpoint" || place.hasSuffix(file), "\(file): \(place)")
        }
    }
}
