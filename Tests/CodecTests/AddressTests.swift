import Storage
import SystemPackage
import Testing

/// Addresses in paths, and what is shown of them.
@Suite struct AddressTests {
    @Test(
        "a path keeps every character of an address",
        arguments: [
            "https://host/clip.mp4", "http://host:8080/a//b///c.mp4", "https://host/", "https://host",
            "s3://bucket/a//b/",
            "https://host/x?u=https://other//y/&v=1/", "s3://bucket/100% sure?.mp4", "https://host//", "s3://",
            "http://é/ü/",
        ])
    func keepsAddresses(_ text: String) {
        let path = FilePath(location: text)
        #expect(path.address == text)
        // As paths are copied: by their bytes.
        #expect(path.withPlatformString { FilePath(platformString: $0) }.address == text)
    }

    @Test(
        "other names are paths",
        arguments: [
            "clip.mp4", "/http:/host/clip.mp4", "./https:/host/x", "https/x", "httpss://x", "gs://bucket/x", "-", "s3",
        ])
    func leavesPaths(_ text: String) {
        let path = FilePath(location: text)
        #expect(path.address == nil && path == FilePath(text))
        #expect(path.shown == (text == "-" ? "stdin" : path.string))
    }

    @Test("a literal is an address too")
    func literal() {
        let path: FilePath = "https://host/clip.mp4"
        #expect(path.address == "https://host/clip.mp4" && path.shown == "https://host/clip.mp4")
    }

    @Test(
        "passwords and signatures are not shown",
        arguments: [
            ("https://me:secret@host/a.mp4", "https://host/a.mp4"),
            ("https://host/a.mp4?id=7&X-Amz-Signature=abc&X-Amz-Date=1", "https://host/a.mp4?id=7"),
            ("https://host/a.mp4?access_token=abc", "https://host/a.mp4"),
            ("https://host/a.mp4?Expires=9&Signature=x%2F&Key-Pair-Id=K#t=3", "https://host/a.mp4#t=3"),
            ("https://host/watch?v=5", "https://host/watch?v=5"), ("https://host/a@b.mp4", "https://host/a@b.mp4"),
            ("https://a:b@c:d@host:9/x", "https://host:9/x"),
            ("s3://bucket/me:x@y?token=1", "s3://bucket/me:x@y?token=1"),
        ])
    func hidesSecrets(_ address: String, _ shown: String) throws {
        let path = FilePath(location: address)
        #expect(path.shown == shown)
        #expect(PFrameError(.failed, path: path, "is wrong").description == "\(shown): is wrong")
        #expect(try RemoteAddress(address).name == shown)
    }

    @Test(
        "the name of a file on a server",
        arguments: [
            ("https://host/a/clip%20one.mp4?x=1/2", "clip one.mp4"), ("https://host/clip.mp4/", "clip.mp4"),
            ("https://host/%2e%2e", "%2e%2e"), ("https://host/a%2Fb", "a%2Fb"), ("https://host", "host"),
            ("s3://bucket/a/clip%20.mp4", "clip%20.mp4"), ("https://host/%FF", "%FF"), ("-", "stdin"),
            ("a/b.mp4", "b.mp4"),
        ])
    func names(_ location: String, _ name: String) { #expect(FilePath(location: location).fileName == name) }

    @Test("files beside a file of a server keep its query")
    func besides() {
        let folder = RemoteAddress.folder(of: "https://host/set/list.csv?sig=1/2")
        #expect(folder == "https://host/set?sig=1/2")
        #expect(RemoteAddress.joined(folder, "a b/ü.mp4") == "https://host/set/a%20b/%C3%BC.mp4?sig=1/2")
        #expect(RemoteAddress.folder(of: "https://host") == "https://host")
        #expect(RemoteAddress.folder(of: "s3://bucket/a?b/list.csv") == "s3://bucket/a?b")
        #expect(RemoteAddress.joined("s3://bucket/a?b", "c d.mp4") == "s3://bucket/a?b/c d.mp4")
    }

    @Test(
        "incomplete addresses are wrong use",
        arguments: ["http://", "https:///x", "s3://", "s3://bucket", "s3://bucket/"])
    func incomplete(_ address: String) {
        let error = #expect(throws: RemoteError.self) { try RemoteAddress(address) { _ in nil } }
        #expect(error?.code == .usage && error?.message.contains("is expected") == true)
    }
}
