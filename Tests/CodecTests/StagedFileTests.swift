import Codec
import Storage
import SystemPackage
import TestSupport
import Testing

@Suite struct StagedFileTests {
    @Test("an uncommitted file leaves nothing and keeps what stood there", arguments: [false, true])
    func uncommitted(exists: Bool) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("result.mp4")
            if exists { try put([7], at: path) }
            do {
                let staged = StagedFile(path: path)
                #expect(staged.path.extension == "mp4")
                #expect(staged.path.removingLastComponent() == folder)
                try put([1, 2, 3], at: staged.path)
                #expect(try names(in: folder).count == (exists ? 2 : 1))
            }
            #expect(try names(in: folder) == (exists ? ["result.mp4"] : []))
            if exists { #expect(try contents(of: path) == [7]) }
        }
    }

    @Test("a committed file stands alone in its place", arguments: [false, true])
    func committed(exists: Bool) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("result.mp4")
            if exists { try put([7], at: path) }
            do {
                var staged = StagedFile(path: path)
                try put([1, 2, 3], at: staged.path)
                try staged.commit()
            }
            #expect(try names(in: folder) == ["result.mp4"])
            #expect(try contents(of: path) == [1, 2, 3])
        }
    }

    @Test("committing what was never written, or over a folder, is an error that names the target")
    func failing() throws {
        try withTemporaryFolder { folder in
            let (path, taken) = (folder.appending("result.mp4"), folder.appending("taken.mp4"))
            try createFolder(taken)
            for target in [path, taken] {
                let error = try codecError {
                    var staged = StagedFile(path: target)
                    if target == taken { try put([1], at: staged.path) }
                    try staged.commit()
                }
                #expect(error.path == target)
            }
            #expect(try names(in: folder) == ["taken.mp4"])
        }
    }

    @Test("two writers of one folder exclude each other, and the second leaves the first alone")
    func oneWriter() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("result")
            do {
                var first = try StagedFolder(path: path)
                try put([1], at: first.stage("a.npy"))
                let error = try codecError { _ = try StagedFolder(path: path) }
                #expect(error.code == .busy && error.path == path)
                try first.commit(last: "a.npy", known: ["a.npy"])
            }
            _ = try StagedFolder(path: path)
            #expect(try names(in: path) == ["a.npy"])
        }
    }
}
