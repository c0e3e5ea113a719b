import Codec
import Glibc
import Storage
import SystemPackage
import TestSupport
import Testing

/// Codes of errors that no other test provokes; most tests of a failure expect its code beside its message.
@Suite struct ErrorCodeTests {
    @Test("a program without the right to run is refused")
    func refused() throws {
        try withTemporaryFolder { folder in
            let program = folder.appending("program")
            try put(Array("#!/bin/sh\n".utf8), at: program)
            let error = try codecError {
                _ = try ChildProcess([program.string], output: .standardOutput, errors: .standardError)
            }
            #expect(error.code == .refused && error.message.hasSuffix("Permission denied"))
            let absent = try codecError {
                _ = try ChildProcess([program.string + "s"], output: .standardOutput, errors: .standardError)
            }
            #expect(absent.code == .missing)
        }
    }

    @Test("a read-only file system refuses", .requires(.mounting))
    func readOnly() throws {
        try withTemporaryFolder { folder in
            try #require(mount("tmpfs", folder.string, "tmpfs", UInt(MS_RDONLY), "size=64k") == 0)
            defer { umount(folder.string) }
            let file = try codecError { _ = try OutputFile(path: folder.appending("file")) }
            #expect(file.code == .refused && file.path == folder.appending("file"))
            #expect(try codecError { try createFolder(folder.appending("a/b")) }.code == .refused)
        }
    }

    @Test("a full file system is full", .requires(.mounting))
    func full() throws {
        try withTemporaryFolder { folder in
            try #require(mount("tmpfs", folder.string, "tmpfs", 0, "size=64k") == 0)
            defer { umount(folder.string) }
            let path = folder.appending("file")
            let error = try codecError { try replaceFile(path, with: [UInt8](repeating: 1, count: 1 << 20)) }
            #expect(error.code == .full && error.path == path)
            #expect(try names(in: folder).isEmpty)
        }
    }

    @Test("an encrypted video is refused")
    func encrypted() throws {
        try withTemporaryFolder { folder in
            let (clip, locked) = (folder.appending("clip.mp4"), folder.appending("locked.mp4"))
            try writeClip(clip, frames: 2)
            let key = String(repeating: "1", count: 32)
            try ffmpeg([
                "-i", clip.string, "-c", "copy", "-encryption_scheme", "cenc-aes-ctr", "-encryption_key", key,
                "-encryption_kid", key, locked.string,
            ])
            let error = try codecError { _ = try decodeAll(locked) }
            #expect(error.code == .refused && error.path == locked)
        }
    }

    @Test(
        "numbers of the system have codes",
        arguments: [
            (ENOENT, PFrameError.Code.missing), (ENOTDIR, .missing), (EACCES, .refused), (EPERM, .refused),
            (EROFS, .refused), (ENOSPC, .full), (EDQUOT, .full), (ENOMEM, .full), (EAGAIN, .busy), (EBUSY, .busy),
            (EISDIR, .usage), (EEXIST, .conflict), (EOPNOTSUPP, .unsupported), (EINTR, .interrupted), (EIO, .failed),
        ])
    func system(number: CInt, code: PFrameError.Code) {
        let error = PFrameError(Errno(rawValue: number), path: "a", offset: 3, "cannot read")
        #expect(error.code == code)
        #expect(error.description == "a: at byte 3: cannot read: \(Errno(rawValue: number))")
    }
}
