import CCurl
import Glibc

/// Reads files on servers, one request after the other over the same connection (libcurl).
///
/// Redirects of requests without a signature are followed within `http` and `https`; libcurl's variables (`http_proxy`,
/// `https_proxy`, `no_proxy`) name proxies; certificates are checked against the system's, or those that
/// `CURL_CA_BUNDLE` or `SSL_CERT_FILE` names. Unread bytes take at most 256 KiB.
///
/// Unchecked, because a reader belongs to one thread at a time: it is taken from ``RemoteReaders`` and given back.
package final class RemoteReader: @unchecked Sendable {
    private let easy: UnsafeMutableRawPointer
    private let multi: UnsafeMutableRawPointer
    /// Where libcurl says in words what went wrong.
    private let words: UnsafeMutablePointer<CChar>
    private let spare = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 17, alignment: 64)
    /// The bytes in `spare` that nobody read yet.
    private var waiting = 0..<0
    /// What the present call of ``read(into:)`` has room for.
    private var destination = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private var isPaused = false
    private var headers: UnsafeMutablePointer<curl_slist>?

    private var request: Request?
    private var reply: Reply?
    /// How the transfer ended; nil before.
    private var result: CURLcode?

    private struct Request {
        let address: RemoteAddress
        let start: Int
        let end: Int?
        let timeout: Double
        let isCancelled: @Sendable () -> Bool

        var isWhole: Bool { start == 0 && end == nil }
    }

    private struct Reply {
        let status: Int
        /// Of the whole file.
        let size: Int?
        let givesRanges: Bool
        /// What tells this version of the file from others; nil where the server does not say.
        let tag: String?
        var isRefusal: Bool
        /// The first bytes of a refusal's body.
        var text: [UInt8] = []
    }

    private static let isStarted: Bool = pframe_curl_start() == CURLE_OK

    /// Makes a reader without a connection.
    package init() {
        precondition(Self.isStarted, "libcurl does not start")
        guard let easy = curl_easy_init(), let multi = curl_multi_init() else { preconditionFailure("no memory") }
        (self.easy, self.multi) = (easy, multi)
        words = .allocate(capacity: Int(CURL_ERROR_SIZE))
        words.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit {
        leave()
        curl_easy_cleanup(easy)
        curl_multi_cleanup(multi)
        curl_slist_free_all(headers)
        words.deallocate()
        spare.deallocate()
    }

    /// Asks for bytes of a file; whatever was left of the request before is given up.
    ///
    /// - Parameters:
    ///   - address: the file.
    ///   - start: the first byte to ask for.
    ///   - end: where to end, beyond `start`; nil for the end of the file.
    ///   - timeout: seconds without a byte after which the server counts as dead.
    ///   - isCancelled: asked about every tenth of a second while waiting; true ends the wait with an error.
    package func ask(
        _ address: RemoteAddress, from start: Int = 0, to end: Int? = nil, timeout: Double,
        isCancelled: @escaping @Sendable () -> Bool
    ) {
        leave()
        let request = Request(address: address, start: start, end: end, timeout: timeout, isCancelled: isCancelled)
        self.request = request
        (reply, result, waiting, isPaused, words[0]) = (nil, nil, 0..<0, false, 0)
        curl_easy_reset(easy)
        for (option, value) in [
            // Threads may not use signals; names are looked up in one of their own, for which nobody waits at the end.
            (CURLOPT_NOSIGNAL, 1), (CURLOPT_QUICK_EXIT, 1),
            // Another host would get a token that it has no use for.
            (CURLOPT_FOLLOWLOCATION, address.signature == nil ? 1 : 0), (CURLOPT_MAXREDIRS, 10),
            (CURLOPT_TCP_KEEPALIVE, 1), (CURLOPT_FILETIME, 1), (CURLOPT_BUFFERSIZE, 1 << 16),
            (CURLOPT_PATH_AS_IS, address.isS3 ? 1 : 0),
            // What a reader of HTTP/2 leaves unread gathers in memory.
            (CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1)),
        ] { pframe_curl_set_number(easy, option, value) }
        pframe_curl_set_text(easy, CURLOPT_PROTOCOLS_STR, "http,https")
        pframe_curl_set_text(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https")
        pframe_curl_set_text(easy, CURLOPT_USERAGENT, "pframe")
        pframe_curl_set_text(easy, CURLOPT_URL, address.url)
        let named = ["CURL_CA_BUNDLE", "SSL_CERT_FILE"].compactMap { (name: String) in getenv(name) }
        if let certificates = named.first(where: { $0[0] != 0 }) {
            pframe_curl_set_text(easy, CURLOPT_CAINFO, certificates)
        }
        if !request.isWhole {
            pframe_curl_set_text(easy, CURLOPT_RANGE, "\(start)-" + (end.map { "\($0 - 1)" } ?? ""))
        }
        sign(address.signature)
        pframe_curl_set_pointer(easy, CURLOPT_ERRORBUFFER, words)
        pframe_curl_set_pointer(easy, CURLOPT_WRITEDATA, Unmanaged.passUnretained(self).toOpaque())
        pframe_curl_set_receiver(easy) { bytes, size, count, context in
            guard let context else { return 0 }
            let reader = Unmanaged<RemoteReader>.fromOpaque(context).takeUnretainedValue()
            return reader.receive(UnsafeRawBufferPointer(start: bytes, count: size * count))
        }
        curl_multi_add_handle(multi, easy)
    }

    /// AWS's Signature Version 4, of a request without a body.
    private func sign(_ signature: RemoteAddress.Signature?) {
        curl_slist_free_all(headers)
        headers = nil
        guard let signature else { return }
        pframe_curl_set_text(easy, CURLOPT_AWS_SIGV4, "aws:amz:\(signature.region):s3")
        pframe_curl_set_text(easy, CURLOPT_USERNAME, signature.key)
        pframe_curl_set_text(easy, CURLOPT_PASSWORD, signature.secret)
        // S3 needs the digest of the body as a header; this is SHA-256 of no bytes.
        headers = curl_slist_append(
            nil, "x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        if let token = signature.token { headers = curl_slist_append(headers, "x-amz-security-token: \(token)") }
        pframe_curl_set_pointer(easy, CURLOPT_HTTPHEADER, headers)
    }

    /// Waits for the reply.
    ///
    /// - Returns: the size of the whole file in bytes, nil if the server does not say.
    /// - Throws: `RemoteError` if the server is out of reach, refuses, or gives other bytes than were asked for.
    package func size() throws(RemoteError) -> Int? {
        try wait { reply != nil }
        try checkReply()
        return reply?.size
    }

    /// The strong entity tag of the file (RFC 9110, 8.8.3), known with the reply; nil where the server gives none.
    package var tag: String? { reply?.tag }

    /// When the file changed last, in seconds since 1970, known with the reply; nil where the server does not say.
    package var modified: Int? {
        let time = Int(pframe_curl_offset(easy, CURLINFO_FILETIME_T))
        return time >= 0 ? time : nil
    }

    /// Whether the server said that it gives ranges of bytes.
    package var givesRanges: Bool { reply?.givesRanges == true }

    /// Reads up to a buffer's size.
    ///
    /// - Returns: the number of bytes, 0 only at the end.
    /// - Throws: `RemoteError` as ``size()``, and if the connection broke, or nothing came for too long.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(RemoteError) -> Int {
        if !waiting.isEmpty {
            let count = min(waiting.count, buffer.count)
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: spare[waiting.prefix(count)]))
            waiting = waiting.dropFirst(count)
            return count
        }
        destination = buffer
        defer { destination = UnsafeMutableRawBufferPointer(start: nil, count: 0) }
        if isPaused {
            isPaused = false
            curl_easy_pause(easy, pframe_curl_continue())
        }
        try wait { destination.count < buffer.count }
        try checkReply()
        return buffer.count - destination.count
    }

    /// Ends the request. The connection stays open where all of the reply was read.
    package func finish() {
        // The end of a reply is noticed after its last byte.
        for _ in 0..<3 where result == nil && request != nil && !isPaused { perform() }
        leave()
    }

    private func leave() {
        guard request != nil else { return }
        curl_multi_remove_handle(multi, easy)
        request = nil
    }

    private func perform() {
        var count: Int32 = 0
        curl_multi_perform(multi, &count)
        while let message = curl_multi_info_read(multi, &count) {
            let code = pframe_curl_result(message)
            if code >= 0 { result = CURLcode(UInt32(code)) }
        }
        if result == CURLE_OK, reply == nil { reply = newReply() }
    }

    /// Goes on until `isEnough`, or the transfer is over.
    private func wait(until isEnough: () -> Bool) throws(RemoteError) {
        guard let request else { preconditionFailure("nothing was asked for") }
        var start = monotonicSeconds()
        var received = -1
        while !isEnough(), result == nil {
            perform()
            guard !isEnough(), result == nil else { break }
            if request.isCancelled() { throw error("was stopped", code: .interrupted) }
            let now = monotonicSeconds()
            // A refusal's words count as bytes too.
            let count = reply?.text.count ?? -1
            if count != received { (received, start) = (count, now) }
            if now - start > request.timeout { throw error("no byte came for \(request.timeout) s", mayPass: true) }
            curl_multi_poll(multi, nil, 0, 100, nil)
        }
        // What came before the end is read first.
        guard !isEnough(), let result, result != CURLE_OK, reply?.isRefusal != true else { return }
        throw failure(result)
    }

    /// What libcurl calls with bytes of the reply.
    private func receive(_ bytes: UnsafeRawBufferPointer) -> Int {
        let reply = self.reply ?? newReply()
        self.reply = reply
        if reply.isRefusal {
            self.reply?.text += bytes.prefix(max(0, 4096 - reply.text.count))
            return bytes.count
        }
        let direct = waiting.isEmpty ? min(bytes.count, destination.count) : 0
        if waiting.isEmpty { waiting = 0..<0 }
        let rest = UnsafeRawBufferPointer(rebasing: bytes[direct...])
        guard waiting.upperBound + rest.count <= spare.count else {
            isPaused = true
            return pframe_curl_pause()
        }
        destination.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<direct]))
        destination = UnsafeMutableRawBufferPointer(rebasing: destination[direct...])
        UnsafeMutableRawBufferPointer(rebasing: spare[waiting.upperBound...]).copyMemory(from: rest)
        waiting = waiting.lowerBound..<(waiting.upperBound + rest.count)
        return bytes.count
    }

    private func header(_ name: String) -> String? { pframe_curl_header(easy, name).map { String(cString: $0) } }

    private func newReply() -> Reply {
        let status = pframe_curl_number(easy, CURLINFO_RESPONSE_CODE)
        // A weak one may differ between the servers behind one address.
        let tag = header("ETag").flatMap { $0.hasPrefix("W/") ? nil : $0 }
        // "bytes FIRST-LAST/SIZE"; the size may be "*", and so may the range where it is refused.
        let parts = (header("Content-Range") ?? "").split(whereSeparator: { " -/".contains($0) })
        if let request, !request.isWhole {
            let isRange = status == 206 && parts.count == 4 && Int(parts[1]) == request.start
            return Reply(
                status: status, size: parts.last.flatMap { Int($0) }, givesRanges: isRange, tag: tag,
                isRefusal: !isRange)
        }
        let length = Int(pframe_curl_offset(easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T))
        return Reply(
            status: status, size: length >= 0 ? length : nil, givesRanges: header("Accept-Ranges") == "bytes",
            tag: tag, isRefusal: status != 200)
    }
}

