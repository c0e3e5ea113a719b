import Glibc
package import SystemPackage

/// The folder that relative paths start from.
package enum WorkingFolder {
    /// Its absolute path; `.` where it is gone.
    package static var path: String {
        guard let text = getcwd(nil, 0) else { return "." }
        defer { free(text) }
        return String(cString: text)
    }

    /// A path as it is from any folder.
    package static func absolute(_ path: FilePath) -> FilePath {
        path.isAbsolute ? path : FilePath(Self.path).appending(path.components)
    }
}
