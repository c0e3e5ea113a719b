import Codec
import Glibc
import Storage
package import SystemPackage

/// What a path leads to.
package enum FileFacts: Sendable, Equatable {
    /// A file, or a link to one.
    case file(bytes: Int)
    /// A folder, or a link to one.
    case folder
    /// A pipe, a socket or a device; standard input.
    case special
    /// The address of a file on a server, which is not asked.
    case address
    /// Nothing that can be read, and why.
    case missing(String)

    /// Asks the file system (`stat`, `access`).
    package init(_ path: FilePath) {
        if path.address != nil {
            self = .address
            return
        }
        if path.isStandardInput {
            self = .special
            return
        }
        var facts = stat()
        guard path.withPlatformString({ stat($0, &facts) }) == 0, path.withPlatformString({ access($0, R_OK) }) == 0
        else {
            let code = Errno(rawValue: errno)
            let remark = code == .noSuchFileOrDirectory ? path.nameOfNoFile : nil
            self = .missing(remark ?? "cannot open: \(code)")
            return
        }
        switch facts.st_mode & S_IFMT {
        case S_IFDIR: self = .folder
        case S_IFREG: self = .file(bytes: Int(facts.st_size))
        default: self = .special
        }
    }
}

/// Finds the videos below a folder.
package enum VideoFiles: Sendable {
    /// What a search comes across; paths are relative to the folder that is searched.
    package enum Found: Sendable, Equatable {
        /// A file that is a video by its name.
        case video(FilePath, bytes: Int)
        /// A file that is none by its name, or a link to a folder.
        case other(FilePath)
        /// What cannot be read, and why.
        case problem(FilePath, reason: String)
    }

    /// What counts as a video in a folder, in lower case.
    private static let extensions: Set<String> = [
        "mp4", "m4v", "mov", "mkv", "webm", "avi", "ts", "m2ts", "mts", "mpg", "mpeg", "m2v", "vob", "3gp", "flv",
        "wmv", "ogv", "h264", "264", "avc", "h263", "mxf", "gif",
    ]

    /// What counts as a picture, in lower case.
    private static let pictures: Set<String> = [
        "png", "jpg", "jpeg", "bmp", "tif", "tiff", "webp", "ppm", "pgm", "exr", "dpx",
    ]

    /// Whether a file counts as a video by its extension, in capitals or not.
    package static func isVideo(_ path: FilePath) -> Bool {
        path.extension.map { extensions.contains($0.lowercased()) } ?? false
    }

    /// Whether a file counts as a picture by its extension, in capitals or not.
    static func isPicture(_ path: FilePath) -> Bool {
        path.extension.map { pictures.contains($0.lowercased()) } ?? false
    }

    /// Searches `folder` and the folders below it, each in the order of its names' bytes.
    ///
    /// Hidden names are skipped. Links to folders are not followed, because they may lead back up.
    package static func search(_ folder: FilePath, visit: (Found) -> Void) {
        search(folder, below: FilePath(""), visit)
    }

    private static func search(_ folder: FilePath, below prefix: FilePath, _ visit: (Found) -> Void) {
        let names: [[CChar]]
        switch folderEntries(folder) {
        case .success(let found): names = found
        case .failure(let error): return visit(.problem(prefix, reason: "cannot list the folder: \(error)"))
        }
        for bytes in names where bytes[0] != CChar(bitPattern: UInt8(ascii: ".")) {
            guard let name = FilePath.Component(platformString: bytes) else { continue }
            let (path, relative) = (folder.appending(name), prefix.appending(name))
            switch FileFacts(path) {
            case .folder where isLink(path): visit(.other(relative))
            case .folder: search(path, below: relative, visit)
            case _ where !isVideo(relative): visit(.other(relative))
            case .file(let bytes): visit(.video(relative, bytes: bytes))
            case .address, .special: visit(.problem(relative, reason: "is a pipe, a socket or a device, not a file"))
            case .missing(let reason): visit(.problem(relative, reason: reason))
            }
        }
    }

    /// Whether a path is a symbolic link.
    private static func isLink(_ path: FilePath) -> Bool {
        var facts = stat()
        return path.withPlatformString { lstat($0, &facts) } == 0 && facts.st_mode & S_IFMT == S_IFLNK
    }
}

/// Pictures that a search for videos came across, and the folders that hold them: frames of videos, mostly, that somebody
/// took apart.
package struct PictureCount: Sendable, Equatable {
    /// How many.
    package private(set) var pictures = 0
    /// The folders that hold one or more.
    private var folders: Set<FilePath> = []

    /// None.
    package init() {}

    /// Counts a file of a search, where it is a picture by its name.
    package mutating func add(_ path: FilePath) {
        guard VideoFiles.isPicture(path) else { return }
        pictures += 1
        folders.insert(path.removingLastComponent())
    }

    /// Adds what another search came across.
    mutating func add(_ other: PictureCount) {
        pictures += other.pictures
        folders.formUnion(other.folders)
    }

    /// `48 pictures in 3 folders, which are not videos: make one of a folder with …`; nil if there is none.
    package var remark: String? {
        guard pictures > 0 else { return nil }
        let (many, places) = (pictures == 1 ? "picture" : "pictures", folders.count == 1 ? "folder" : "folders")
        return "\(pictures) \(many) in \(folders.count) \(places); a folder of pictures is not a video: make one with "
            + "ffmpeg -framerate 25 -pattern_type glob -i 'FOLDER/*.png' -crf 12 -pix_fmt yuv420p FOLDER.mp4"
    }
}
