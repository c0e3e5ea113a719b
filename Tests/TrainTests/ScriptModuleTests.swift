import Dataset
import Storage
import SystemPackage
import TestSupport
import Testing
import Train

/// TorchScript archives, against what PyTorch computes with the same (`Tests/Peers/clip_expected.py`).
@Suite struct ScriptModuleTests {
    static let folder = FilePath(#filePath).removingLastComponent().appending("../../fixtures/train/script")

    static func expected(_ name: String) throws -> [Float] {
        let json = try JSONValue(contents(of: folder.appending("expected.json")), path: folder)
        return try #require(json[name]?.array).map { Float(try #require($0.double)) }
    }

    /// The six frames of 20×12 that the script made, uint8 `(6, 12, 20, 3)`.
    static func frames() -> [UInt8] {
        (0..<6).flatMap { number in
            (0..<12).flatMap { y in
                (0..<20).flatMap { x in
                    (0..<3).map { c in
                        let value = x * (3 + c) + y * (5 - c) + 40 * number + (x * y * 7 + 13 * c) % 31
                        return UInt8((x + number * 5) % 24 < 12 ? value % 256 : 255 - value % 200)
                    }
                }
            }
        }
    }

    static func isNear(_ one: [Float], _ other: [Float], _ tolerance: Float) -> Bool {
        one.count == other.count && zip(one, other).allSatisfy { abs($0 - $1) <= tolerance * max(1, abs($1)) }
    }

    private static func images() throws -> Tensor {
        try Tensor(frames().map(Float.init), shape: [6, 12, 20, 3]).permuted([0, 3, 1, 2]).contiguous()
    }

    @Test func runsWithFlagsByName() throws {
        let module = try ScriptModule(Self.folder.appending("network.pt"))
        for name in ["x", "rescale", "return_lpips"] { #expect(module.takes(name)) }
        #expect(!module.takes("rescales") && !module.takes(""))
        let plain = try module([Self.images()])
        #expect(plain.shape == [6, 2])
        #expect(Self.isNear(try plain.floats(), try Self.expected("plain"), 1e-5))
        let flagged = try module([Self.images()], flags: ["rescale": false, "return_features": true])
        #expect(Self.isNear(try flagged.floats(), try Self.expected("flags"), 1e-5))
    }

    @Test func takesTheFirstOfATuple() throws {
        let module = try ScriptModule(Self.folder.appending("tuple.pt"))
        let sums = try module([Self.images()])
        #expect(sums.shape == [6, 1])
        #expect(Self.isNear(try sums.floats(), try Self.expected("sums"), 1e-6))
    }

    @Test func givesItsParameters() throws {
        let parameters = try ScriptModule(Self.folder.appending("network.pt")).parameters()
        #expect(Array(parameters.keys) == ["weight"])
        let weight = try #require(parameters["weight"])
        #expect(weight.shape == [2, 3] && weight.type == .float32 && !weight.requiresGradient)
        #expect(try weight.floats() == [1, -2, 0.5, 0.25, 3, -1])
    }

    /// The program of CLIP's archive names a device that need not be there.
    @Test func readsAProgramThatCannotRunHere() throws {
        let module = try ScriptModule(Self.folder.appending("../clip/openai.pt"))
        let parameters = try module.parameters()
        #expect(parameters["visual.proj"]?.shape == [64, 24] && parameters["visual.proj"]?.type == .float16)
        #expect(try parameters["context_length"]?.item() == 77)
        #expect(parameters.values.allSatisfy { $0.device == .cpu })
    }

    @Test func saysWhatWasWrongWithACall() throws {
        let path = Self.folder.appending("network.pt")
        let module = try ScriptModule(path)
        for (inputs, flags, message) in [
            ([try Self.images()], ["colour": true], "colour"), ([], [:], "x"),
            ([try Tensor([1, 2] as [Float])], [:], "running it on [2]"),
        ] {
            let error = try #require(throws: PFrameError.self) { try module(inputs, flags: flags) }
            #expect(error.path == path && error.message.contains(message), "\(error)")
        }
    }

    @Test func refusesOtherFiles() throws {
        for (name, message) in [
            ("none.pt", "cannot read: No such file or directory"),
            ("saved.pt", "is not a TorchScript archive (torch.jit.save); a .pt of torch.save holds no program"),
            ("expected.json", "is not a TorchScript archive"), ("", "is not a file"),
        ] {
            let path = name.isEmpty ? Self.folder : Self.folder.appending(name)
            let error = try #require(throws: PFrameError.self) { try ScriptModule(path) }
            #expect(error.path == path && error.message.contains(message), "\(error)")
        }
    }

    @Test(arguments: [0, 3, 4, 30, 1000, -1]) func refusesATruncatedArchive(_ length: Int) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("network.pt")
            let bytes = try contents(of: Self.folder.appending("network.pt"))
            try put(Array(length < 0 ? bytes.dropLast(-length) : bytes.prefix(length)), at: path)
            let error = try #require(throws: PFrameError.self) { try ScriptModule(path) }
            let message = (0..<4).contains(length) ? "is not a TorchScript archive" : "is cut short or damaged"
            #expect(error.path == path && error.message.contains(message), "\(error)")
        }
    }
}
