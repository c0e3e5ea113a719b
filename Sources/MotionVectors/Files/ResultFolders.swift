import Storage
public import SystemPackage

/// The folders for the results of several videos, relative to a common folder.
public enum ResultFolders: Sendable {
    /// Names the folder of each video after its file without extension; where two would share a name, both keep their
    /// extensions.
    ///
    /// - Parameter names: the videos as paths below the folder that was searched for them: `a/b.mp4` gives `a/b`.
    /// - Returns: the folders, and the first two videos, by their places, that would still share one.
    public static func names(_ names: [FilePath]) -> (folders: [FilePath], clash: (Int, Int)?) {
        var uses: [FilePath: Int] = [:]
        for name in names { uses[withoutExtension(name), default: 0] += 1 }
        let folders = names.map { uses[withoutExtension($0)] == 1 ? withoutExtension($0) : $0 }
        var owners: [FilePath: Int] = [:]
        for (index, folder) in folders.enumerated() {
            if let other = owners.updateValue(index, forKey: folder) { return (folders, (other, index)) }
        }
        return (folders, nil)
    }

    private static func withoutExtension(_ path: FilePath) -> FilePath {
        var result = path
        result.extension = nil
        return result
    }
}
