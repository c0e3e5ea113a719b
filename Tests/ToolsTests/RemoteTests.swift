import Foundation
import Glibc
import SystemPackage
import TestSupport
import Testing

/// Data sets on servers whose addresses and variables a program is given.
@Suite struct RemoteTests {
    private static let keys = [
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    ]
    private static let openssl = Requirement("openssl", source: "`make deps` installs it") { program("openssl") != nil }

    private func withShards(_ body: (Scratch, TestShards) throws -> Void) throws {
        let scratch = try Scratch()
        let folder = scratch.url.appending(path: "set").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let names = ["a b", "100%+ü?", "clips=~'5"]
        try body(scratch, TestShards(in: FilePath(folder), counts: [5, 3, 4]) { names[$0] })
    }

    private func list(_ source: String, _ variables: [String: String] = [:]) throws -> Outcome {
        // What the machine has for the AWS tools, certificates, or a proxy, is nothing to these tests.
        let cleared = [
            "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION",
            "AWS_ENDPOINT_URL", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "http_proxy", "https_proxy", "HTTPS_PROXY",
            "all_proxy", "ALL_PROXY",
        ]
        let environment = Dictionary(uniqueKeysWithValues: cleared.map { ($0, "") }).merging(variables) { $1 }
        return try Programs.run(
            Programs.pframe.path, ["bench-loader", source, "--list-keys", "--epochs", "1", "--no-shuffle"],
            environment: environment)
    }

    private func lines(_ set: TestShards) -> String {
        set.samples.joined().enumerated().map { "\($0) \($1.key)\n" }.joined()
    }

    @Test(
        arguments: [
            ([], [:]), (["--region", "eu-north-1"], ["AWS_REGION": "eu-north-1", "AWS_DEFAULT_REGION": "us-west-2"]),
            (["--region", "eu-north-1"], ["AWS_DEFAULT_REGION": "eu-north-1"]),
            (["--token", "abc+/=", "--drop", "3", "--refuse", "1"], ["AWS_SESSION_TOKEN": "abc+/="]),
        ] as [([String], [String: String])])
    func readsABucketWithSignatures(_ arguments: [String], _ variables: [String: String]) throws {
        try withShards { _, set in
            let server = try FileServer(set.folder, arguments, script: "s3_server.py")
            var variables = variables.merging(Self.keys) { $1 }
            variables["AWS_ENDPOINT_URL"] = server.address
            for source in ["s3://bucket/sets", "s3://bucket/sets/"] {
                let outcome = try list(source, variables)
                #expect(outcome.status == 0 && outcome.output == lines(set), "\(outcome.errors)")
            }
        }
    }

    @Test func readsAPublicBucketWithoutKeys() throws {
        try withShards { _, set in
            let server = try FileServer(set.folder, ["--public"], script: "s3_server.py")
            let outcome = try list("s3://bucket/sets", ["AWS_ENDPOINT_URL": server.address + "/"])
            #expect(outcome.status == 0 && outcome.output == lines(set), "\(outcome.errors)")
        }
    }

    @Test(
        arguments: [
            ("s3://bucket/sets", [:], "HTTP 403 (AccessDenied): access is refused: set AWS_ACCESS_KEY_ID"),
            (
                "s3://bucket/sets", keys.merging(["AWS_SECRET_ACCESS_KEY": "x"]) { $1 },
                "HTTP 403 (SignatureDoesNotMatch): access is refused: check the keys"
            ),
            (
                "s3://bucket/sets", keys.merging(["AWS_REGION": "xx-1"]) { $1 },
                "(PermanentRedirect): the bucket is in another region: set AWS_REGION=us-east-1"
            ),
            (
                "s3://bucket/none", keys,
                "s3://bucket/none/dataset.json: cannot open: HTTP 404 (NoSuchKey): there is no such file"
            ),
            ("s3://other/sets", keys, "HTTP 404 (NoSuchBucket)"),
            ("s3://bucket/sets", ["AWS_ACCESS_KEY_ID": "x"], "AWS_SECRET_ACCESS_KEY is not"),
            ("s3://bucket/sets", ["AWS_ENDPOINT_URL": "127.0.0.1"], "AWS_ENDPOINT_URL=127.0.0.1: an address"),
            ("s3://", [:], "s3://BUCKET/KEY is expected"),
        ] as [(String, [String: String], String)])
    func saysWhyABucketCannotBeRead(_ source: String, _ variables: [String: String], _ message: String) throws {
        try withShards { _, set in
            let server = try FileServer(set.folder, script: "s3_server.py")
            let outcome = try list(source, ["AWS_ENDPOINT_URL": server.address].merging(variables) { $1 })
            #expect(outcome.status == 1 && outcome.errorLines.count == 1, "\(outcome.errors)")
            #expect(outcome.errors.contains(message), "\(outcome.errors)")
        }
    }

    @Test(.requires(openssl)) func checksCertificates() throws {
        try withShards { scratch, set in
            let pem = scratch.path("server.pem")
            let made = try Programs.run(
                "/usr/bin/env",
                ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-days", "2"]
                    + [
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", pem, "-out",
                        scratch.path("certificate.pem"),
                    ])
            #expect(made.status == 0, "\(made.errors)")
            let certificate = try Data(contentsOf: URL(filePath: scratch.path("certificate.pem")))
            let file = try FileHandle(forWritingTo: URL(filePath: pem))
            try file.seekToEnd()
            try file.write(contentsOf: certificate)
            let server = try FileServer(set.folder, ["--certificate", pem])
            for variable in ["CURL_CA_BUNDLE", "SSL_CERT_FILE"] {
                let trusted = try list(server.address, [variable: scratch.path("certificate.pem")])
                #expect(trusted.status == 0 && trusted.output == lines(set), "\(trusted.errors)")
            }
            let unknown = try list(server.address)
            #expect(unknown.status == 1 && unknown.errors.contains("certificate"), "\(unknown.errors)")
            #expect(unknown.errors.contains("CURL_CA_BUNDLE") && !unknown.errors.contains("tried"), "\(unknown.errors)")
        }
    }

    @Test func usesTheProxyOfTheEnvironment() throws {
        try withShards { _, set in
            // A server takes a proxy's requests as its own: it looks at the last part of an address alone.
            let server = try FileServer(set.folder)
            let outcome = try list("http://set.invalid/set", ["http_proxy": server.address, "no_proxy": ""])
            #expect(outcome.status == 0 && outcome.output == lines(set), "\(outcome.errors)")
            let direct = try list("http://set.invalid/set", ["http_proxy": server.address, "no_proxy": "set.invalid"])
            #expect(direct.status == 1 && direct.errors.contains("set.invalid"), "\(direct.errors)")
        }
    }

    @Test func endsWithinASecondWhenInterrupted() throws {
        try withShards { _, set in
            let server = try FileServer(set.folder, ["--hang"])
            let running = try RunningProgram(["bench-loader", server.address, "--list-keys"])
            while try server.counts().archives == 0 { usleep(50_000) }
            let outcome = try running.stop(SIGINT)
            #expect(outcome.status == 1 && !outcome.timedOut, "\(outcome.status): \(outcome.errors)")
            #expect(outcome.errors.contains("interrupted"), "\(outcome.errors)")
        }
    }
}
