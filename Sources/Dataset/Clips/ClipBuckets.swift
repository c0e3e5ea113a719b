public import Codec
import Glibc
public import Shards
import Storage

/// The shapes that clips may have, and which of them a clip gets: pure arithmetic, no pixels.
///
/// **Size.** The aspect of a bucket is as far from the aspect of a picture as the logarithms of the two. Sizes whose
/// distance is at most 5 % beyond the least are one aspect in several resolutions: of these a clip gets the largest
/// that enlarges its picture at most `largestEnlargement` times; of equal areas the nearest aspect, then the widest.
///
/// **Length.** A shot is cut into clips of the greatest length; its last frames, too few for that, into clips of the
/// next smaller length, and so on.
public struct ClipBuckets: Sendable, Equatable {
    /// Sizes of clips, sorted.
    public let sizes: [Size]
    /// Frames of clips, sorted.
    public let lengths: [Int]
    /// How many times a picture may be enlarged at most; nil for any number.
    public let largestEnlargement: Double?

    /// Every size with every length; at least one of each.
    public init(sizes: [Size], lengths: [Int], largestEnlargement: Double? = 1) {
        precondition(!sizes.isEmpty && !lengths.isEmpty, "a size and a length")
        self.sizes = sizes.sorted { ($0.width, $0.height) < ($1.width, $1.height) }
        self.lengths = lengths.sorted()
        self.largestEnlargement = largestEnlargement
    }

    /// The buckets by number, sorted.
    public var all: [Bucket] {
        sizes.flatMap { size in lengths.map { Bucket(width: size.width, height: size.height, frames: $0) } }
    }

    /// How far a distance may be beyond the least one.
    private static let oneAspect = 1.05
    /// What rounding may make of equal numbers.
    private static let rounding = 1e-9

    /// The size that pictures get, and what that does to them.
    ///
    /// - Parameters:
    ///   - width: pixels per row of the picture as it is shown.
    ///   - height: its rows.
    ///   - fit: how it is brought to the size.
    /// - Returns: of sizes that all enlarge too much, the one that enlarges least.
    public func choice(width: Double, height: Double, fit: ClipOptions.Fit) -> SizeChoice {
        let distances = sizes.map { abs(log(width / height) - log(Double($0.width) / Double($0.height))) }
        let reach = (distances.min() ?? 0) + log(Self.oneAspect) + Self.rounding
        let near = sizes.indices.filter { distances[$0] <= reach }.map { number in
            SizeChoice(number, sizes[number], width: width, height: height, fit: fit)
        }
        func isBetter(_ one: SizeChoice, _ other: SizeChoice) -> Bool {
            let (first, second) = (sizes[one.size], sizes[other.size])
            let areas = (first.width * first.height, second.width * second.height)
            if areas.0 != areas.1 { return areas.0 > areas.1 }
            let difference = distances[one.size] - distances[other.size]
            return abs(difference) > Self.rounding ? difference < 0 : first.width > second.width
        }
        let allowed = near.filter(allows).sorted(by: isBetter)
        let least = near.min { $0.scale < $1.scale }
        return allowed.first ?? least ?? SizeChoice(0, sizes[0], width: width, height: height, fit: fit)
    }

    /// Whether a choice enlarges no more than is allowed.
    public func allows(_ choice: SizeChoice) -> Bool {
        choice.scale <= (largestEnlargement ?? .infinity) * (1 + Self.rounding)
    }

    /// The lengths of the clips that so many sampled frames of a shot are cut into, in order.
    public func lengths(of frames: Int) -> [Int] {
        var left = frames
        return lengths.reversed().flatMap { length in
            defer { left %= length }
            return [Int](repeating: length, count: left / length)
        }
    }

    /// The bucket of clips of a size and one of the lengths.
    func bucket(_ choice: SizeChoice, frames: Int) -> BucketChoice {
        let length = lengths.firstIndex(of: frames) ?? 0
        return BucketChoice(number: choice.size * lengths.count + length, scale: choice.scale, crop: choice.crop)
    }

    /// As `dataset.json` records them.
    var json: [String: JSONValue] {
        [
            "buckets": .list(sizes.map { .text($0.description) }), "lengths": .list(lengths.map { .integer($0) }),
            "enlarge": largestEnlargement.map { .number($0) } ?? .null,
        ]
    }
}

/// What becomes of pictures that are brought to a size.
public struct SizeChoice: Sendable, Equatable {
    /// The number of the size among those of the buckets.
    public let size: Int
    /// Pixels of the clip per pixel of the picture as it is shown, along a side; the greater one where the proportions
    /// change.
    public let scale: Double
    /// The share of the picture that is cut off.
    public let crop: Double

    init(_ number: Int, _ size: Size, width: Double, height: Double, fit: ClipOptions.Fit) {
        let (across, down) = (Double(size.width) / width, Double(size.height) / height)
        self.size = number
        scale = fit == .pad ? min(across, down) : max(across, down)
        crop = fit == .crop ? 1 - min(across, down) / max(across, down) : 0
    }
}

/// The bucket of a clip, and what the clip's pictures went through.
public struct BucketChoice: Sendable, Equatable {
    /// The number of the bucket.
    public let number: Int
    /// As ``SizeChoice/scale``.
    public let scale: Double
    /// As ``SizeChoice/crop``.
    public let crop: Double

    /// The score with `scale`.
    static let scaleScore = "bucket_scale"
    /// The score with `crop`.
    static let cropScore = "bucket_crop"
}
