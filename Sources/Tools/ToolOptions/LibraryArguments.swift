public import ArgumentParser
public import Codec
public import Dataset

extension Size: ExpressibleByArgument {
    /// `256x128`, or `128` for a square.
    public init?(argument: String) { self.init(argument) }
}

extension ClipOptions.Fit: ExpressibleByArgument {}

extension ShardSource {
    /// A data set that an argument names; the bytes of a path are as they were given.
    package init(argument: String) throws(DatasetError) {
        self = try ShardSource(argument)
        if case .folder = self { self = .folder(RawArguments.path(argument)) }
    }
}
