import Foundation
import Storage
import SystemPackage
import TestSupport
import Testing
import Train

/// A file of `fixtures/train` that `Tests/Peers/torch_expected.py` wrote: results by name, as `case/what`.
struct ExpectedValues {
    let file: SafetensorsFile

    init(_ name: String) throws {
        let folder = FilePath(#filePath).removingLastComponent().appending("../../fixtures/train")
        file = try SafetensorsFile(folder.appending("\(name).safetensors"))
    }

    /// What a script wrote elsewhere.
    init(path: FilePath) throws { file = try SafetensorsFile(path) }

    /// What the file holds results of.
    var cases: Set<String> { Set(file.names.compactMap { $0.split(separator: "/").first.map(String.init) }) }

    /// What the file says of one case, without the case.
    func names(of trial: String) -> Set<String> {
        Set(file.names.filter { $0.hasPrefix(trial + "/") }.map { String($0.dropFirst(trial.count + 1)) })
    }

    /// The elements of a float32 tensor in C order.
    func values(_ name: String) throws -> [Float] {
        try file.withBytes(of: name) { bytes in
            (0..<bytes.count / 4).map {
                Float(bitPattern: bytes.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self).littleEndian)
            }
        }
    }

    /// Expects a tensor of the same shape, and elements within `tolerance · max(1, |expected|)`.
    func expect(
        _ name: String, _ found: Tensor, within tolerance: Float = 1e-4,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        #expect(file[name]?.shape == found.shape, "\(name)", sourceLocation: sourceLocation)
        expectClose(
            try found.floats(), try values(name), within: tolerance, name, sourceLocation: sourceLocation)
    }
}

/// Expects elements within `tolerance · max(1, |expected|)`, and numbers that are not finite where they are expected.
func expectClose(
    _ found: [Float], _ expected: [Float], within tolerance: Float, _ what: String,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(found.count == expected.count, "\(what)", sourceLocation: sourceLocation)
    var (worst, place) = (Float(0), 0)
    for (index, (one, other)) in zip(found, expected).enumerated() {
        var difference = abs(one - other) / Swift.max(1, abs(other))
        if !other.isFinite { difference = one.isFinite ? .infinity : 0 }
        if difference.isNaN { difference = .infinity }
        if difference > worst { (worst, place) = (difference, index) }
    }
    #expect(
        worst <= tolerance,
        "\(what): \(found.isEmpty ? 0 : found[place]) at \(place), expected \(expected.isEmpty ? 0 : expected[place])",
        sourceLocation: sourceLocation)
}

/// `scale · k / 32768 + offset` with whole k of −32768..<32768 that depend on the name: `values` of the script.
func madeValues(_ name: String, _ count: Int, _ scale: Double = 1, _ offset: Double = 0) -> [Float] {
    let seed: UInt64 = name.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    var random = SplitMix64(seed: seed)
    return (0..<count).map { _ in Float(Double(Int(random.next() >> 48) - 32768) / 32768 * scale + offset) }
}

/// A tensor of ``madeValues(_:_:_:_:)``.
func made(_ name: String, _ shape: [Int], _ scale: Double = 1, _ offset: Double = 0) throws -> Tensor {
    try Tensor(madeValues(name, shape.reduce(1, *), scale, offset), shape: shape)
}

/// The values that the script gives a parameter, by its name and shape.
func madeParameter(_ name: String, _ shape: [Int]) throws -> Tensor {
    if shape.count == 1, name.hasSuffix("weight") { return try made(name, shape, 0.5, 1) }
    if shape.count == 1 || name.hasSuffix("table") { return try made(name, shape, 0.5) }
    return try made(name, shape, (3 / Double(shape.dropFirst().reduce(1, *))).squareRoot())
}

/// Gives every parameter of a store the values that the script gives it in a case.
func fill(_ store: ParameterStore, for trial: String) throws {
    for parameter in store.parameters {
        let values = try madeParameter("\(trial)/\(parameter.name)", parameter.master.shape)
        try withoutGradients { () throws(PFrameError) in try parameter.master.set(values) }
    }
    try store.mastersChanged()
}

/// One case of the script: inputs and parameters made again, results compared.
final class Trial {
    let name: String
    let store = ParameterStore()
    private(set) var inputs: [(name: String, tensor: Tensor)] = []

    init(_ name: String) { self.name = name }

    var scope: ParameterScope { store.root }

    /// A layer with the values of the case.
    func filled<Layer>(_ layer: Layer) throws -> Layer {
        try fill(store, for: name)
        return layer
    }

    /// An input whose gradient is compared.
    func input(_ key: String, _ shape: [Int], _ scale: Double = 1, _ offset: Double = 0) throws -> Tensor {
        let tensor = try made("\(name)/\(key)", shape, scale, offset)
        try tensor.requireGradient()
        inputs.append((key, tensor))
        return tensor
    }

    /// Compares the output, and the gradients of all inputs and parameters.
    func expect(_ output: Tensor, in expected: ExpectedValues) throws {
        try expected.expect("\(name)/output", output)
        try (output * made("\(name)/weights", output.shape)).sum().backward()
        let leaves = inputs + store.parameters.map { ($0.name, $0.tensor) }
        for (key, leaf) in leaves {
            try expected.expect("\(name)/gradient.\(key)", #require(try leaf.gradient()))
        }
        #expect(Set(leaves.map { "gradient.\($0.0)" } + ["output"]) == expected.names(of: name))
    }
}

/// A name of the script, and how to compute its output.
struct TrialCase: CustomTestStringConvertible, Sendable {
    let name: String
    let run: @Sendable (Trial) throws -> Tensor

    init(_ name: String, _ run: @escaping @Sendable (Trial) throws -> Tensor) { (self.name, self.run) = (name, run) }

    var testDescription: String { name }

    func check(in file: String) throws {
        let trial = Trial(name)
        try trial.expect(run(trial), in: ExpectedValues(file))
    }
}

/// What a JSON file of `fixtures/train` holds.
func decodedFixture<Value: Decodable>(_ name: String) throws -> Value {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../fixtures/train")
    return try JSONDecoder().decode(Value.self, from: Data(contentsOf: folder.appending(path: name)))
}