// What goes wrong, in words.
extension RemoteReader {
    /// An error about the file that was asked for.
    private func error(
        _ what: String, code: PFrameError.Code = .failed, mayPass: Bool = false, wait: Double = 0
    ) -> RemoteError {
        guard let request else { preconditionFailure("nothing was asked for") }
        let range = request.isWhole ? "" : " (bytes \(request.start)-" + (request.end.map { "\($0 - 1)" } ?? "") + ")"
        return RemoteError("\(request.address.name): \(what)\(range)", code: code, mayPass: mayPass, wait: wait)
    }

    /// How a transfer failed, as libcurl has it.
    private func failure(_ code: CURLcode) -> RemoteError {
        let detail = words[0] == 0 ? String(cString: curl_easy_strerror(code)) : String(cString: words)
        switch code {
        case CURLE_COULDNT_CONNECT:
            let number = pframe_curl_number(easy, CURLINFO_OS_ERRNO)
            let reason = number == 0 ? detail : String(cString: strerror(Int32(number)))
            return error("cannot open: \(reason)", mayPass: true)
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY:
            return error("cannot open: \(detail): check the address, the network and https_proxy", mayPass: true)
        case CURLE_PEER_FAILED_VERIFICATION:
            return error(
                "cannot open: \(detail): name the file of the certificate's issuer in CURL_CA_BUNDLE",
                code: .refused)
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT:
            return error("cannot open: \(detail)", code: .usage)
        case CURLE_SSL_CACERT_BADFILE: return error("cannot open: \(detail)", code: .refused)
        case CURLE_TOO_MANY_REDIRECTS: return error("cannot open: \(detail)")
        default:
            return error(reply == nil ? "cannot open: \(detail)" : "the connection broke: \(detail)", mayPass: true)
        }
    }

