import Glibc
public import Storage

/// How a parameter begins.
public enum Initialisation: Sendable {
    /// Every element alike.
    case constant(Double)
    /// Uniform in ±bound.
    case uniform(Double)
    /// Normal around 0.
    case normal(Double)

    /// PyTorch's default of linear and convolutional layers: uniform in ±1/√(inputs of a unit).
    public static func fan(_ inputs: Int) -> Initialisation { .uniform(1 / Double(inputs).squareRoot()) }
}

/// The parameters of a model by name, in the order in which its layers were made.
///
/// ```
/// try store.load([SafetensorsFile("unet.safetensors")]) { name in "unet." + name }
/// try store.freeze("unet.*")
/// try store.unfreeze("unet.*.time.*")
/// ```
///
/// A parameter has a float32 master and a tensor. The optimiser changes the master, and checkpoints hold the master.
/// The layers compute with the tensor, which is the master or its bfloat16 copy. The first value of a parameter depends
/// on the seed and the name.
public final class ParameterStore {
    /// One parameter.
    public struct Parameter {
        /// Dotted, as in `downs.0.first.weight`.
        public let name: String
        /// The float32 values.
        public let master: Tensor
        /// What layers compute with, and what has a gradient.
        public let tensor: Tensor
        /// Whether weight decay applies: to products and convolutions, not to biases and normalisation.
        public let decays: Bool
        /// Whether it has no gradient but belongs to the run all the same: set once, from the data set.
        let isFixed: Bool
        /// Whether it stays as it is and is no part of the run: neither optimiser nor checkpoint has it.
        public fileprivate(set) var isFrozen = false
    }

    /// All of them.
    public private(set) var parameters: [Parameter] = []
    /// What the layers compute with.
    public let precision: Precision
    /// Where they are.
    public let device: Device
    private let seed: UInt64
    private let isLoaded: Bool
    private var names: Set<String> = []

    /// An empty store.
    ///
    /// - Parameters:
    ///   - isLoaded: whether ``load(_:into:naming:)`` gives all values: parameters begin as zeros then.
    ///   - precision: of what the layers compute with.
    ///   - device: where the parameters are.
    ///   - seed: what the first values depend on.
    public init(
        precision: Precision = .float32, device: Device = .cpu, seed: UInt64 = 0, isLoaded: Bool = false
    ) {
        (self.precision, self.device, self.seed, self.isLoaded) = (precision, device, seed, isLoaded)
    }

    /// The scope that all names are in.
    public var root: ParameterScope { ParameterScope(store: self, prefix: "") }

    /// Elements of all parameters.
    public var count: Int { parameters.reduce(0) { $0 + $1.master.count } }

    fileprivate func make(
        _ name: String, _ shape: [Int], _ initialisation: Initialisation, keepsFloat: Bool, isFixed: Bool
    ) throws(PFrameError) -> Tensor {
        precondition(names.insert(name).inserted, "two parameters are called \(name)")
        var master = try initial(name, shape, initialisation)
        if shape.count == 4 { master = try master.channelsLastInMemory() }
        var tensor = master
        if precision == .bfloat16, !keepsFloat { tensor = try master.to(.bfloat16) }
        if !isFixed { try tensor.requireGradient() }
        parameters.append(
            Parameter(
                name: name, master: master, tensor: tensor, decays: shape.count > 1 && !keepsFloat, isFixed: isFixed))
        return tensor
    }

    private func initial(_ name: String, _ shape: [Int], _ initialisation: Initialisation) throws(PFrameError) -> Tensor
    {
        if device == .meta || isLoaded { return try Tensor.zeros(shape, device: device) }
        let own = RandomSeed(seed).mixed(name).value
        switch initialisation {
        case .constant(let value): return try Tensor.full(shape, value, device: device)
        case .uniform(let bound):
            return try Tensor.uniform(shape, seed: own).affine(2 * bound, -bound).to(device)
        case .normal(let deviation): return try (Tensor.normal(shape, seed: own) * deviation).to(device)
        }
    }

    /// Overwrites the master of a parameter that the store has. ``mastersChanged()`` makes layers see it.
    ///
    /// - Parameter values: its elements in C order.
    public func set(_ name: String, _ values: [Float]) throws(PFrameError) {
        guard let parameter = parameters.first(where: { $0.name == name }) else {
            preconditionFailure("no parameter \(name)")
        }
        try withoutGradients { () throws(PFrameError) in
            try parameter.master.set(Tensor(values, shape: parameter.master.shape))
        }
    }

    /// Copies the masters to what the layers compute with, after the masters were changed from outside.
    public func mastersChanged() throws(PFrameError) {
        for parameter in parameters where parameter.tensor !== parameter.master {
            try parameter.tensor.set(parameter.master)
        }
    }
}

