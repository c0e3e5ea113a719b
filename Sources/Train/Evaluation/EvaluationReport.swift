import Dataset
public import Storage

/// The result of an evaluation: a table, the protocol, and notes.
public struct EvaluationReport: Sendable {
    /// What was measured of one way to make clips.
    public struct Row: Sendable {
        /// The way: a model's name, `copy-first`, `dct`.
        public let name: String
        /// Of a way to code residuals, the loop.
        public let loop: CodingLoop?
        /// The columns that it has.
        public let values: [EvaluationMetric: Double]
    }

    /// The table.
    public let rows: [Row]
    /// The protocol, in the order of the output.
    public let facts: [(name: String, value: JSONValue)]
    /// What keeps numbers from being compared, and which could not be had.
    public let notes: [String]

    /// Clips below which Fréchet distances are too large to compare with papers', which take 2,048.
    static let enough = 2048

    /// The columns that some row has, in order.
    public var metrics: [EvaluationMetric] {
        EvaluationMetric.allCases.filter { metric in rows.contains { $0.values[metric] != nil } }
    }

    /// The row with the name and the loop.
    public subscript(name: String, loop: CodingLoop? = nil) -> Row? {
        rows.first { $0.name == name && $0.loop == loop }
    }

    /// A seed as JSON holds it: numbers that readers of JSON would round are texts.
    static func number(_ seed: UInt64) -> JSONValue {
        Int(exactly: seed).map { .integer($0) } ?? .text("\(seed)")
    }

    /// How the columns are measured, whatever was evaluated.
    static func measuring(_ networks: EvaluationNetworks) -> [(name: String, value: JSONValue)] {
        let counting = "8-bit RGB; frame 0 is given and counts only in FVD and motion statistics"
        let resizing = networks.resizing.isEmpty ? ["none"] : networks.resizing
        return [("frames_counted", .text(counting)), ("resize", .list(resizing.map { .text($0) }))]
    }

    /// One object: `rows`, `protocol` and `notes`.
    public var json: JSONValue {
        let rows = rows.map { row in
            var members = Dictionary(uniqueKeysWithValues: row.values.map { ($0.rawValue, JSONValue.number($1)) })
            members["name"] = .text(row.name)
            members["loop"] = row.loop.map { .text($0.rawValue) }
            return JSONValue.object(members)
        }
        return .object([
            "rows": .list(rows),
            "protocol": .object(Dictionary(uniqueKeysWithValues: facts.map { ($0.name, $0.value) })),
            "notes": .list(notes.map { .text($0) }),
        ])
    }
}

/// A column of the evaluation's table.
public enum EvaluationMetric: String, Sendable, CaseIterable {
    /// PSNR in dB, of the squared error pooled over frames 1… of a clip; the mean over clips.
    case psnr
    /// SSIM, mean over frames 1… and clips.
    case ssim
    /// PSNR of the last frame, mean over clips.
    case lastPSNR = "psnr_last"
    /// SSIM of the last frame, mean over clips.
    case lastSSIM = "ssim_last"
    /// End-point error in pixels of the motion found in the frames against that found in the real ones.
    case endpoint = "epe"
    /// End-point error in pixels of the model's own vectors against those of the data set.
    case ownEndpoint = "epe_own"
    /// Fréchet distance of statistics of the motion found in the frames.
    case motion = "motion_frechet"
    /// Its mean over class labels.
    case motionByLabel = "motion_cfrechet"
    /// Its mean over subjects.
    case motionBySubject = "motion_sfrechet"
    /// Fréchet video distance: I3D's logits of whole clips.
    case fvd
    /// FVD within a class label, mean over labels.
    case fvdByLabel = "cfvd"
    /// FVD within a subject, mean over subjects.
    case fvdBySubject = "sfvd"
    /// LPIPS, mean over frames 1… and clips.
    case lpips
    /// Fréchet distance of Inception's features of frames 1….
    case fid
    /// Inception score of frames 1….
    case inceptionScore = "is"
    /// CLIP score of frames 1… and caption, mean over clips.
    case clipScore = "clip_score"

    /// The head of its column.
    public var title: String {
        switch self {
        case .psnr: "PSNR"
        case .ssim: "SSIM"
        case .lastPSNR: "PSNR last"
        case .lastSSIM: "SSIM last"
        case .endpoint: "EPE"
        case .ownEndpoint: "EPE own"
        case .motion: "motion"
        case .motionByLabel: "cMotion"
        case .motionBySubject: "sMotion"
        case .fvd: "FVD"
        case .fvdByLabel: "cFVD"
        case .fvdBySubject: "sFVD"
        case .lpips: "LPIPS"
        case .fid: "FID"
        case .inceptionScore: "IS"
        case .clipScore: "CLIP"
        }
    }

    /// Digits behind the point that say something.
    public var decimals: Int {
        switch self {
        case .ssim, .lastSSIM, .lpips: 4
        case .fvd, .fvdByLabel, .fvdBySubject: 1
        default: 2
        }
    }
}