    /// Throws where the reply is not what was asked for.
    private func checkReply() throws(RemoteError) {
        guard let reply, reply.isRefusal else { return }
        // The words of a refusal come with it; a connection that breaks there changes nothing about the refusal. Of a
        // server without ranges the file itself comes.
        if result == nil, reply.status >= 300 { try? wait { self.reply?.text.count ?? 0 >= 4096 } }
        let (text, request) = (self.reply?.text ?? [], self.request)
        let mayPass = reply.status >= 500 || [408, 425, 429].contains(reply.status)
        let isS3 = request?.address.isS3 == true
        let remedy: String
        switch reply.status {
        case 200, 206:
            throw error(
                "the server does not give ranges of bytes: use one that does", code: .unsupported)
        case 300..<400 where header("x-amz-bucket-region") != nil:
            remedy = ": the bucket is in another region: set AWS_REGION=\(header("x-amz-bucket-region") ?? "")"
        case 401, 403:
            if isS3, request?.address.signature == nil {
                remedy = ": access is refused: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            } else {
                remedy = ": access is refused: check " + (isS3 ? "the keys and AWS_REGION" : "the address")
            }
        case 404, 410: remedy = ": there is no such file: check the address"
        case 416: remedy = ": the file ends before"
        case 429, 503: remedy = ": the server is busy"
        default: remedy = ""
        }
        throw error(
            PFrameError.answer + "\(reply.status)\(Self.code(in: text))\(remedy)", code: Self.code(of: reply.status),
            mayPass: mayPass,
            wait: Double(pframe_curl_offset(easy, CURLINFO_RETRY_AFTER)))
    }

    /// The kind of error that a status of HTTP means.
    private static func code(of status: Int) -> PFrameError.Code {
        switch status {
        case 401, 403, 407: .refused
        case 404, 410: .missing
        case 416: .damaged
        case 429, 503: .busy
        default: .failed
        }
    }

    /// What S3 calls an error, in brackets.
    private static func code(in text: [UInt8]) -> String {
        let text = String(decoding: text, as: UTF8.self)
        guard let start = text.firstRange(of: "<Code>"), let end = text.firstRange(of: "</Code>"),
            start.upperBound < end.lowerBound
        else { return "" }
        return " (\(text[start.upperBound..<end.lowerBound]))"
    }
}

/// `CLOCK_MONOTONIC` in seconds.
package func monotonicSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
