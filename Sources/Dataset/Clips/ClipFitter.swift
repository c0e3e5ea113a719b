public import Codec
public import Storage
public import SystemPackage

/// Brings pictures to the size of the clips by libswscale with exact rounding, RGB out.
///
/// YCbCr is scaled first and converted to RGB at the small size, because scaling straight to RGB takes libswscale's
/// plain C code. `crop` cuts the picture to the target's proportions first. Sample aspect ratio and orientation are
/// undone: a clip shows what a player shows.
final class ClipFitter {
    private let options: ClipOptions
    private let orientation: Orientation
    private let aspect: Double
    private var plan: Plan?

    /// What to do with pictures of one size and format.
    private struct Plan {
        var crop: Crop
        var scaler: Scaler
        var scaled: Picture
        /// Makes RGB of what `scaler` gives, where that is YCbCr.
        var finish: (scaler: Scaler, rgb: Picture)?
        /// Where the scaled picture stands in the clip's frame.
        var left: Int
        var top: Int
        var source: Size
    }

    /// - Parameters:
    ///   - orientation: how pictures are turned for display.
    ///   - aspect: width of a sample over its height.
    init(_ options: ClipOptions, orientation: Orientation, aspect: Double) {
        self.options = options
        self.orientation = orientation
        self.aspect = aspect
    }

    /// Width of a picture's samples over their height; 1 where the file says none, or none that can be.
    static func aspect(of picture: Picture, in stream: VideoStream) -> Double {
        let aspect = DisplayTags(of: picture, in: stream).sampleAspectRatio?.value ?? 1
        return aspect > 0.05 && aspect < 20 ? aspect : 1
    }

    /// The picture as a frame of a clip.
    func fit(_ picture: Picture) throws(PFrameError) -> RGBImage {
        if plan == nil || plan?.source != picture.size { plan = try makePlan(picture) }
        guard var plan else { preconditionFailure("a plan was just made") }
        let cut = plan.crop == Crop() ? picture : try picture.cropping(plan.crop)
        if !plan.scaler.accepts(cut) {
            plan = try makePlan(picture)
            self.plan = plan
        }
        plan.scaler.scale(cut, into: plan.scaled)
        if let finish = plan.finish { finish.scaler.scale(plan.scaled, into: finish.rgb) }
        return image(plan)
    }

    /// The frame of the clip as it lies in stored pictures.
    private var frame: Size {
        // Exchanging the sides is its own inverse.
        orientation.shown(Size(width: options.width, height: options.height))
    }

    /// Where the pixels of the frame that was fitted last come from.
    var geometry: ClipGeometry? {
        plan.map {
            ClipGeometry(
                source: $0.source, crop: $0.crop, scaled: $0.scaled.size, left: $0.left, top: $0.top, frame: frame,
                orientation: orientation)
        }
    }

    private func makePlan(_ picture: Picture) throws(PFrameError) -> Plan {
        let target = frame
        let shape = Double(picture.size.width) * aspect / Double(picture.size.height)
        let wanted = Double(target.width) / Double(target.height)
        var crop = Crop()
        var scaled = target
        switch options.fit {
        case .stretch: break
        case .crop where shape > wanted:
            let width = min(picture.size.width, max(1, Int((Double(picture.size.width) * wanted / shape).rounded())))
            // Even, so that chroma samples stay where they are.
            crop.left = (picture.size.width - width) / 2 & ~1
            crop.right = picture.size.width - width - crop.left
        case .crop:
            let height = min(picture.size.height, max(1, Int((Double(picture.size.height) * shape / wanted).rounded())))
            crop.top = (picture.size.height - height) / 2 & ~1
            crop.bottom = picture.size.height - height - crop.top
        case .pad where shape > wanted:
            scaled.height = max(1, Int((Double(target.height) * wanted / shape).rounded()))
        case .pad:
            scaled.width = max(1, Int((Double(target.width) * shape / wanted).rounded()))
        }
        let cut = crop == Crop() ? picture : try picture.cropping(crop)
        let format = picture.isYCbCr ? PixelFormat.yuv444p : .rgb24
        let small = try Picture(size: scaled, format: format)
        small.setMatrix(of: picture)
        let finish: (Scaler, Picture)? =
            if format == .rgb24 {
                nil
            } else {
                (try Scaler(from: small, to: scaled, .rgb24), try Picture(size: scaled, format: .rgb24))
            }
        return Plan(
            crop: crop, scaler: try Scaler(from: cut, to: scaled, format), scaled: small, finish: finish,
            left: (target.width - scaled.width) / 2, top: (target.height - scaled.height) / 2, source: picture.size)
    }

    /// The scaled picture turned upright, on black where it does not fill the frame.
    private func image(_ plan: Plan) -> RGBImage {
        var image = RGBImage(width: options.width, height: options.height)
        let rgb = plan.finish?.rgb ?? plan.scaled
        let size = rgb.size
        let places = orientation.places(in: frame)
        image.pixels.withUnsafeMutableBufferPointer { pixels in
            guard let out = pixels.baseAddress else { return }
            rgb.withPlane(0) { plane in
                for row in 0..<size.height {
                    let line = plane.base + row * plane.stride
                    // The step in the target from one source pixel to the next, and where the row begins.
                    let step = places.column
                    let start = places.start + plan.left * step + (plan.top + row) * places.row
                    guard step != 1 else {
                        (out + start * 3).update(from: line, count: size.width * 3)
                        continue
                    }
                    for column in 0..<size.width {
                        (out + (start + column * step) * 3).update(from: line + column * 3, count: 3)
                    }
                }
            }
        }
        return image
    }
}

@available(*, unavailable)
extension ClipFitter: Sendable {}

extension Orientation {
    /// The sides of a stored picture as it is shown, in rows' pixels; `aspect` is the width of a sample over its height.
    func shown(_ stored: Size, aspect: Double) -> (width: Double, height: Double) {
        let (width, height) = (Double(stored.width) * aspect, Double(stored.height))
        return swapsSides ? (height, width) : (width, height)
    }
}

extension RGBImage {
    /// The first picture of a video, or a picture, brought to a size as `pframe build` brings the frames of clips: to the
    /// one of `sizes` that is nearest in aspect (``ClipBuckets``).
    ///
    /// - Throws: `PFrameError` if the file cannot be opened, or its first picture is damaged or cut off.
    public init(firstOf path: FilePath, sizes: [Size], fit: ClipOptions.Fit) throws(PFrameError) {
        var decoding = DecoderOptions()
        (decoding.exportsMotionVectors, decoding.cropping) = (false, true)
        let reader = try VideoReader(path: path, options: decoding)
        guard let picture = try reader.next(), reader.damaged == 0 else {
            throw PFrameError(.damaged, path: path, "holds no complete picture")
        }
        var options = ClipOptions()
        let aspect = ClipFitter.aspect(of: picture, in: reader.stream)
        let buckets = ClipBuckets(sizes: sizes, lengths: [1], largestEnlargement: nil)
        let shown = reader.orientation.shown(picture.size, aspect: aspect)
        let size = buckets.sizes[buckets.choice(width: shown.width, height: shown.height, fit: fit).size]
        (options.width, options.height, options.fit) = (size.width, size.height, fit)
        self = try ClipFitter(options, orientation: reader.orientation, aspect: aspect).fit(picture)
    }
}
