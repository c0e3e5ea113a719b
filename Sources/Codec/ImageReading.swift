public import Storage
public import SystemPackage

extension RGBImage {
    /// Reads a picture of any format that libavcodec decodes, RGB formats exactly, turned as viewers show it; of a video
    /// its first picture.
    ///
    /// - Throws: `CodecError` if the file cannot be opened, or its first picture is damaged or cut off.
    public init(contentsOf path: FilePath) throws(CodecError) {
        var options = DecoderOptions()
        options.cropping = true
        let reader = try VideoReader(path: path, options: options)
        guard let picture = try reader.next(), reader.damaged == 0 else {
            throw CodecError(.damaged, path: path, "holds no complete picture")
        }
        self = try RGBImage(picture).turned(by: reader.orientation)
    }
}
