import Codec
import Storage
import SystemPackage
import TestSupport
import Testing

@Suite struct FolderTests {
    @Test("folders above are created, existing ones are fine, files in the way are errors")
    func folders() throws {
        try withTemporaryFolder { folder in
            let deep = folder.appending("a/b/c")
            try createFolder(deep)
            try createFolder(deep)
            #expect(try names(in: folder.appending("a/b")) == ["c"])
            try put([1], at: folder.appending("file"))
            for name in ["file", "file/below"] {
                let error = try codecError { try createFolder(folder.appending(name)) }
                #expect(error.description.contains(folder.appending("file").string))
            }
        }
    }
}
