import Codec
import Foundation
import Storage
import SystemPackage
import TestSupport
import Testing

/// Videos on servers that break off, refuse, change and cannot do much, beside the same files on disk.
@Suite struct RemoteVideoTests {
    /// Some megabytes of noise: many pieces.
    private static let clip = Result {
        let folder = FilePath(NSTemporaryDirectory()).appending("pframe-remote-\(UUID().uuidString)")
        try FileManager.default.createDirectory(atPath: folder.string, withIntermediateDirectories: true)
        try ffmpeg(
            [
                "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25,noise=alls=80:allf=t", "-frames:v", "40", "-c:v",
                "libx264",
            ]
                + ["-preset", "ultrafast", "-crf", "8", "-pix_fmt", "yuv420p", folder.appending("clip.mp4").string])
        for (name, options) in [
            ("clip.mkv", []), ("fast.mp4", ["-movflags", "faststart"]), ("clip.ts", []), ("clip.avi", []),
        ]
            + [("fragments.mp4", ["-movflags", "frag_keyframe+empty_moov"]), ("clip.h264", [])] as [(String, [String])]
        {
            try ffmpeg(
                ["-i", folder.appending("clip.mp4").string, "-c", "copy"] + options + [folder.appending(name).string])
        }
        return folder
    }

    /// Every picture, as bytes of its planes, and what is known of the file.
    private func digest(_ path: FilePath) throws -> [String] {
        let reader = try VideoReader(path: path)
        var lines: [String] = []
        while let picture = try reader.next() {
            let hash = SHA256()
            for plane in 0..<3 { hash.update(picture.bytes(plane)) }
            lines.append("\(hash.digest) \(picture.time ?? -1) \(picture.type) \(picture.isDamaged)")
        }
        return lines + ["\(reader.damaged) \(reader.truncation ?? "whole")"]
    }

    private static let names = [
        "clip.mp4", "fast.mp4", "fragments.mp4", "clip.mkv", "clip.ts", "clip.avi", "clip.h264",
    ]

    @Test("the pictures are those of the file", arguments: names, [[], ["--no-ranges"]])
    func samePictures(_ name: String, _ options: [String]) throws {
        let folder = try Self.clip.get()
        let server = try FileServer(folder, options)
        let local = try digest(folder.appending(name))
        #expect(local.count == 41)
        #expect(try digest(FilePath(location: "\(server.address)/\(name)?x=a//b/")) == local)
    }

    @Test("broken and refused transfers are tried again", arguments: [[], ["--no-ranges"]])
    func broken(_ options: [String]) throws {
        let folder = try Self.clip.get()
        let faults = ["--ending", ".mp4", "--drop", "4", "--refuse", "2", "--slow"]
        let server = try FileServer(folder, faults + options)
        #expect(try digest(FilePath(location: server.address + "/clip.mp4")) == digest(folder.appending("clip.mp4")))
        #expect(try server.counts().refusals.count == 2)
    }

    @Test(
        "a file that its container says is longer is cut off, here as there",
        arguments: ["clip.mkv", "fragments.mp4", "clip.avi"])
    func cutOff(_ name: String) throws {
        let folder = try Self.clip.get()
        try withTemporaryFolder { other in
            let bytes = try contents(of: folder.appending(name))
            try put(Array(bytes.prefix(bytes.count * 2 / 3)), at: other.appending(name))
            let local = try digest(other.appending(name))
            #expect(local.last?.hasSuffix("whole") == false, "\(local.last ?? "")")
            for options in [[], ["--no-ranges"]] {
                let server = try FileServer(other, options)
                #expect(try digest(FilePath(location: "\(server.address)/\(name)")) == local)
            }
        }
    }

    @Test("a server that stops giving bytes is no end of the video")
    func stops() throws {
        let folder = try Self.clip.get()
        let server = try FileServer(folder, ["--ending", ".mkv"])
        let path = FilePath(location: server.address + "/clip.mkv")
        let reader = try VideoReader(path: path)
        _ = try #require(try reader.next())
        server.stop()
        let error = try codecError { while try reader.next() != nil {} }
        #expect(error.code == .unreachable && error.path == path, "\(error)")
        #expect(error.description.hasPrefix("\(server.address)/clip.mkv: ") && error.message.contains("tried 5 times"))
        #expect(!error.message.contains(server.address), "\(error)")
        let later = try codecError { _ = try VideoReader(path: path) }
        #expect(later.code == .unreachable && later.message.contains("Connection refused"), "\(later)")
    }

    @Test("a file that is replaced while it is read is named", arguments: [["--retag", "3"], ["--grow", "9"]])
    func replaced(_ options: [String]) throws {
        let server = try FileServer(try Self.clip.get(), ["--ending", ".mkv"] + options)
        let error = try codecError { _ = try digest(FilePath(location: server.address + "/clip.mkv")) }
        #expect(error.code == .conflict && error.message.contains("changed"), "\(error)")
    }

    @Test("a size that no file has is an error")
    func absurdSize() throws {
        let server = try FileServer(try Self.clip.get(), ["--told", "\(Int.max)"])
        let error = try codecError { _ = try VideoReader(path: FilePath(location: server.address + "/clip.ts")) }
        #expect(error.code == .damaged && error.message.contains("\(Int.max) bytes"), "\(error)")
    }

    @Test("what a server refuses is named by its number")
    func refused() throws {
        let server = try FileServer(
            try Self.clip.get(), ["--password", Data("me:a secret".utf8).base64EncodedString()])
        let bare = server.address.dropFirst("http://".count)
        let error = try codecError { _ = try VideoReader(path: FilePath(location: "http://me:wrong@\(bare)/clip.mp4")) }
        #expect(error.code == .refused && error.message.contains("HTTP 401"), "\(error)")
        #expect(!error.description.contains("wrong") && !error.description.contains("me:"), "\(error)")
        #expect(try digest(FilePath(location: "http://me:a%20secret@\(bare)/clip.mp4")).count == 41)
        let missing = try codecError {
            _ = try VideoReader(path: FilePath(location: "http://me:a%20secret@\(bare)/none.mp4"))
        }
        #expect(missing.code == .missing && missing.message.contains("HTTP 404"), "\(missing)")
    }

    @Test("files that other files name are not opened")
    func opensNoOtherFiles() throws {
        let folder = try Self.clip.get()
        try withTemporaryFolder { other in
            let list = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n\(folder.appending("clip.ts"))\n#EXT-X-ENDLIST\n"
            try put(Array(list.utf8), at: other.appending("list.m3u8"))
            let server = try FileServer(other)
            #expect(throws: PFrameError.self) {
                let pictures = try digest(FilePath(location: server.address + "/list.m3u8"))
                Issue.record("\(pictures.count) pictures of a local file")
            }
        }
    }
}
