import TorchWatch

/// The operations of libtorch that some work runs on this thread.
struct Watched {
    final class Calls { var list: [(name: String, types: String)] = [] }

    let calls: [(name: String, types: String)]

    init(_ work: () throws -> Void) rethrows {
        let calls = Calls()
        tw_begin(
            { context, name, types in
                let calls = Unmanaged<Calls>.fromOpaque(context).takeUnretainedValue()
                calls.list.append((String(cString: name), String(cString: types)))
            }, Unmanaged.passUnretained(calls).toOpaque())
        defer { tw_end() }
        try work()
        self.calls = calls.list
    }

    /// Operations on more than one type, once each: but for conversions, and for gradients of norms and of attention, which
    /// libtorch gives what it kept itself: the mean and the deviation, the logarithm of the sum of a softmax.
    var mixed: [String] {
        let mixed = calls.filter {
            Set($0.types.split(separator: " ")).count > 1 && $0.name != "aten::copy_"
                && !$0.name.hasSuffix("_norm_backward")
                && !($0.name.contains("attention") && $0.name.hasSuffix("_backward"))
        }
        return Set(mixed.map { "\($0.name): \($0.types)" }).sorted()
    }

    /// Whether an operation ran on arguments of these types.
    func has(_ name: String, _ types: String) -> Bool { calls.contains { $0.name == name && $0.types == types } }
}
