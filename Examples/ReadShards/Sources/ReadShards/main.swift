import Shards

// A data set's folder, an http address, or pipe:COMMAND.
let loader = try Loader(ShardSource(CommandLine.arguments.last ?? ""))
var (batches, samples) = (0, 0)
var shapes: [String: [Int]] = [:]
while let batch = try loader.next() {
    (batches, samples) = (batches + 1, samples + batch.count)
    // The shape of a whole batch is (samples, …); what withArray lends ends with the closure.
    for array in batch.arrays {
        shapes[array.name] = batch.withArray(array.name) { _, _, shape in Array(shape.dropFirst()) }
    }
}
for (name, shape) in shapes.sorted(by: { $0.key < $1.key }) { print(name, shape) }
print("\(samples) of \(loader.dataset.samples) samples in \(batches) batches")
