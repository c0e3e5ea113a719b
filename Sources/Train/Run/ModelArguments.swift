public import ArgumentParser
public import Codec
public import Storage
public import SystemPackage

/// The options of `pframe train` that one family alone reads.
public protocol ModelArguments: ParsableArguments {
    /// What they say.
    associatedtype Options: ModelOptions
    /// Files and runs that a new model is made of, which are not among its options.
    associatedtype Files: Sendable

    /// The options of a new model.
    ///
    /// - Parameters:
    ///   - size: the size of the data set's frames; nil for a plan, and for sets that do not say it.
    ///   - frames: the frames of the data set's clips.
    /// - Throws: `PFrameError` for a model that cannot be.
    func options(size: Size?, frames: Int?) throws(PFrameError) -> Options

    /// The files that are named.
    ///
    /// - Parameter path: makes a path of an argument.
    func files(_ path: (PathArgument) -> FilePath) -> Files

    /// Refuses arguments that a new run cannot begin with, although a resumed run may do without them.
    ///
    /// - Throws: `ValidationError`.
    func validateNew() throws

    /// Options that a run keeps to its end, each with what was given.
    func fixed(of run: Options) -> [FixedOption]
}

extension ModelArguments where Files == NoFiles {
    /// None.
    public func files(_ path: (PathArgument) -> FilePath) -> NoFiles { NoFiles() }
}

extension ModelArguments {
    /// Refuses nothing.
    public func validateNew() throws {}
    /// None.
    public func fixed(of run: Options) -> [FixedOption] { [] }
}

/// The files of a family that takes none.
public struct NoFiles: Sendable {
    /// None.
    public init() {}
}

/// An option that a run keeps to its end.
public struct FixedOption: Sendable {
    private let flag: String
    private let given: String?
    private let own: String

    /// An option with the value that the command line gives, nil for none, and the run's own.
    public init<Value>(_ flag: String, _ given: Value?, _ own: some Any) {
        (self.flag, self.given, self.own) = (flag, given.map { "\($0)" }, "\(own)")
    }

    /// An option with a number, or none.
    public init(_ flag: String, _ given: Double?, number own: Double?) {
        self.init(flag, given, own.map { "\($0)" } ?? "none")
    }

    /// `--batch 4 (the run: 8)`; nil if they agree.
    public var difference: String? {
        guard let given, given != own else { return nil }
        return "\(flag) \(given) (the run: \(own))"
    }
}

/// The name of a file or folder as an argument gives it.
public struct PathArgument: ExpressibleByArgument, Sendable {
    /// As the argument parser gives it.
    public let text: String

    /// An argument that is not empty.
    public init?(argument: String) {
        guard !argument.isEmpty else { return nil }
        text = argument
    }
}

/// Pixels of a frame as an argument: `256x128`, or `128` for a square.
public struct SizeArgument: ExpressibleByArgument, Sendable {
    /// The size.
    public let size: Size

    /// Reads an argument.
    public init?(argument: String) {
        guard let size = Size(argument) else { return nil }
        self.size = size
    }
}

/// Sizes of models.
public enum Preset: String, Sendable, CaseIterable, Codable, ExpressibleByArgument {
    /// Minutes on two cores.
    case compact
    /// The paper's, for clips of 16 frames at 128×128.
    case paper
    /// The paper's for 64×64, with latents of 4×4.
    case paper64 = "paper-64"
}
