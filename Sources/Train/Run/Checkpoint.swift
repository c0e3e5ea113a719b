import Dataset
public import Shards
public import Storage
public import SystemPackage

/// `checkpoint.safetensors` of a run: everything that resuming at a step needs. It is replaced as a whole: a killed run
/// leaves the last checkpoint or the previous one, never half a checkpoint.
///
/// Float32 tensors: `weight.NAME`, `average.NAME` (the moving average, which is what sampling uses), `moment1.NAME`,
/// `moment2.NAME` of every parameter that is not frozen; metadata: `model`, `step`, `epoch`, `samples` (where the loader stands). All random numbers follow
/// from seed, epoch and position, so there is no state of a generator.
public struct Checkpoint {
    /// The file's name in the run's folder.
    public static let fileName = "checkpoint.safetensors"

    /// Steps taken.
    public let step: Int
    /// Where the loader stood.
    public let position: LoaderPosition
    private let file: SafetensorsFile

    /// Opens the checkpoint of a run.
    ///
    /// - Throws: `PFrameError` if there is none, it is damaged, or of another model.
    public init(run: FilePath, model name: String) throws(PFrameError) {
        let path = run.appending(Self.fileName)
        guard fileSize(path) != nil else {
            throw PFrameError(.missing, path: path, "the run has no checkpoint yet: train it for longer")
        }
        file = try SafetensorsFile(path)
        let model = file.metadata["model"] ?? "nothing that PFrame knows"
        guard model == name else { throw PFrameError(.conflict, path: path, "holds the model \(model), not \(name)") }
        guard let step = file.metadata["step"].flatMap({ Int($0) }),
            let epoch = file.metadata["epoch"].flatMap({ Int($0) }),
            let samples = file.metadata["samples"].flatMap({ Int($0) })
        else { throw PFrameError(.damaged, path: path, "says no step: it is not a checkpoint of a run") }
        self.step = step
        position = LoaderPosition(epoch: epoch, samples: samples)
    }

    /// The SHA-256 of the file, hexadecimal.
    public func digest() throws(PFrameError) -> String { try file.digest() }

    /// Copies the moving average into the parameters of a model: what sampling uses.
    ///
    /// - Parameters:
    ///   - model: what the parameters are of, for messages.
    ///   - store: takes the parameters.
    /// - Throws: `PFrameError` naming the first tensor that is missing, has another shape, or holds NaN.
    public func restoreAverage(
        _ store: ParameterStore, of model: String = "the model of config.json"
    ) throws(PFrameError) {
        for parameter in store.parameters where !parameter.isFrozen {
            try fill(parameter.master, "average." + parameter.name, of: model)
        }
        try store.mastersChanged()
    }

    /// Copies everything back, so that training continues as if it had not stopped.
    ///
    /// - Throws: `PFrameError` naming a tensor that is missing, has another shape, or holds NaN.
    public func restore(_ optimiser: AdamW) throws(PFrameError) {
        for (parameter, state) in zip(optimiser.store.parameters, optimiser.states) {
            guard let state else { continue }
            try fill(parameter.master, "weight." + parameter.name)
            try fill(state.average, "average." + parameter.name)
            try fill(state.first, "moment1." + parameter.name)
            try fill(state.second, "moment2." + parameter.name)
        }
        try optimiser.store.mastersChanged()
        optimiser.steps = step
    }

    /// What a checkpoint has of every parameter.
    static let parts = ["weight", "average", "moment1", "moment2"]

    /// Looks whether it has all that a model needs.
    ///
    /// - Throws: `PFrameError` naming a tensor that is missing, has another shape, or holds NaN.
    func verify(_ store: ParameterStore, parts: [String]) throws(PFrameError) {
        for parameter in store.parameters where !parameter.isFrozen {
            for part in parts {
                try withValues(of: "\(part).\(parameter.name)", shape: parameter.master.shape) { _ in }
            }
        }
    }

    private func fill(
        _ tensor: Tensor, _ name: String, of model: String = "the model of config.json"
    ) throws(PFrameError) {
        try withValues(of: name, shape: tensor.shape, model) { bytes throws(PFrameError) in try tensor.set(bytes) }
    }

    /// Lends the values of a tensor, of which all are finite.
    private func withValues(
        of name: String, shape: [Int], _ model: String = "the model of config.json",
        _ body: (UnsafeRawBufferPointer) throws(PFrameError) -> Void
    ) throws(PFrameError) {
        guard let entry = file[name] else {
            throw PFrameError(.conflict, path: file.path, "has no tensor \(name): it is of another model or version")
        }
        guard entry.type == .float32, entry.shape == shape else {
            throw PFrameError(
                .conflict, path: file.path,
                "\(name) is \(entry.type.rawValue) \(entry.shape), but \(model) wants F32 \(shape)")
        }
        let path = file.path
        try file.withBytes(of: name) { (bytes) throws(PFrameError) in
            let finite =
                bytes.count % 4 == 0
                && (0..<(bytes.count / 4)).allSatisfy {
                    bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self).isFinite
                }
            guard finite else {
                throw PFrameError(path: path, "\(name) holds NaN or infinity: training diverged; take an older run")
            }
            try body(bytes)
        }
    }

    /// Writes the checkpoint of a run.
    ///
    /// - Throws: `PFrameError`, a full disk included; the checkpoint before it stays then.
    public static func write(
        run: FilePath, model: String, optimiser: AdamW, position: LoaderPosition
    ) throws(PFrameError) {
        var tensors: [(name: String, tensor: Tensor)] = []
        for (parameter, state) in zip(optimiser.store.parameters, optimiser.states) {
            guard let state else { continue }
            for (part, tensor) in zip(parts, [parameter.master, state.average, state.first, state.second]) {
                tensors.append(("\(part).\(parameter.name)", tensor))
            }
        }
        let metadata = [
            "model": model, "step": String(optimiser.steps), "epoch": String(position.epoch),
            "samples": String(position.samples),
        ]
        var writer = try SafetensorsWriter(
            path: run.appending(fileName), entries: tensors.map { ($0.name, .float32, $0.tensor.shape) },
            metadata: metadata)
        for (_, tensor) in tensors {
            let bytes = try tensor.bytes()
            try bytes.span.bytes.withUnsafeBytes { (bytes) throws(PFrameError) in try writer.append(bytes) }
        }
        try writer.finish()
    }
}

@available(*, unavailable)
extension Checkpoint: Sendable {}

extension Checkpoint {
    /// Writes the moving average alone into another run: what sampling from it needs.
    ///
    /// - Throws: `PFrameError`, a full disk included.
    public func writeAverage(to run: FilePath) throws(PFrameError) {
        let names = file.names.filter { $0.hasPrefix("average.") }
        var entries: [(name: String, type: ElementType, shape: [Int])] = []
        for name in names {
            guard let entry = file[name] else { continue }
            entries.append((name, entry.type, entry.shape))
        }
        var writer = try SafetensorsWriter(
            path: run.appending(Self.fileName), entries: entries, metadata: file.metadata)
        for entry in entries {
            let bytes = try file.withBytes(of: entry.name) { (bytes) throws(PFrameError) in Array(bytes) }
            try bytes.span.bytes.withUnsafeBytes { (bytes) throws(PFrameError) in try writer.append(bytes) }
        }
        try writer.finish()
    }
}
