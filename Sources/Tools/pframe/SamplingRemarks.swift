import ArgumentParser
import Dataset
import Storage
import Synchronization
import ToolOptions

/// Says that the frames of clips lie unevenly in time: once per frame rate of the sources, and at the end how often.
final class SamplingRemarks: Sendable {
    private struct State {
        var named: Set<String> = []
        var videos = 0
    }

    private let options: ClipOptions
    private let state = Mutex(State())

    /// The most rates that are named.
    private static let most = 8

    /// Prepares for the videos of one build.
    init(_ options: ClipOptions) { self.options = options }

    /// Videos whose clips are uneven so far.
    var videos: Int { state.withLock(\.videos) }

    /// A warning where a video is the first of its kind whose clips are uneven.
    func remark(on video: String, _ outcome: BuiltVideo) -> String? {
        guard let steps = outcome.unevenSteps else { return nil }
        let even = outcome.hasVariableRate ? [] : evenRates(outcome.sourceRate)
        let isNew = state.withLock { state in
            state.videos += 1
            let kind = even.isEmpty ? "variable" : NumberText.plain(outcome.sourceRate, 2)
            return state.named.count < Self.most && state.named.insert(kind).inserted
        }
        guard isNew else { return nil }
        let (short, long) = (NumberText.fixed(steps.lowerBound, 3), NumberText.fixed(steps.upperBound, 3))
        let what = "warning: \(video): the frames of a clip lie \(short) to \(long) s apart"
        guard !even.isEmpty else { return "\(what): its frame rate varies" }
        let rate = "\(NumberText.trimmed(outcome.sourceRate, 3)) frames per second"
        let are = even.count == 1 ? "is" : "are"
        return "\(what): it has \(rate), where \(even.joined(separator: " and ")) \(are) even"
    }

    /// Frame rates near the one that is asked for that take the frames of a source evenly.
    private func evenRates(_ sourceRate: Double) -> [String] {
        guard options.stride == nil, options.sourceDivisor == nil else { return [] }
        let wanted = options.framesPerSecond
        let divisors = EvenRates.divisors(near: wanted, sourceRate: sourceRate)
        // The rate is even already: the source has gaps.
        guard !divisors.contains(where: { abs(sourceRate / Double($0) / wanted - 1) < 1e-4 }) else { return [] }
        return divisors.map { "--fps \(NumberText.trimmed(sourceRate / Double($0), 4)) (source/\($0))" }
    }
}

/// `--fps`: frames per second, or a share of the source's own.
enum SamplingRate: Equatable, CustomStringConvertible, ExpressibleByArgument {
    case perSecond(Double)
    case source(divisor: Int)

    /// `8`, or `source/3`.
    init?(argument: String) {
        if argument.hasPrefix("source/"), let divisor = Int(argument.dropFirst("source/".count)) {
            self = .source(divisor: divisor)
        } else if let rate = Double(argument) {
            self = .perSecond(rate)
        } else {
            return nil
        }
    }

    var description: String {
        switch self {
        case .perSecond(let rate): "\(rate)"
        case .source(let divisor): "source/\(divisor)"
        }
    }
}
