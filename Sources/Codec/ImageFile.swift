import CFFmpeg
import CJPEG
public import Storage
public import SystemPackage

extension RGBImage {
    /// The picture as a PNG file's bytes.
    ///
    /// - Throws: `PFrameError` when memory is short.
    public func png() throws(PFrameError) -> [UInt8] {
        let encoder = try VideoEncoder(
            .png, size: Size(width: width, height: height), format: .rgb24, timeBase: Rational(1, 1),
            globalHeader: false, threads: 1)
        let packet = try Packet()
        try encoder.send(try rgbPicture())
        try encoder.send(nil)
        guard try encoder.receive(into: packet) else { throw PFrameError(.failed, "the PNG encoder gave nothing") }
        return packet.withBytes { Array($0) }
    }

    /// The picture as a baseline JPEG file's bytes (libjpeg).
    ///
    /// - Parameter quality: 1…100.
    /// - Throws: `PFrameError` with libjpeg's message.
    public func jpeg(quality: Int = 92) throws(PFrameError) -> [UInt8] {
        var bytes: UnsafeMutablePointer<UInt8>?
        var size = 0
        var message = [CChar](repeating: 0, count: Int(PFRAME_JPEG_MESSAGE_SIZE))
        let code = pixels.withUnsafeBufferPointer { pixels -> Int32 in
            guard let base = pixels.baseAddress else { return -1 }
            return pframe_jpeg_encode(base, Int32(width), Int32(height), Int32(quality), &bytes, &size, &message)
        }
        defer { free(bytes) }
        guard code == 0, let bytes else {
            throw PFrameError(.failed, "cannot encode a JPEG of \(width)x\(height): \(text(message))")
        }
        return Array(UnsafeBufferPointer(start: bytes, count: size))
    }

    /// Decodes a JPEG file's bytes (libjpeg). A truncated file is an error, not grey pixels.
    ///
    /// - Throws: `PFrameError` with libjpeg's message.
    public init(jpeg data: [UInt8]) throws(PFrameError) {
        var bytes: UnsafeMutablePointer<UInt8>?
        var (width, height): (Int32, Int32) = (0, 0)
        var message = [CChar](repeating: 0, count: Int(PFRAME_JPEG_MESSAGE_SIZE))
        let code = data.withUnsafeBufferPointer { data -> Int32 in
            guard let base = data.baseAddress else { return -1 }
            return pframe_jpeg_decode(base, data.count, &bytes, &width, &height, &message)
        }
        defer { free(bytes) }
        guard code == 0, let bytes else { throw PFrameError(.damaged, "cannot decode the JPEG: \(text(message))") }
        let count = Int(width) * Int(height) * 3
        self.init(
            width: Int(width), height: Int(height), pixels: Array(UnsafeBufferPointer(start: bytes, count: count)))
    }

    /// Writes a `.png` or `.jpg` file, by the path's extension; it appears when it is complete.
    ///
    /// - Throws: `PFrameError`.
    public func write(to path: FilePath) throws(PFrameError) {
        let bytes: [UInt8]
        switch path.extension?.lowercased() {
        case "png": bytes = try png()
        case "jpg", "jpeg": bytes = try jpeg()
        default: throw PFrameError(.unsupported, path: path, "no picture format for this extension; use .png or .jpg")
        }
        try StagedFile.write(path) { hidden throws(PFrameError) in
            var file = try OutputFile(path: hidden)
            try file.write(bytes)
            try file.close()
        }
    }
}

private func text(_ message: [CChar]) -> String {
    String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

extension RGBImage {
    /// Reads a picture of any format that libavcodec decodes, RGB formats exactly, turned as viewers show it; of a video
    /// its first picture.
    ///
    /// - Throws: `PFrameError` if the file cannot be opened, or its first picture is damaged or cut off.
    public init(contentsOf path: FilePath) throws(PFrameError) {
        var options = DecoderOptions()
        options.cropping = true
        let reader = try VideoReader(path: path, options: options)
        guard let picture = try reader.next(), reader.damaged == 0 else {
            throw PFrameError(.damaged, path: path, "holds no complete picture")
        }
        self = try RGBImage(picture).turned(by: reader.orientation)
    }
}
