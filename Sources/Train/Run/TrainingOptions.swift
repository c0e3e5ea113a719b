import Dataset
import Glibc
public import Shards
public import Storage

/// How a model is trained.
public struct TrainingOptions: Sendable, Equatable {
    /// Steps in all.
    public var steps = 10_000
    /// Samples of a step on each rank and in each accumulation.
    public var batchSize = 8
    /// Batches whose gradients make one step.
    public var accumulation = 1
    /// The highest learning rate.
    public var learningRate = 2e-4
    /// Steps until the highest learning rate.
    public var warmUp = 100
    /// What comes after the warm-up.
    public var course = LearningRate.Course.cosine
    /// The optimiser's settings.
    public var optimiser = AdamW.Options()
    /// Steps between checkpoints.
    public var checkpointEvery = 500
    /// Steps between pictures; 0 for none.
    public var pictureEvery = 1000
    /// The seed that everything follows from.
    public var seed: UInt64 = 0
    /// What the loader does with damaged samples.
    public var damage = DamagePolicy.fail
    /// The one bucket of the data set that it trains on; nil for all clips.
    public var bucket: Bucket?

    /// The defaults.
    public init() {}

    /// Tells what makes no sense.
    ///
    /// - Throws: `PFrameError`.
    public func validate() throws(PFrameError) {
        func demand(_ holds: Bool, _ message: String) throws(PFrameError) { if !holds { throw PFrameError(message) } }
        try demand(steps > 0, "training takes 1 step or more, not \(steps)")
        try demand(batchSize > 0, "a batch has 1 record or more, not \(batchSize)")
        try demand(accumulation > 0, "a step takes 1 batch or more, not \(accumulation)")
        try demand(learningRate > 0 && learningRate.isFinite, "the learning rate is above 0, not \(learningRate)")
        try demand(checkpointEvery > 0, "checkpoints are 1 step or more apart, not \(checkpointEvery)")
        try demand(pictureEvery >= 0, "pictures are 0 steps (none) or more apart, not \(pictureEvery)")
        try demand(warmUp >= 0, "the warm-up takes 0 steps or more, not \(warmUp)")
    }

    /// As `config.json` records them; without the number of steps, which may grow.
    public var json: JSONValue {
        var members: [String: JSONValue] = [
            "batch_size": .integer(batchSize), "accumulation": .integer(accumulation),
            "learning_rate": .number(learningRate), "warm_up": .integer(warmUp), "course": .text(course.rawValue),
            "weight_decay": .number(optimiser.weightDecay), "beta1": .number(optimiser.beta1),
            "beta2": .number(optimiser.beta2), "average_decay": .number(optimiser.averageDecay),
            "largest_norm": optimiser.largestNorm.map { .number($0) } ?? .null,
            "seed": .integer(Int(truncatingIfNeeded: seed)), "checkpoint_every": .integer(checkpointEvery),
            "picture_every": .integer(pictureEvery), "skip_damaged": .bool(damage == .skip),
        ]
        members["bucket"] = bucket.map { .text($0.description) }
        return .object(members)
    }

    /// Members of `json` that change nothing of what is learned: a run may resume with others, and those of earlier
    /// versions have none.
    static let changeable = ["checkpoint_every", "picture_every", "skip_damaged"]

    /// Reads what `json` wrote.
    ///
    /// - Throws: `PFrameError` naming the member that is missing or makes no sense.
    init(_ json: JSONValue, steps: Int) throws(PFrameError) {
        let reader = ConfigurationReader(json)
        self.steps = steps
        batchSize = try reader.integer("batch_size")
        accumulation = try reader.integer("accumulation")
        learningRate = try reader.number("learning_rate")
        warmUp = try reader.integer("warm_up")
        course = try reader.choice("course")
        optimiser.weightDecay = try reader.number("weight_decay")
        optimiser.beta1 = try reader.number("beta1")
        optimiser.beta2 = try reader.number("beta2")
        optimiser.averageDecay = try reader.number("average_decay")
        optimiser.largestNorm = json["largest_norm"]?.double
        guard let bits = json["seed"]?.int else { throw reader.damaged("seed") }
        seed = UInt64(bitPattern: Int64(bits))
        if let every = json["checkpoint_every"]?.int { checkpointEvery = every }
        if let every = json["picture_every"]?.int { pictureEvery = every }
        if json["skip_damaged"]?.bool == true { damage = .skip }
        if let text = json["bucket"] {
            guard let bucket = text.string.flatMap({ Bucket($0) }) else { throw reader.damaged("bucket") }
            self.bucket = bucket
        }
        try validate()
    }
}

/// The learning rate over a run: a linear warm-up, then constant or half a cosine down.
public struct LearningRate: Sendable, Equatable {
    /// What comes after the warm-up.
    public enum Course: String, Sendable, CaseIterable {
        /// The same to the end.
        case constant
        /// Half a cosine from the highest rate to a hundredth of it at the last step.
        case cosine
    }

    /// The highest rate.
    public var highest: Double
    /// Steps from 0 to the highest rate.
    public var warmUp: Int
    /// What comes after the warm-up.
    public var course: Course
    /// Steps in all.
    public var steps: Int

    /// A rate over `steps` steps.
    public init(highest: Double, warmUp: Int, course: Course, steps: Int) {
        (self.highest, self.warmUp, self.course, self.steps) = (highest, warmUp, course, steps)
    }

    /// The rate of step `step`, from 1.
    public subscript(step: Int) -> Double {
        if step < warmUp { return highest * Double(step) / Double(warmUp) }
        guard course == .cosine, steps > warmUp else { return highest }
        let share = min(1, Double(step - warmUp) / Double(steps - warmUp))
        return highest * (0.01 + 0.99 * 0.5 * (1 + cos(.pi * share)))
    }
}

/// Reads members of a run's configuration, and names the one that is missing or makes no sense.
struct ConfigurationReader {
    private let json: JSONValue

    init(_ json: JSONValue) { self.json = json }

    func damaged(_ name: String) -> PFrameError {
        PFrameError(.damaged, "has no valid \"\(name)\": it is damaged, or another version of PFrame wrote it")
    }

    func member(_ name: String) throws(PFrameError) -> JSONValue {
        guard let value = json[name] else { throw damaged(name) }
        return value
    }

    func integer(_ name: String) throws(PFrameError) -> Int {
        guard let value = json[name]?.int, value >= 0 else { throw damaged(name) }
        return value
    }

    func number(_ name: String) throws(PFrameError) -> Double {
        guard let value = json[name]?.double, value.isFinite else { throw damaged(name) }
        return value
    }

    func bool(_ name: String) throws(PFrameError) -> Bool {
        guard let value = json[name]?.bool else { throw damaged(name) }
        return value
    }

    func integers(_ name: String) throws(PFrameError) -> [Int] {
        guard let list = json[name]?.array, case let values = list.compactMap(\.int), values.count == list.count else {
            throw damaged(name)
        }
        return values
    }

    func numbers(_ name: String) throws(PFrameError) -> [Double] {
        guard let list = json[name]?.array, case let values = list.compactMap(\.double), values.count == list.count
        else { throw damaged(name) }
        return values
    }

    func choice<Choice: RawRepresentable<String>>(_ name: String) throws(PFrameError) -> Choice {
        guard let text = json[name]?.string, let choice = Choice(rawValue: text) else { throw damaged(name) }
        return choice
    }
}
