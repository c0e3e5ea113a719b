import Storage

/// What a path in a tar file says by WebDataset's rule: the key is everything before the first dot of the last
/// component, folders included; the member's name is everything behind it, in small letters.
package struct SampleName: Equatable {
    package let key: String
    package let member: String

    /// Nil for what belongs to no sample: no dot, a hidden file, nothing behind the dot, or a leading `__name__`.
    package init?(_ path: String) {
        let start = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { path.utf8.index(after: $0) } ?? path.startIndex
        guard let dot = path[start...].utf8.firstIndex(of: UInt8(ascii: ".")), dot > start else { return nil }
        let member = path[path.utf8.index(after: dot)...].lowercased()
        let first = path.prefix { $0 != "/" }
        guard !member.isEmpty, !(first.utf8.count >= 4 && first.hasPrefix("__") && first.hasSuffix("__")) else {
            return nil
        }
        key = String(path[..<dot])
        self.member = member
    }
}
