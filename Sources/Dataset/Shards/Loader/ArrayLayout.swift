public import Storage

/// An array that every sample of a data set has, with the same type and shape.
public struct ArrayMember: Sendable, Equatable {
    /// The name behind the key: `residual.npy`.
    public let name: String
    /// The type of every element.
    public let type: NPYType
    /// The dimensions of one sample's array.
    public let shape: [Int]
    /// The header as it stands in most samples.
    package let header: [UInt8]

    /// Bytes of one sample's elements.
    public var size: Int { shape.reduce(type.size, *) }

    /// `int16 [15, 128, 128, 3]`.
    package var summary: String { Self.summary(type, shape) }

    package static func summary(_ type: NPYType, _ shape: [Int]) -> String { "\(type) \(shape)" }
}

/// The arrays that batches deliver, taken from the first sound sample: all others must agree.
package struct ArrayLayout: Sendable {
    /// The arrays in the order in which they were asked for, or lie in the sample.
    package let members: [ArrayMember]
    /// The key of the sample that they were taken from.
    package let key: String

    /// The number of a member, nil where it is not delivered.
    package func index(of name: String) -> Int? { members.firstIndex { $0.name == name } }

    /// How sets with a member are made; empty for members that PFrame does not write.
    private static func remedy(_ member: String) -> String {
        let representation: String? =
            switch member {
            case "mv.npy", "residual.npy": "motion-residual"
            case "frames.npy": "frames"
            case "difference.npy": "difference"
            default: nil
            }
        if let representation { return ": build the set with --represent \(representation)" }
        return member == "latent.npy" ? ": make a set of latents with `pframe encode`" : ""
    }

    /// Takes the arrays of a sample.
    ///
    /// - Parameters:
    ///   - record: the sample's bytes, checked.
    ///   - names: the members to deliver; empty for all that are `.npy`.
    /// - Throws: `PFrameError` where one is missing, or is no array that can be delivered.
    package init(_ record: UnsafeRawBufferPointer, of row: ShardRow, in shard: OpenShard, names: [String])
        throws(PFrameError)
    {
        let names = names.isEmpty ? row.members.map(\.name).filter { Self.isArray($0) } : names
        var members: [ArrayMember] = []
        for name in names {
            guard let member = row.member(name) else {
                let others = row.members.map(\.name).joined(separator: ", ")
                throw shard.error(
                    at: row.offset, "sample \(row.key) has no member \(name), only \(others)\(Self.remedy(name))")
            }
            let start = member.offset - row.offset
            let bytes = UnsafeRawBufferPointer(rebasing: record[start..<(start + member.length)])
            do throws(NPYHeader.Problem) {
                let header = try NPYHeader(bytes)
                members.append(
                    ArrayMember(
                        name: name, type: header.type, shape: header.shape, header: Array(bytes.prefix(header.size))))
            } catch {
                throw shard.error(at: member.offset, "sample \(row.key): \(name) \(error)")
            }
            let expected = members[members.count - 1].header.count + members[members.count - 1].size
            guard expected == bytes.count else {
                throw shard.error(
                    at: member.offset,
                    "sample \(row.key): \(name) has \(bytes.count) bytes, its header says \(expected)")
            }
        }
        (self.members, key) = (members, row.key)
    }

    /// Whether a member is an array by its name.
    package static func isArray(_ name: String) -> Bool { name == "npy" || name.hasSuffix(".npy") }
}