/// Weights of other origin, and parts that do not learn.
extension ParameterStore {
    /// Freezes the parameters whose names match a pattern: `*` stands for any characters, `?` for one, `[ab]` for one of
    /// these.
    ///
    /// Call before the optimiser is made.
    ///
    /// - Returns: how many parameters match.
    @discardableResult
    public func freeze(_ pattern: String) throws(PFrameError) -> Int { try set(pattern, isFrozen: true) }

    /// Lets the parameters whose names match a pattern learn again.
    ///
    /// - Returns: how many parameters match.
    @discardableResult
    public func unfreeze(_ pattern: String) throws(PFrameError) -> Int { try set(pattern, isFrozen: false) }

    private func set(_ pattern: String, isFrozen: Bool) throws(PFrameError) -> Int {
        var count = 0
        for index in parameters.indices where fnmatch(pattern, parameters[index].name, 0) == 0 {
            parameters[index].isFrozen = isFrozen
            if !parameters[index].isFixed { try parameters[index].tensor.requireGradient(!isFrozen) }
            count += 1
        }
        return count
    }

    /// Copies the tensors of safetensors files, such as other programs write, into parameters.
    ///
    /// - Parameters:
    ///   - files: one, or the shards of one model.
    ///   - pattern: the names of the parameters that the files must hold, as of ``freeze(_:)``.
    ///   - name: the parameter that a tensor of the files is; nil for a tensor that is not to be read.
    /// - Throws: `PFrameError` naming every parameter that no tensor is given for, every tensor that is not a parameter,
    ///   and every tensor of another shape; no parameter is changed then.
    public func load(
        _ files: [SafetensorsFile], into pattern: String = "*", naming name: (String) -> String? = { $0 }
    ) throws(PFrameError) {
        let wanted = parameters.filter { fnmatch(pattern, $0.name, 0) == 0 }
        var missing = Dictionary(uniqueKeysWithValues: wanted.map { ($0.name, $0.master) })
        var (found, unexpected, misshapen): ([(SafetensorsFile, String, Tensor)], [String], [String]) = ([], [], [])
        for file in files {
            for foreign in file.names {
                guard let own = name(foreign), let entry = file[foreign] else { continue }
                guard let master = missing.removeValue(forKey: own) else {
                    unexpected.append(foreign)
                    continue
                }
                if entry.shape == master.shape {
                    found.append((file, foreign, master))
                } else {
                    misshapen.append("\(foreign) \(entry.shape), not \(master.shape)")
                }
            }
        }
        let names = wanted.map(\.name).filter { missing[$0] != nil }
        let problems = [("missing", names), ("unexpected", unexpected), ("of another shape", misshapen)]
            .filter { !$0.1.isEmpty }
            .map { problem, names in
                "\(problem): " + names.prefix(8).joined(separator: ", ")
                    + (names.count > 8 ? " and \(names.count - 8) more" : "")
            }
        guard problems.isEmpty else {
            throw PFrameError(
                .conflict, path: files.first?.path, "does not fit the model: \(problems.joined(separator: "; "))")
        }
        for (file, foreign, master) in found {
            guard let entry = file[foreign] else { continue }
            let values = try file.withBytes(of: foreign) { bytes throws(PFrameError) in
                try Tensor(bytes: bytes, type: entry.type, shape: entry.shape)
            }
            try master.set(values.to(.float32))
        }
        try mastersChanged()
    }
}

@available(*, unavailable)
extension ParameterStore: Sendable {}

@available(*, unavailable)
extension ParameterStore.Parameter: Sendable {}

/// A place in the names of a store, such as `downs.0`.
public struct ParameterScope {
    let store: ParameterStore
    let prefix: String

    /// The scope `name` within this one.
    public subscript(name: String) -> ParameterScope {
        ParameterScope(store: store, prefix: prefix.isEmpty ? name : prefix + "." + name)
    }

    /// The scope of element `index` of a list.
    public subscript(index: Int) -> ParameterScope { self[String(index)] }

    /// What the layers compute with.
    public var precision: Precision { store.precision }
    /// Where the parameters are.
    public var device: Device { store.device }

    /// Makes the parameter `name`.
    ///
    /// - Parameters:
    ///   - keepsFloat: float32 in any precision, as normalisation needs.
    ///   - isFixed: without a gradient; its value is set from the data set.
    ///   - initialisation: how weights begin.
    ///   - shape: the dimensions.
    ///   - name: the name.
    public func parameter(
        _ name: String, _ shape: [Int], _ initialisation: Initialisation, keepsFloat: Bool = false,
        isFixed: Bool = false
    ) throws(PFrameError) -> Tensor {
        try store.make(self[name].prefix, shape, initialisation, keepsFloat: keepsFloat, isFixed: isFixed)
    }
}

@available(*, unavailable)
extension ParameterScope: Sendable {}
