import ArgumentParser
import Codec
import Dataset
import Storage

/// How videos are cut into clips.
struct ClipArguments: ParsableArguments {
    @Option(help: "Frames per clip; default: 16.")
    var frames: Int?

    @Option(
        help: ArgumentHelp(
            "Lengths of clips in frames: a shot is cut by the greatest, its rest by the next smaller ones.",
            valueName: "16,32"), transform: lengthsOfClips)
    var lengths: [Int]?

    @Option(help: "Frames per second (8); each instant takes the nearest frame. source/N: the video's own rate over N.")
    var fps: SamplingRate?

    @Option(help: "Take every Nth frame instead, whatever its time.")
    var stride: Int?

    @Option(help: "Frames from the start of one clip to the start of the next; default: --frames.")
    var hop: Int?

    @Option(help: "Take at most this many clips per video or span, the first ones.")
    var clipsPerVideo: Int?

    @OptionGroup var cuts: CutArguments

    @Flag(help: "Let clips run across cuts.")
    var noCuts = false

    @Option(help: "Size of the clips in pixels: 128, or WxH such as 320x256; default: 128.")
    var size: Size?

    @Option(
        help: ArgumentHelp(
            "Sizes of clips: each clip gets the size nearest in aspect. A shard holds clips of one size and length.",
            valueName: "320x192,192x320"), transform: sizesOfClips)
    var buckets: [Size]?

    @Option(help: "With --buckets: enlarge pictures at most this many times; default: 1.")
    var enlarge: Double?

    @Option(help: "crop (fill the frame), pad (black bars) or stretch.")
    var fit = ClipOptions.Fit.crop

    var options: ClipOptions {
        var options = ClipOptions()
        if let frames { options.frames = frames }
        (options.stride, options.hop) = (stride, hop)
        switch fps ?? .perSecond(8) {
        case .perSecond(let rate): options.framesPerSecond = rate
        case .source(let divisor): options.sourceDivisor = divisor
        }
        (options.clipsPerVideo, options.fit) = (clipsPerVideo, fit)
        options.cuts = noCuts ? nil : cuts.rule
        if let size { (options.width, options.height) = (size.width, size.height) }
        if buckets != nil || lengths != nil {
            options.buckets = ClipBuckets(
                sizes: buckets ?? [Size(width: options.width, height: options.height)],
                lengths: lengths ?? [options.frames], largestEnlargement: buckets == nil ? nil : enlarge ?? 1)
        }
        return options
    }

    /// The options that give clips of a video that is too short, in brackets; `shots` are those that it was cut into.
    static func remedy(for options: ClipOptions, shots: Int) -> String {
        let length = (options.buckets?.lengths.count ?? 1) > 1 ? "--lengths" : "--frames"
        let step = options.stride == nil ? "--fps" : "--stride"
        let cuts = shots > 1 ? options.cuts.map { "; " + CutArguments.remedy(for: $0) } ?? "" : ""
        return " (\(length), \(step))\(cuts)"
    }

    func validate() throws {
        if size != nil, buckets != nil { throw ValidationError("--size and --buckets exclude each other") }
        if frames != nil, lengths != nil { throw ValidationError("--frames and --lengths exclude each other") }
        if fps != nil, stride != nil { throw ValidationError("--fps and --stride exclude each other") }
        if enlarge != nil, buckets == nil { throw ValidationError("--enlarge is for --buckets") }
        if noCuts, cuts.areGiven {
            throw ValidationError("--no-cuts excludes --cut-rule, --cut-threshold and --min-shot")
        }
    }
}

private func sizesOfClips(_ text: String) throws -> [Size] {
    let sizes = text.split(separator: ",", omittingEmptySubsequences: false).map { Size(String($0)) }
    guard !sizes.contains(nil) else {
        throw ValidationError("--buckets takes sizes such as 256x256,320x192, not \(text)")
    }
    return sizes.compactMap(\.self)
}

private func lengthsOfClips(_ text: String) throws -> [Int] {
    let lengths = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    guard !lengths.contains(nil) else {
        throw ValidationError("--lengths takes numbers of frames such as 16,32, not \(text)")
    }
    return lengths.compactMap(\.self)
}
