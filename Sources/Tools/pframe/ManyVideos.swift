import ArgumentParser
import Codec
import Dataset
import Storage
import Synchronization
import SystemPackage
import ToolOptions

/// The videos that a command works on.
struct VideoInputs: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "Videos, folders of videos (searched recursively), http, https and s3 addresses, or - for standard input.",
            valueName: "video"),
        completion: .file())
    var videos: [FilePath] = []

    mutating func validate() throws {
        if videos.isEmpty { throw ValidationError("name at least one video or folder of videos") }
        try videos.forEach { try $0.checkAddress() }
    }

    /// A video, and its path below the folder that was given; of a video that was given itself, its name.
    struct Item {
        let path: FilePath
        let name: FilePath
        let bytes: Int
    }

    /// What could not be read, and why.
    struct Problem {
        let path: FilePath
        let reason: String
    }

    /// What was found.
    struct Found {
        let items: [Item]
        let problems: [Problem]
    }

    /// Every video, folders searched, in a stable order; and what could not be read.
    func resolve() -> Found {
        var found: [Item] = []
        var problems: [Problem] = []
        for input in videos {
            switch FileFacts(input) {
            case .folder:
                let before = found.count
                var pictures = PictureCount()
                VideoFiles.search(input) { item in
                    switch item {
                    case .video(let name, let bytes):
                        found.append(Item(path: input.pushing(name), name: name, bytes: bytes))
                    case .other(let name): pictures.add(name)
                    case .problem(let name, let reason):
                        problems.append(Problem(path: input.pushing(name), reason: reason))
                    }
                }
                if found.count == before {
                    let reason = "no videos in this folder" + (pictures.remark.map { "; it holds \($0)" } ?? "")
                    problems.append(Problem(path: input, reason: reason))
                }
            case .file(let bytes): found.append(Item(path: input, name: Self.name(input), bytes: bytes))
            // A pipe that is named itself is tried: it may hold a video.
            case .special, .address: found.append(Item(path: input, name: Self.name(input), bytes: 0))
            case .missing(let reason): problems.append(Problem(path: input, reason: reason))
            }
        }
        var seen = Set<FilePath>()
        return Found(items: found.filter { seen.insert($0.path).inserted }, problems: problems)
    }

    private static func name(_ path: FilePath) -> FilePath {
        guard path.address != nil || path.isStandardInput else {
            return FilePath(root: nil, [path.lastComponent].compactMap { $0 })
        }
        return FilePath(root: nil, [path.fileName.flatMap { FilePath.Component($0) }].compactMap { $0 })
    }
}

extension FilePath {
    /// Refuses an address that names no file, such as `s3://`, and keys of which one half is missing.
    ///
    /// - Throws: `ValidationError`.
    func checkAddress() throws {
        guard let address else { return }
        do throws(RemoteError) { _ = try RemoteAddress(address) } catch { throw ValidationError(error.message) }
    }

    /// Refuses an address where a folder is wanted.
    ///
    /// - Throws: `ValidationError`.
    func checkIsNoAddress() throws {
        guard let address else { return }
        let copying = address.hasPrefix("s3://") ? " (aws s3 sync \(shown) FOLDER)" : ""
        throw ValidationError("\(shown): is an address, and this command reads folders: download it first\(copying)")
    }
}

/// What became of one video: a line of JSON, a row of the summary.
protocol VideoOutcome: Encodable, Sendable {
    /// A video that could not be read.
    init(video: String, error: String)

    var video: String { get }
    /// Why it failed.
    var error: String? { get }
    var status: VideoStatus { get }
    /// What is wrong or doubtful about a video that did not fail.
    var remarks: [String] { get }
    /// Frames that were read.
    var frames: Int? { get }

    /// What is said once of all videos, nil for nothing.
    static func note(on outcomes: [Self]) -> String?

    /// The names of the summary's columns, `status` left out.
    static var columns: [String] { get }
    /// The summary's row, `status` left out.
    var row: [String] { get }
}

/// How the work on a video ended.
enum VideoStatus: String, Encodable, Sendable {
    case done
    case damaged
    case upToDate = "up-to-date"
    case failed
}

extension VideoOutcome {
    var hasProblems: Bool { status == .failed || status == .damaged }

    /// What to tell at once, nil if all is well.
    var note: String? {
        if let error { return "error: \(error)" }
        return remarks.isEmpty ? nil : "warning: \(video): " + remarks.joined(separator: "; ")
    }

    static func note(on outcomes: [Self]) -> String? { nil }

    /// Works on videos in parallel, and prints the outcomes in the order of the videos.
    ///
    /// - Parameters:
    ///   - summary: whether to print the outcomes; the work may print things of its own.
    ///   - remedy: what to do when the user stopped it.
    ///   - work: what to do with a video; nil if the user stopped it.
    /// - Throws: `DataProblem` if a video has problems, or the user stopped the work.
    static func each(
        of found: VideoInputs.Found, running: RunOptions, report: ReportOptions, summary: Bool = true, remedy: String,
        work: @Sendable (Int, VideoInputs.Item, Progress) -> Self?
    ) throws {
        let items = found.items
        let unread = found.problems.map { Self(video: $0.path.shown, error: "\($0.path.shown): \($0.reason)") }
        for outcome in unread { Console.error(outcome.note ?? "") }
        let progress = Progress(weights: items.map(\.bytes), unit: "video")
        let outcomes = Mutex<[Self?]>(Array(repeating: nil, count: items.count))
        Parallel.forEach(items.count, jobs: running.jobs(for: items.count)) { index in
            guard !Interruption.isRequested, let outcome = work(index, items[index], progress) else { return }
            outcomes.withLock { $0[index] = outcome }
            progress.finish(index, message: outcome.note)
        }
        let all = outcomes.withLock { $0.compactMap { $0 } } + unread
        if let note = note(on: all) { Console.error(note) }
        if summary, report.json {
            for outcome in all { try Console.json(outcome) }
        } else if summary, !all.isEmpty {
            Console.output(table(all, seconds: progress.elapsed))
        }
        if Interruption.isRequested { throw DataProblem.interrupted(remedy) }
        if all.contains(where: \.hasProblems) { throw DataProblem() }
    }

    private static func table(_ outcomes: [Self], seconds: Double) -> String {
        let rows = [columns + ["status"]] + outcomes.map { $0.row + [$0.status.rawValue] }
        let frames = outcomes.reduce(0) { $0 + ($1.frames ?? 0) }
        return Format.table(rows) + "\n"
            + Format.total(
                videos: outcomes.count, frames: frames, seconds: seconds,
                failed: outcomes.count { $0.status == .failed })
    }
}
