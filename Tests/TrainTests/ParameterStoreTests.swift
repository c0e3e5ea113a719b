import Dataset
import Shards
import Storage
import SystemPackage
import TestSupport
import Testing
import Train

/// Weights of other programs, and parts that do not learn.
@Suite struct ParameterStoreTests {
    private static let shapes = ["stem.weight": [2, 3], "stem.bias": [2], "head.weight": [1, 2]]

    private static func store(_ precision: Precision = .float32) throws -> ParameterStore {
        let store = ParameterStore(precision: precision, seed: 1)
        for (name, shape) in shapes.sorted(by: { $0.key < $1.key }) {
            let words = name.split(separator: ".").map(String.init)
            _ = try store.root[words[0]].parameter(words[1], shape, .normal(1))
        }
        return store
    }

    private static func write(_ path: FilePath, _ tensors: [(String, ElementType, [Int])]) throws -> SafetensorsFile {
        var writer = try SafetensorsWriter(path: path, entries: tensors.map { ($0.0, $0.1, $0.2) })
        for (name, type, shape) in tensors {
            let bytes = try made(name, shape).to(type).bytes()
            try bytes.withUnsafeBytes { try writer.append($0) }
        }
        try writer.finish()
        return try SafetensorsFile(path)
    }

    private static func values(_ store: ParameterStore, _ name: String) throws -> [Float] {
        try #require(store.parameters.first { $0.name == name }).master.floats()
    }

    /// From two files, in two types, under other names; what the map leaves out is not read.
    @Test(arguments: [Precision.float32, .bfloat16])
    func loadsByAMapOfNames(precision: Precision) throws {
        try withTemporaryFolder { folder in
            let files = try [
                Self.write(folder.appending("a"), [("conv_in.weight", .float32, [2, 3]), ("ids", .int64, [4])]),
                Self.write(
                    folder.appending("b"), [("conv_in.bias", .float16, [2]), ("out.weight", .bfloat16, [1, 2])]),
            ]
            let store = try Self.store(precision)
            try store.load(files) { name in
                name == "ids" ? nil : name.replacing("conv_in", with: "stem").replacing("out", with: "head")
            }
            #expect(try Self.values(store, "stem.weight") == made("conv_in.weight", [2, 3]).floats())
            #expect(try Self.values(store, "stem.bias") == made("conv_in.bias", [2]).to(.float16).to(.float32).floats())
            for parameter in store.parameters {
                #expect(
                    try parameter.tensor.to(.float32).floats()
                        == parameter.master.to(precision.type).to(.float32).floats())
            }
        }
    }

    @Test func namesAllThatDoesNotFit() throws {
        try withTemporaryFolder { folder in
            let file = try Self.write(
                folder.appending("a"), [("stem.weight", .float32, [3, 2]), ("stem.extra", .float32, [1])])
            let store = try Self.store()
            let before = try Self.values(store, "stem.weight")
            let error = try #require(throws: PFrameError.self) { try store.load([file]) }
            #expect(
                error.message.hasSuffix(
                    "missing: head.weight, stem.bias; unexpected: stem.extra; of another shape: stem.weight [3, 2], "
                        + "not [2, 3]"), "\(error)")
            #expect(try Self.values(store, "stem.weight") == before)
            let part = try #require(throws: PFrameError.self) { try store.load([file], into: "head.*") { _ in nil } }
            #expect(part.message.hasSuffix("missing: head.weight"), "\(part)")
        }
    }

    /// What is frozen stays, has no state, and is not in the checkpoint.
    @Test func frozenPartsStay() throws {
        try withTemporaryFolder { folder in
            let store = try Self.store()
            #expect(try store.freeze("*") == 3 && store.unfreeze("stem.*") == 2)
            #expect(store.parameters.filter(\.isFrozen).map(\.name) == ["head.weight"])
            let before = try store.parameters.map { try $0.master.floats() }
            let (x, optimiser) = (try made("x", [4, 3]), try AdamW(store))
            let parts = Dictionary(uniqueKeysWithValues: store.parameters.map { ($0.name, $0.tensor) })
            let hidden = try x.linear(#require(parts["stem.weight"]), parts["stem.bias"])
            try hidden.linear(#require(parts["head.weight"]), nil).squared().mean().backward()
            let gradients = try optimiser.gradients()
            #expect(zip(store.parameters, gradients).allSatisfy { ($1 == nil) == $0.isFrozen })
            #expect(try optimiser.step(gradients, rate: 0.1).item() > 0)
            for (parameter, old) in zip(store.parameters, before) {
                #expect(try (parameter.master.floats() == old) == parameter.isFrozen, "\(parameter.name)")
            }
            try Checkpoint.write(run: folder, model: "toy", optimiser: optimiser, position: LoaderPosition())
            let names = try SafetensorsFile(folder.appending("checkpoint.safetensors")).names
            let learned = ["stem.bias", "stem.weight"]
            #expect(
                Set(names)
                    == Set(
                        learned.flatMap { name in ["weight", "average", "moment1", "moment2"].map { "\($0).\(name)" } })
            )
            let again = try Self.store()
            try again.freeze("head.*")
            try Checkpoint(run: folder, model: "toy").restore(AdamW(again))
            #expect(
                try again.parameters.map { try $0.master.floats() } == store.parameters.map { try $0.master.floats() })
        }
    }
}
