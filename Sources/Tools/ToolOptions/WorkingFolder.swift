import Glibc

/// The folder that relative paths start from.
package enum WorkingFolder {
    /// Its absolute path; `.` where it is gone.
    package static var path: String {
        guard let text = getcwd(nil, 0) else { return "." }
        defer { free(text) }
        return String(cString: text)
    }
}
