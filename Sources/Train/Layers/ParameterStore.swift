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

/// What the model runs on: float32, or bfloat16 copies of float32 masters.
public enum Precision: String, Sendable, CaseIterable {
    /// Weights and activations are float32.
    case float32
    /// Weights and activations are bfloat16; masters, moments and normalisation stay float32.
    case bfloat16

    /// The type of weights and activations.
    public var type: ElementType { self == .float32 ? .float32 : .bfloat16 }
}

/// The parameters of a model by name, in the order in which its layers were made.
///
/// A parameter has a float32 master, which the optimiser changes and checkpoints hold, and the tensor that the layers
/// compute with: the master itself, or its bfloat16 copy. What a parameter begins as depends on the seed and its name.
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
    }

    /// All of them.
    public private(set) var parameters: [Parameter] = []
    /// What the layers compute with.
    public let precision: Precision
    /// Where they are.
    public let device: Device
    private let seed: UInt64
    private var names: Set<String> = []

    /// An empty store.
    public init(precision: Precision = .float32, device: Device = .cpu, seed: UInt64 = 0) {
        (self.precision, self.device, self.seed) = (precision, device, seed)
    }

    /// The scope that all names are in.
    public var root: ParameterScope { ParameterScope(store: self, prefix: "") }

    /// Elements of all parameters.
    public var count: Int { parameters.reduce(0) { $0 + $1.master.count } }

    fileprivate func make(
        _ name: String, _ shape: [Int], _ initialisation: Initialisation, keepsFloat: Bool, isFrozen: Bool
    ) throws(TrainError) -> Tensor {
        precondition(names.insert(name).inserted, "two parameters are called \(name)")
        var master = try initial(name, shape, initialisation)
        if shape.count == 4 { master = try master.channelsLastInMemory() }
        var tensor = master
        if precision == .bfloat16, !keepsFloat { tensor = try master.to(.bfloat16) }
        if !isFrozen { try tensor.requireGradient() }
        parameters.append(
            Parameter(name: name, master: master, tensor: tensor, decays: shape.count > 1 && !keepsFloat))
        return tensor
    }

    private func initial(_ name: String, _ shape: [Int], _ initialisation: Initialisation) throws(TrainError) -> Tensor
    {
        if device == .meta { return try Tensor.zeros(shape, device: .meta) }
        let own = RandomSeed(seed).mixed(name).value
        switch initialisation {
        case .constant(let value): return try Tensor.full(shape, value, device: device)
        case .uniform(let bound):
            return try Tensor.uniform(shape, seed: own).affine(2 * bound, -bound).to(device)
        case .normal(let deviation): return try (Tensor.normal(shape, seed: own) * deviation).to(device)
        }
    }

    /// Copies the masters to what the layers compute with, after the masters were changed from outside.
    public func mastersChanged() throws(TrainError) {
        for parameter in parameters where parameter.tensor !== parameter.master {
            try parameter.tensor.set(parameter.master)
        }
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
    /// - Parameter keepsFloat: float32 in any precision, as normalisation wants it.
    public func parameter(
        _ name: String, _ shape: [Int], _ initialisation: Initialisation, keepsFloat: Bool = false,
        isFrozen: Bool = false
    ) throws(TrainError) -> Tensor {
        try store.make(self[name].prefix, shape, initialisation, keepsFloat: keepsFloat, isFrozen: isFrozen)
    }
}

@available(*, unavailable)
extension ParameterScope: Sendable {}
