public import ArgumentParser
public import Dataset
import Storage

extension CutRule.Measure: ExpressibleByArgument {}

extension CutRule.Length: ExpressibleByArgument {
    /// `15` frames, or `0.6s`.
    public init?(argument: String) {
        if let frames = Int(argument) {
            self = .frames(frames)
        } else if argument.hasSuffix("s"), let seconds = Double(argument.dropLast()) {
            self = .seconds(seconds)
        } else {
            return nil
        }
    }
}

/// Where videos are cut into shots.
struct CutArguments: ParsableArguments {
    @Option(
        help: """
            What makes a cut: content (a content value of 27 or more) or adaptive (a content value of 15 or more that is \
            3 times the mean of its neighbours': pans stay whole). Default: content.
            """)
    var cutRule: CutRule.Measure?

    @Option(help: "The content value (27), or with --cut-rule adaptive the ratio (3), that makes a cut.")
    var cutThreshold: Double?

    @Option(help: "Leave out cuts that come sooner after the cut before: source frames (15) or seconds (0.6s).")
    var minShot: CutRule.Length?

    /// Whether one of the options was given.
    var areGiven: Bool { cutRule != nil || cutThreshold != nil || minShot != nil }

    var rule: CutRule { CutRule(cutRule ?? .content, threshold: cutThreshold, shortest: minShot ?? .frames(0)) }

    func validate() throws {
        do throws(PFrameError) { try rule.validate() } catch { throw ValidationError(error.message) }
    }

    /// What makes the shots longer that a rule finds.
    static func remedy(for rule: CutRule) -> String {
        let other = rule.measure == .adaptive ? "" : "--cut-rule adaptive, "
        return "\(other)a higher --cut-threshold, --min-shot or --no-cuts gives longer shots"
    }
}
