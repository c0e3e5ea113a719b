import CFFmpeg
public import Storage

/// Reads a file on a server from one place to another (libavformat's `avio` over `http:` and `https:`).
///
/// Every file is a request of its own; what goes wrong on the way ends it, and the caller asks again from where it was.
public struct RemoteFile: ~Copyable {
    private let context: UnsafeMutablePointer<AVIOContext>
    private let interrupt: Interrupt
    private let url: String

    /// What libavformat asks while it waits.
    private final class Interrupt {
        let isCancelled: @Sendable () -> Bool

        init(_ isCancelled: @escaping @Sendable () -> Bool) { self.isCancelled = isCancelled }
    }

    /// Asks for bytes of a file.
    ///
    /// - Parameters:
    ///   - url: of scheme `http` or `https`, percent-encoded; redirects are followed within these.
    ///   - range: the bytes to ask for, at least one; nil for the whole file.
    ///   - timeout: seconds without a byte after which the server counts as dead.
    ///   - isCancelled: asked about every tenth of a second while waiting; true ends the wait with an error.
    /// - Throws: `CodecError` where the server is out of reach, refuses, or gives other bytes than those asked for.
    public init(
        url: String, range: Range<Int>? = nil, timeout: Double, isCancelled: @escaping @Sendable () -> Bool
    ) throws(CodecError) {
        pframe_silence_log()
        let interrupt = Interrupt(isCancelled)
        var callback = AVIOInterruptCB(
            callback: { opaque in
                guard let opaque else { return 0 }
                return Unmanaged<Interrupt>.fromOpaque(opaque).takeUnretainedValue().isCancelled() ? 1 : 0
            }, opaque: Unmanaged.passUnretained(interrupt).toOpaque())
        let microseconds = "\(Int(timeout * 1e6))"
        var options: OpaquePointer?
        defer { av_dict_free(&options) }
        var entries = [
            ("protocol_whitelist", "http,https,tcp,tls"), ("rw_timeout", microseconds), ("timeout", microseconds),
            ("icy", "0"),
        ]
        if let range { entries += [("offset", "\(range.lowerBound)"), ("end_offset", "\(range.upperBound)")] }
        for (name, value) in entries { av_dict_set(&options, name, value, 0) }
        var opened: UnsafeMutablePointer<AVIOContext>?
        let code = avio_open2(&opened, url, AVIO_FLAG_READ, &callback, &options)
        // libavformat gives -1 where the reply begins at another byte than the request.
        if code == -1 { throw CodecError(path: nil, "\(url): the server does not give ranges of bytes") }
        // Addresses stand in the message: a `FilePath` would fold their two slashes.
        try check(code, nil, "\(url): cannot open")
        context = try allocated(opened)
        self.interrupt = interrupt
        self.url = url
    }

    deinit {
        // Closing asks the callback's owner, which therefore goes away later.
        var owned: UnsafeMutablePointer<AVIOContext>? = context
        withExtendedLifetime(interrupt) { _ = avio_closep(&owned) }
    }

    /// The size of the whole file in bytes, nil where the server does not say.
    public var size: Int? {
        let size = avio_size(context)
        return size >= 0 ? Int(size) : nil
    }

    /// Reads up to a buffer's size.
    ///
    /// - Returns: the number of bytes, 0 only at the end.
    /// - Throws: `CodecError` where the connection broke, or nothing came for too long.
    public mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(CodecError) -> Int {
        guard let base = buffer.baseAddress, buffer.count > 0 else { return 0 }
        let count = min(buffer.count, 1 << 30)
        let code = avio_read_partial(context, base.assumingMemoryBound(to: UInt8.self), Int32(count))
        if code == pframe_averror_eof() { return 0 }
        return Int(try check(code, nil, "\(url): cannot read"))
    }
}

@available(*, unavailable)
extension RemoteFile: Sendable {}
