public import Codec
public import Storage
public import SystemPackage

extension RGBImage {
    /// The first picture of a video, or a picture, brought to a size as `pframe build` brings the frames of clips.
    ///
    /// - Throws: `CodecError` where the file cannot be opened, or its first picture is damaged or cut off.
    public init(firstOf path: FilePath, size: Size, fit: ClipOptions.Fit) throws(CodecError) {
        var decoding = DecoderOptions()
        (decoding.exportsMotionVectors, decoding.cropping) = (false, true)
        let reader = try VideoReader(path: path, options: decoding)
        guard let picture = try reader.next(), reader.damaged == 0 else {
            throw CodecError(path: path, "holds no picture that is whole")
        }
        var options = ClipOptions()
        (options.width, options.height, options.fit) = (size.width, size.height, fit)
        let aspect = DisplayTags(of: picture, in: reader.stream).sampleAspectRatio?.value ?? 1
        self = try ClipFitter(options, orientation: reader.orientation, aspect: aspect).fit(picture)
    }
}
