public import Codec
public import SystemPackage

/// A clip that a model is asked for.
public struct SampleRequest: Sendable {
    /// What the clip is called.
    public var name: String
    /// The given frame, of the model's size.
    public var first: RGBImage
    /// What is to be seen; a label for models of labels. Models without text do not read it.
    public var caption: String
    /// What its noise follows from.
    public var seed: UInt64
    /// Where the given frame is from, for messages.
    public var source: FilePath?

    /// A request.
    public init(name: String, first: RGBImage, caption: String, seed: UInt64, source: FilePath? = nil) {
        (self.name, self.first, self.caption, self.seed, self.source) = (name, first, caption, seed, source)
    }
}
