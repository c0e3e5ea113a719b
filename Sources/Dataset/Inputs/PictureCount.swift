import Storage
public import SystemPackage

/// Pictures that a search for videos came across, and the folders that hold them: frames of videos, mostly, that somebody
/// took apart.
public struct PictureCount: Sendable, Equatable {
    /// How many.
    public private(set) var pictures = 0
    /// The folders that hold one or more.
    private var folders: Set<FilePath> = []

    /// None.
    public init() {}

    /// Counts a file of a search, where it is a picture by its name.
    public mutating func add(_ path: FilePath) {
        guard VideoFiles.isPicture(path) else { return }
        pictures += 1
        folders.insert(path.removingLastComponent())
    }

    /// Adds what another search came across.
    mutating func add(_ other: PictureCount) {
        pictures += other.pictures
        folders.formUnion(other.folders)
    }

    /// `48 pictures in 3 folders, which are no videos: make one of a folder with …`; nil where there is none.
    public var remark: String? {
        guard pictures > 0 else { return nil }
        let (many, places) = (pictures == 1 ? "picture" : "pictures", folders.count == 1 ? "folder" : "folders")
        return "\(pictures) \(many) in \(folders.count) \(places), and a folder of pictures is no video: make one with "
            + "ffmpeg -framerate 25 -pattern_type glob -i 'FOLDER/*.png' -crf 12 -pix_fmt yuv420p FOLDER.mp4"
    }
}
