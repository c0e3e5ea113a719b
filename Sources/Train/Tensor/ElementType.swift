/// What the elements of a tensor are; the raw value is the name that safetensors files use.
public enum ElementType: String, Sendable, CaseIterable {
    /// IEEE 754 binary32.
    case float32 = "F32"
    /// IEEE 754 binary16.
    case float16 = "F16"
    /// The upper half of a binary32: 8 bits of exponent, 7 of fraction.
    case bfloat16 = "BF16"
    /// IEEE 754 binary64.
    case float64 = "F64"
    /// Signed, 64 bits.
    case int64 = "I64"
    /// Signed, 32 bits.
    case int32 = "I32"
    /// Signed, 16 bits.
    case int16 = "I16"
    /// Signed, 8 bits.
    case int8 = "I8"
    /// Unsigned, 8 bits.
    case uint8 = "U8"
    /// One byte, 0 or 1.
    case bool = "BOOL"

    /// Bytes that an element takes.
    public var size: Int {
        switch self {
        case .float64, .int64: 8
        case .float32, .int32: 4
        case .float16, .bfloat16, .int16: 2
        case .int8, .uint8, .bool: 1
        }
    }
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
