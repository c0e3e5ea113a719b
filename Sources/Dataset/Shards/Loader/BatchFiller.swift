package import Storage

/// A filled batch, and the damage that was found while filling it.
package struct FilledBatch: Sendable {
    package let batch: Batch
    package let damaged: [DamagedSample]
    /// Samples that were read, damaged ones included.
    package let samples: Int
    /// Bytes of the shards that were read.
    package let bytes: Int
    /// The position after the step.
    package let end: Int
}

/// Fills batches: opens shards, reads the records of a step in order, and skips damaged records.
package struct BatchFiller: Sendable {
    package let options: LoaderOptions
    package let layouts: LayoutSearch
    package let pool: BatchPool
    /// The shards of the set.
    package let shards: [DatasetDescription.Shard]

    /// What a batch becomes of.
    private struct Draft {
        var rows: [ShardRow] = []
        var positions: [Int] = []
        var places: [[Int?]] = []
        var damaged: [DamagedSample] = []
        var bytes = 0
    }

    /// A stream that continues where the next sample begins.
    private struct OpenStream {
        let shard: Int
        let stream: any ByteStream
        var rest: Range<Int>
    }

    /// Fills the batch of a step; nil when the run was cancelled.
    ///
    /// - Throws: `PFrameError`.
    package func fill(
        _ step: LoaderSchedule.Step, of run: LoaderRun, scratch: UnsafeMutableRawBufferPointer
    ) throws(PFrameError) -> FilledBatch? {
        var done = 0
        // Whatever ends the work early, nobody may wait for its samples.
        defer { for item in step.items[done...] { run.cache.finish(item.block, of: step.bucket) } }
        guard let found = try layouts.find(for: step, in: run) else { return nil }
        let storage = pool.take(found.layout, batchSize: options.batchSize)
        var isOwned = true
        defer { if isOwned { pool.give(storage) } }
        var draft = Draft()
        var open: OpenStream?
        for index in step.items.indices {
            guard !run.cancellation.isRequested else { return nil }
            do throws(SampleProblem) {
                try read(index, of: step, run, found, storage, &draft, &open, scratch)
            } catch {
                open = nil
                switch error {
                case .unfit(let error): throw error
                case .damaged(let sample, let error):
                    guard options.damage == .skip else { throw error }
                    guard !run.cancellation.isRequested else { return nil }
                    draft.damaged.append(sample)
                }
            }
            run.cache.finish(step.items[index].block, of: step.bucket)
            done += 1
        }
        isOwned = false
        let batch = Batch(
            epoch: run.epoch, bucket: layouts.buckets[step.bucket], positions: draft.positions, rows: draft.rows,
            places: draft.places, arrays: found.layout.members, seed: options.seed, storage: storage, pool: pool)
        return FilledBatch(
            batch: batch, damaged: draft.damaged, samples: step.items.count, bytes: draft.bytes, end: step.end)
    }

    private func read(
        _ index: Int, of step: LoaderSchedule.Step, _ run: LoaderRun, _ found: LayoutSearch.Found,
        _ storage: BatchStorage, _ draft: inout Draft, _ open: inout OpenStream?,
        _ scratch: UnsafeMutableRawBufferPointer
    ) throws(SampleProblem) {
        let item = step.items[index]
        let (shard, row) = try self.open(item, of: step.bucket, run, &draft)
        let extent = row.offset..<(row.offset + row.size)
        let end = shard.end
        guard extent.upperBound <= end else {
            throw SampleProblem(
                row, in: shard, damage: "it ends at byte \(extent.upperBound), but its archive ends at byte \(end)")
        }
        let reader = try SampleReader(row, in: shard, layout: found.layout)
        let stream: any ByteStream
        if let record = found.record, record.item == index {
            stream = MemoryStream(record.bytes)
            open = nil
        } else if let current = open, current.shard == item.place.shard, current.rest.lowerBound == extent.lowerBound,
            extent.upperBound <= current.rest.upperBound
        {
            stream = current.stream
            open?.rest = extent.upperBound..<current.rest.upperBound
        } else {
            let run = self.run(from: index, of: step, in: shard, extent)
            stream = shard.file.stream(run)
            open = OpenStream(shard: item.place.shard, stream: stream, rest: extent.upperBound..<run.upperBound)
        }
        let places = try reader.read(from: stream, into: storage, slot: draft.rows.count, scratch: scratch)
        try checkNeighbour(of: item.place.sample, row, in: shard)
        draft.rows.append(row)
        draft.positions.append(item.position)
        draft.places.append(places)
        draft.bytes += row.size
    }

    /// The shard and the row of a sample.
    private func open(
        _ item: LoaderSchedule.Item, of bucket: Int, _ run: LoaderRun, _ draft: inout Draft
    ) throws(SampleProblem) -> (OpenShard, ShardRow) {
        let number = item.place.shard
        do throws(PFrameError) {
            let shard = try run.cache.shard(number, block: item.block, of: bucket)
            if let damage = shard.takeDamage() { draft.damaged.append(damage) }
            return (shard, try shard.rows.row(item.place.sample))
        } catch {
            throw SampleProblem(number: item.place.sample, of: shards[number], error)
        }
    }

    /// The bytes from a sample to the last that follows it in the archive as in the step: one request for all.
    private func run(
        from index: Int, of step: LoaderSchedule.Step, in shard: OpenShard, _ first: Range<Int>
    ) -> Range<Int> {
        var end = first.upperBound
        var place = step.items[index].place
        for item in step.items[(index + 1)...] {
            place.sample += 1
            // A damaged row ends the run; its own sample tells of it.
            guard item.place == place, let extent = try? shard.rows.extent(place.sample), extent.lowerBound == end,
                extent.upperBound <= shard.end
            else { break }
            end = extent.upperBound
        }
        return first.lowerBound..<end
    }

    /// A sound sample must begin where the one before it ends, or bytes of the shard would have no checksum.
    private func checkNeighbour(of index: Int, _ row: ShardRow, in shard: OpenShard) throws(SampleProblem) {
        guard index > 0 else {
            guard row.offset == 0 else {
                throw SampleProblem(row, in: shard, damage: "the bytes before it belong to no record")
            }
            return
        }
        // A damaged row or sample is told by itself.
        guard let end = (try? shard.rows.extent(index - 1))?.upperBound, end != row.offset,
            let before = try? shard.rows.row(index - 1), let _ = try? shard.record(of: before)
        else { return }
        throw SampleProblem(row, in: shard, damage: "it does not begin where record \(before.key) ends")
    }
}
