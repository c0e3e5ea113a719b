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
