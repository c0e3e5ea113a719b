import Storage

/// How a known data set names its videos.
public enum InputLayout: String, Sendable, CaseIterable {
    /// UTD-MHAD (Chen, Jafari and Kehtarnavaz, ICIP 2015): `a1_s1_t1_color.avi`, action, subject and trial.
    case mhad
    /// NATOPS aircraft handling signals (Song, Demirdjian and Davis, FG 2011): `g01s01.avi`, gesture and subject;
    /// `g01s01p01.mp4` where the 20 repetitions were cut apart.
    case natops
    /// BAIR robot pushing (Ebert et al., CoRL 2017) as videos: `train/traj_0_to_255/1.mp4`. It has no captions.
    case bair
    /// WebVid (Bain et al., ICCV 2021): its CSV with `videoid,contentUrl,duration,page_dir,name`, and
    /// `page_dir/videoid.mp4`.
    case webvid
    /// Panda-70M (Chen et al., CVPR 2024): its CSV with `videoID,url,timestamp,caption,matching_score`, a list of clips in
    /// every column from the third on, and `videoID.mp4`.
    case panda70m

    /// What a name says.
    struct Facts: Equatable {
        var caption: String?
        var values: [String: JSONValue] = [:]
    }

    /// What the names of videos look like, for messages.
    var pattern: String {
        switch self {
        case .mhad: "aA_sS_tT_color.avi with A in 1...27, as a1_s1_t1_color.avi"
        case .natops: "gGGsSS.avi or gGGsSSpPP.avi with GG in 01...24, as g01s01.avi"
        case .bair: "[SPLIT/]traj_A_to_B/K.mp4 or traj_A_to_B_K.mp4, as train/traj_0_to_255/1.mp4"
        case .webvid: "page_dir/videoid.mp4"
        case .panda70m: "videoID.mp4"
        }
    }

    /// Whether videos, captions and times stand in the data set's own CSV.
    var readsList: Bool { self == .webvid || self == .panda70m }

    /// Whether names or the list give captions.
    var hasCaptions: Bool { self != .bair }

    /// The columns that names give, and their types.
    var columns: [String: ColumnType] {
        switch self {
        case .mhad, .natops: ["label": .text, "subject": .integer, "trial": .integer]
        case .bair: ["split": .text, "trajectory": .text]
        case .webvid, .panda70m: [:]
        }
    }

    /// Whether a file lies among the videos and is known to be none: NATOPS' masks and depth maps.
    func passesOver(_ name: String) -> Bool {
        guard self == .natops, let last = Self.stem(name).utf8.last else { return false }
        return [UInt8(ascii: "m"), UInt8(ascii: "d")].contains(last | 0x20)
            && facts(String(Self.stem(name).dropLast())) != nil
    }

    /// Reads a name; nil if it does not fit.
    func facts(_ name: String) -> Facts? {
        switch self {
        case .mhad: Self.mhad(Self.stem(name))
        case .natops: Self.natops(Self.stem(name))
        case .bair: Self.bair(name)
        case .webvid, .panda70m: Facts()
        }
    }

    private static func mhad(_ stem: Substring) -> Facts? {
        var scanner = NameScanner(stem)
        guard scanner.take("a"), let action = scanner.number(), scanner.take("_s"), let subject = scanner.number(),
            scanner.take("_t"), let trial = scanner.number(), scanner.isAtEnd || scanner.take("_"),
            GestureNames.mhad.indices.contains(action - 1)
        else { return nil }
        let name = GestureNames.mhad[action - 1]
        return Facts(
            caption: name.caption,
            values: ["label": .text(name.label), "subject": .integer(subject), "trial": .integer(trial)])
    }

    private static func natops(_ stem: Substring) -> Facts? {
        var scanner = NameScanner(stem)
        guard scanner.take("g"), let gesture = scanner.number(), scanner.take("s"), let subject = scanner.number(),
            GestureNames.natops.indices.contains(gesture - 1)
        else { return nil }
        let trial = scanner.take("p") ? scanner.number() : nil
        guard scanner.isAtEnd else { return nil }
        let label = GestureNames.natops[gesture - 1]
        return Facts(
            caption: label,
            values: ["label": .text(label), "subject": .integer(subject), "trial": trial.map { .integer($0) } ?? .null])
    }

