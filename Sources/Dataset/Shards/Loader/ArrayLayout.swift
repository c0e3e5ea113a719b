public import Storage

/// An array that every sample of a data set, or of a bucket, has with the same type and shape.
public struct ArrayMember: Sendable, Equatable {
    /// The name after the key: `residual.npy`.
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

    /// The number of a member, nil if it is not delivered.
    package func index(of name: String) -> Int? { members.firstIndex { $0.name == name } }

    /// How sets with a member are made; empty for members that PFrame does not write.
    private static func remedy(_ member: String) -> String {
        let representation: String? =
            switch member {
            case "mv.npy", "residual.npy": "motion-residual"
            case "frames.npy": "frames"
            case "difference.npy": "difference"
            case "bits.npy": "bits"
            default: nil
            }
        if let representation { return ": build the set with the representation \(representation)" }
        return member == "latent.npy" ? ": make a set of latents with `pframe encode`" : ""
    }

    /// Takes the arrays of a sample.
    ///
    /// - Parameters:
    ///   - record: the sample's bytes, checked.
    ///   - names: the members to deliver; empty for all that are `.npy`.
    /// - Throws: `PFrameError` if one is missing, or is not an array that can be delivered.
    package init(_ record: UnsafeRawBufferPointer, of row: ShardRow, in shard: OpenShard, names: [String])
        throws(PFrameError)
    {
        let names = names.isEmpty ? row.members.map(\.name).filter { Self.isArray($0) } : names
        var members: [ArrayMember] = []
        for name in names {
            guard let member = row.member(name) else {
                let others = row.members.map(\.name).joined(separator: ", ")
                throw shard.error(
                    .conflict, at: row.offset,
                    "record \(row.key) has no member \(name), only \(others)\(Self.remedy(name))")
            }
            let start = member.offset - row.offset
            let bytes = UnsafeRawBufferPointer(rebasing: record[start..<(start + member.length)])
            do throws(NPYHeader.Problem) {
                let header = try NPYHeader(bytes)
                members.append(
                    ArrayMember(
                        name: name, type: header.type, shape: header.shape, header: Array(bytes.prefix(header.size))))
            } catch {
                throw shard.error(at: member.offset, "record \(row.key): \(name) \(error)")
            }
            let expected = members[members.count - 1].header.count + members[members.count - 1].size
            guard expected == bytes.count else {
                throw shard.error(
                    at: member.offset,
                    "record \(row.key): \(name) has \(bytes.count) bytes, its header says \(expected)")
            }
        }
        (self.members, key) = (members, row.key)
    }

    /// Whether a member is an array by its name.
    package static func isArray(_ name: String) -> Bool { name == "npy" || name.hasSuffix(".npy") }
}

/// Finds the arrays that each bucket of a data set delivers: the arrays of its first undamaged record.
///
/// The reader of the first step of a bucket looks; the others wait for what it finds.
package final class LayoutSearch: Sendable {
    /// What was found, and the record that it was found in where that is one of the step's own samples.
    package struct Found {
        package let layout: ArrayLayout
        package var record: (item: Int, bytes: [UInt8])?
    }

    /// The buckets of the set by number, nil for a set without buckets.
    package let buckets: [Bucket?]
    private let layouts: Monitor<[ArrayLayout?]>
    private let names: [String]
    private let damage: DamagePolicy
    private let shards: [DatasetDescription.Shard]

    /// A search for the members that the options name, or all arrays where they name none.
    package init(_ options: LoaderOptions, shards: [DatasetDescription.Shard], buckets: [Bucket?]) {
        (names, damage, self.shards, self.buckets) = (options.members, options.damage, shards, buckets)
        layouts = Monitor([ArrayLayout?](repeating: nil, count: buckets.count))
    }

    /// Wakes those who wait: their work was cancelled.
    package func wake() { layouts.withLock { _ in } }

    /// The layout of the step's bucket, searched for in the first step of it and waited for in the others; nil when
    /// cancelled.
    ///
    /// - Throws: `PFrameError` if no sample is sound, or one with `DamagePolicy.fail` is not.
    package func find(for step: LoaderSchedule.Step, in run: LoaderRun) throws(PFrameError) -> Found? {
        let known = layouts.wait { layouts -> ArrayLayout?? in
            let layout = layouts[step.bucket]
            return layout != nil || step.isFirstOfBucket || run.cancellation.isRequested ? .some(layout) : nil
        }
        if let known { return Found(layout: known) }
        guard !run.cancellation.isRequested else { return nil }
        let found = try search(step, run)
        layouts.withLock { $0[step.bucket] = found.layout }
        return found
    }

    private func search(_ step: LoaderSchedule.Step, _ run: LoaderRun) throws(PFrameError) -> Found {
        for (number, item) in step.items.enumerated() {
            let found = try unlessDamaged { () throws(PFrameError) in
                try record(
                    item.place.sample, in: try run.cache.shard(item.place.shard, block: item.block, of: step.bucket))
            }
            guard let found else { continue }
            return Found(layout: try found.layout(names), record: (number, found.bytes))
        }
        // All of the step is damaged, or the end of the epoch does not reach this rank: any sample of the bucket will do.
        for facts in shards where facts.samples > 0 && facts.bucket == buckets[step.bucket] {
            let shard = try unlessDamaged { () throws(PFrameError) in try OpenShard(facts, in: run.store) }
            guard let shard else { continue }
            for sample in 0..<facts.samples {
                let found = try unlessDamaged { () throws(PFrameError) in try record(sample, in: shard) }
                if let found { return Found(layout: try found.layout(names)) }
            }
        }
        throw PFrameError(.damaged, "\(run.store.source): no record of it is undamaged")
    }

    /// A sample as it lies in its shard, checked.
    private struct Record {
        let row: ShardRow
        let shard: OpenShard
        let bytes: [UInt8]

        func layout(_ names: [String]) throws(PFrameError) -> ArrayLayout {
            try bytes.withUnsafeBufferPointer { bytes throws(PFrameError) in
                try ArrayLayout(UnsafeRawBufferPointer(bytes), of: row, in: shard, names: names)
            }
        }
    }

    private func record(_ sample: Int, in shard: OpenShard) throws(PFrameError) -> Record {
        let row = try shard.rows.row(sample)
        guard let bytes = try shard.record(of: row) else {
            throw shard.error(at: row.offset, "record \(row.key) is damaged: its CRC-32C is not that of its row")
        }
        return Record(row: row, shard: shard, bytes: bytes)
    }

    /// Skips damage that may be skipped: the sample's own reading will tell it.
    private func unlessDamaged<Result>(_ body: () throws(PFrameError) -> Result) throws(PFrameError) -> Result? {
        do throws(PFrameError) { return try body() } catch {
            if damage == .fail { throw error }
            return nil
        }
    }
}
