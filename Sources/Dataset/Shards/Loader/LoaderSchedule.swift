import Storage

/// Which samples a rank reads in which step: what is left of an epoch, cut into global steps of all ranks.
///
/// Global step s covers the positions p + s·B·R ..< p + (s+1)·B·R of the epoch; rank r takes the contiguous slice of B
/// from r·B on. So two ranks at batch B see together exactly what one sees at 2B.
package struct LoaderSchedule {
    /// A sample to read.
    package struct Item {
        /// Where it stands in the epoch.
        package let position: Int
        /// Where it is stored.
        package let place: SamplePlace
        /// The block of the epoch that it belongs to.
        package let block: Int
    }

    /// A batch to fill.
    package struct Step {
        /// Counted from the start of the schedule.
        package let number: Int
        /// This rank's samples, none where the end of the epoch does not reach it.
        package let items: [Item]
        /// The position when all ranks are done with the step.
        package let end: Int
        /// The first block that later steps of this rank read of.
        package let firstBlockAfter: Int
    }

    private var order: EpochOrder
    private let start: Int
    private let batchSize: Int
    private let rank: Int
    private let stride: Int
    private let lastBatch: LastBatch
    private var number = 0

    /// Plans what is left of an epoch behind `start`.
    package init(order: EpochOrder, start: Int, options: LoaderOptions) {
        (self.order, self.start) = (order, start)
        (batchSize, rank, lastBatch) = (options.batchSize, options.rank, options.lastBatch)
        stride = options.batchSize * options.ranks
    }

    /// Whether there is another step.
    package var isAtEnd: Bool { !hasStep(number) }

    /// The next step, nil at the end of the epoch.
    package mutating func next() -> Step? {
        guard hasStep(number) else { return nil }
        let count = order.count
        let own = start + number * stride + rank * batchSize
        var items: [Item] = []
        for position in min(own, count)..<min(own + batchSize, count) {
            items.append(
                Item(position: position, place: order.place(at: position), block: order.block(at: position)))
        }
        let end = min(start + (number + 1) * stride, count)
        let firstBlockAfter = hasStep(number + 1) ? order.block(at: min(own + stride, count)) : Int.max
        defer { number += 1 }
        return Step(number: number, items: items, end: end, firstBlockAfter: firstBlockAfter)
    }

    private func hasStep(_ number: Int) -> Bool {
        let left = order.count - start - number * stride
        return lastBatch == .partial ? left > 0 : left >= stride
    }
}
