package import Storage

/// Finds the arrays that a set delivers: those of the first sample that is sound.
///
/// The reader of the first step looks; the others wait for what it finds.
package final class LayoutSearch: Sendable {
    /// What was found, and the record that it was found in where that is one of the step's own samples.
    package struct Found {
        package let layout: ArrayLayout
        package var record: (item: Int, bytes: [UInt8])?
    }

    private let layout = Monitor<ArrayLayout?>(nil)
    private let names: [String]
    private let damage: DamagePolicy
    private let shards: [DatasetDescription.Shard]

    /// A search for the members `names`, or all arrays where it is empty.
    package init(names: [String], damage: DamagePolicy, shards: [DatasetDescription.Shard]) {
        (self.names, self.damage, self.shards) = (names, damage, shards)
    }

    /// Wakes those who wait: their work was cancelled.
    package func wake() { layout.withLock { _ in } }

    /// The layout, searched for in the first step of a run and waited for in the others; nil when cancelled.
    ///
    /// - Throws: `PFrameError` where no sample is sound, or one with `DamagePolicy.fail` is not.
    package func find(for step: LoaderSchedule.Step, in run: LoaderRun) throws(PFrameError) -> Found? {
        let known = layout.wait { layout -> ArrayLayout?? in
            layout != nil || step.number == 0 || run.cancellation.isRequested ? .some(layout) : nil
        }
        if let known { return Found(layout: known) }
        guard !run.cancellation.isRequested else { return nil }
        let found = try search(step, run)
        layout.withLock { $0 = found.layout }
        return found
    }

    private func search(_ step: LoaderSchedule.Step, _ run: LoaderRun) throws(PFrameError) -> Found {
        for (number, item) in step.items.enumerated() {
            let found = try unlessDamaged { () throws(PFrameError) in
                try record(item.place.sample, in: try run.cache.shard(item.place.shard, block: item.block))
            }
            guard let found else { continue }
            return Found(layout: try found.layout(names), record: (number, found.bytes))
        }
        // All of the step is damaged, or the end of the epoch does not reach this rank: any sample will do.
        for facts in shards where facts.samples > 0 {
            let shard = try unlessDamaged { () throws(PFrameError) in try OpenShard(facts, in: run.store) }
            guard let shard else { continue }
            for sample in 0..<facts.samples {
                let found = try unlessDamaged { () throws(PFrameError) in try record(sample, in: shard) }
                if let found { return Found(layout: try found.layout(names)) }
            }
        }
        throw PFrameError(path: nil, "\(run.store.source): no sample of it is sound")
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
            throw shard.error(at: row.offset, "sample \(row.key) is damaged: its CRC-32C is not that of its row")
        }
        return Record(row: row, shard: shard, bytes: bytes)
    }

    /// Passes over damage that may be passed over: the sample's own reading will tell it.
    private func unlessDamaged<Result>(_ body: () throws(PFrameError) -> Result) throws(PFrameError) -> Result? {
        do throws(PFrameError) { return try body() } catch {
            if damage == .fail { throw error }
            return nil
        }
    }
}