    private static func bair(_ name: String) -> Facts? {
        let parts = name.split(separator: "/")
        let split = parts.dropLast().last { ["train", "test", "val", "validation"].contains($0) }
        var scanner = NameScanner(
            parts.suffix(2).count == 2 && parts[parts.count - 2].hasPrefix("traj_")
                ? parts[parts.count - 2] + "/" + stem(name) : stem(name)[...])
        guard scanner.take("traj_"), let first = scanner.number(), scanner.take("_to_"), let last = scanner.number(),
            scanner.take("/") || scanner.take("_"), let number = scanner.number(), scanner.isAtEnd
        else { return nil }
        return Facts(
            values: [
                "split": split.map { .text(String($0)) } ?? .null,
                "trajectory": .text("traj_\(first)_to_\(last)/\(number)"),
            ])
    }

    /// The file's name without folders and extension.
    private static func stem(_ name: String) -> Substring {
        let file = name.split(separator: "/").last ?? ""
        guard let dot = file.lastIndex(of: "."), dot > file.startIndex else { return file }
        return file[..<dot]
    }
}

/// Reads a file name from left to right, letters in either case.
private struct NameScanner {
    private var rest: Substring.UTF8View

    init(_ name: Substring) { rest = name.utf8 }

    var isAtEnd: Bool { rest.isEmpty }

    /// Passes over `text` where it is next.
    mutating func take(_ text: StaticString) -> Bool {
        let isNext = text.withUTF8Buffer { text in
            rest.count >= text.count && zip(rest, text).allSatisfy { $0 == $1 || ($0 | 0x20) == $1 }
        }
        if isNext { rest = rest.dropFirst(text.utf8CodeUnitCount) }
        return isNext
    }

    /// The whole number of up to nine digits that is next.
    mutating func number() -> Int? {
        let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard (1...9).contains(digits.count) else { return nil }
        rest = rest.dropFirst(digits.count)
        return digits.reduce(0) { 10 * $0 + Int($1 - UInt8(ascii: "0")) }
    }
}

/// What the actions of UTD-MHAD and the gestures of NATOPS are called, in the order of their numbers.
enum GestureNames {
    /// The 27 actions of UTD-MHAD: a short label, and the action as its authors describe it.
    static let mhad: [(label: String, caption: String)] = [
        ("swipe left", "right arm swipe to the left"),
        ("swipe right", "right arm swipe to the right"),
        ("wave", "right hand wave"),
        ("clap", "two hand front clap"),
        ("throw", "right arm throw"),
        ("arm cross", "cross arms in the chest"),
        ("basketball shoot", "basketball shoot"),
        ("draw x", "right hand draw x"),
        ("draw circle clockwise", "right hand draw circle (clockwise)"),
        ("draw circle counter clockwise", "right hand draw circle (counter clockwise)"),
        ("draw triangle", "draw triangle"),
        ("bowling", "bowling (right hand)"),
        ("boxing", "front boxing"),
        ("baseball swing", "baseball swing from right"),
        ("tennis swing", "tennis right hand forehand swing"),
        ("arm curl", "arm curl (two arms)"),
        ("tennis serve", "tennis serve"),
        ("push", "two hand push"),
        ("knock", "right hand knock on door"),
        ("catch", "right hand catch an object"),
        ("pickup and throw", "right hand pick up and throw"),
        ("jog", "jogging in place"),
        ("walk", "walking in place"),
        ("sit to stand", "sit to stand"),
        ("stand to sit", "stand to sit"),
        ("lunge", "forward lunge (left foot forward)"),
        ("squat", "squat (two arms stretch out)"),
    ]

    /// The 24 gestures of NATOPS.
    static let natops = [
        "I have command", "all clear", "not clear", "spread wings", "fold wings", "lock wings", "up hook", "down hook",
        "remove tiedowns", "remove chocks", "insert chocks", "move ahead", "turn left", "turn right", "next marshaller",
        "slow down", "stop", "nosegear steering", "hot brakes", "brakes on", "brakes off", "install tiedowns", "fire",
        "cut engine",
    ]
}
