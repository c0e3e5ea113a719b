package import Codec
import Storage

/// One textured shape that moves at constant speed over still, textured ground.
///
/// The shape carries its texture along and stays inside the picture for the whole scene, without a bounce or a wrap, so
/// its position at any frame is known exactly. The ground and the shape are drawn once, when the scene is made; a frame
/// is a copy of the ground with the shape laid over it. All arithmetic is in whole numbers: equal arguments give equal
/// pixels on every machine.
package struct SyntheticScene: Sendable {
    /// Pixels between the shape and the edge of the picture at the ends of its path, at least.
    private static let margin = 2

    /// What the scene shows.
    package let subject: SyntheticSubject

    /// Frames in the scene.
    package let frameCount: Int

    /// The picture without the shape, shape (height, width, 3).
    package let ground: RGBImage

    /// The seed of every draw.
    let seed: UInt64

    private let patch: ShapePatch

    /// The centre at frame 0, in sixteenths of a pixel.
    private let start: (x: Int, y: Int)

    /// Sixteenths of a pixel per frame.
    private let step: (x: Int, y: Int)

    /// Makes a scene; `seed` selects the textures, the size of the shape, its speed and its path.
    ///
    /// The speed is a whole number of sixteenths of a pixel per frame. Unless given it is drawn between 5/8 of what brings
    /// the shape from edge to edge and all of it, and at most 1/16 of the way across the picture per frame.
    ///
    /// - Parameters:
    ///   - subject: What to show.
    ///   - width: Pixels across, at least 32.
    ///   - height: Pixels down, at least 32.
    ///   - frameCount: Frames, at most ``maximumFrameCount(width:height:)``.
    ///   - speed: Pixels per frame, at most ``maximumSpeed(width:height:frameCount:)``, rounded to sixteenths; drawn if
    ///     `nil`.
    ///   - seed: The seed of every draw.
    package init(
        subject: SyntheticSubject, width: Int, height: Int, frameCount: Int, speed: Double? = nil, seed: UInt64
    ) {
        precondition(min(width, height) >= 32, "a scene is at least 32 pixels wide and high")
        precondition(
            (1...Self.maximumFrameCount(width: width, height: height)).contains(frameCount),
            "a scene of \(width)x\(height) cannot have \(frameCount) frames")
        var random = SplitMix64(seed: seed)
        let radius = random.in(Self.radii(shortSide: min(width, height)))

        let travelsDown = subject.motion.step.y != 0
        let room = (travelsDown ? height : width) - 1 - 2 * (radius + Self.margin)
        let fastest = min(
            room * ShapePatch.stepsPerPixel / max(1, frameCount - 1), travelsDown ? height : width)
        let drawn = random.in(max(1, fastest * 5 / 8)...fastest)
        let speed = speed.map(Self.steps) ?? drawn
        precondition((0...fastest).contains(speed), "a shape that leaves the picture")
        step = (subject.motion.step.x * speed, subject.motion.step.y * speed)
        start = (
            Self.start(length: width, radius: radius, travel: step.x * (frameCount - 1), using: &random),
            Self.start(length: height, radius: radius, travel: step.y * (frameCount - 1), using: &random)
        )
        self.subject = subject
        self.frameCount = frameCount
        self.seed = seed
        patch = ShapePatch(shape: subject.shape, ramp: subject.colour.ramp, radius: radius, seed: random.next())
        ground = Self.ground(width: width, height: height, using: &random)
    }

    /// The most frames that a scene can have: in more, no shape could keep moving and stay inside.
    package static func maximumFrameCount(width: Int, height: Int) -> Int {
        let shortSide = min(width, height)
        let room = shortSide - 1 - 2 * (radii(shortSide: shortSide).upperBound + margin)
        return 1 + room * ShapePatch.stepsPerPixel
    }

    /// The greatest speed in pixels per frame at which every shape stays inside the picture for so many frames.
    package static func maximumSpeed(width: Int, height: Int, frameCount: Int) -> Double {
        let shortSide = min(width, height)
        let room = shortSide - 1 - 2 * (radii(shortSide: shortSide).upperBound + margin)
        let steps = min(room * ShapePatch.stepsPerPixel / max(1, frameCount - 1), shortSide)
        return Double(steps) / Double(ShapePatch.stepsPerPixel)
    }

    /// A speed in sixteenths of a pixel per frame.
    private static func steps(_ speed: Double) -> Int { Int((speed * Double(ShapePatch.stepsPerPixel)).rounded()) }

    /// The shape's velocity in pixels per frame, +x right and +y down; (0, 0) when still.
    package var velocity: (x: Double, y: Double) {
        (Double(step.x) / Double(ShapePatch.stepsPerPixel), Double(step.y) / Double(ShapePatch.stepsPerPixel))
    }

    /// The centroid of the shape's area at a frame, in pixels, +x right and +y down, from the centre of the top left
    /// pixel.
    package func centre(at index: Int) -> (x: Double, y: Double) {
        let position = position(at: index)
        return (
            Double(position.x) / Double(ShapePatch.stepsPerPixel),
            Double(position.y) / Double(ShapePatch.stepsPerPixel)
        )
    }

    /// The picture at a frame, `index` in `0..<frameCount`.
    ///
    /// Edges are anti-aliased; between whole pixels, colour and coverage are interpolated linearly.
    package func frame(_ index: Int) -> RGBImage {
        let position = position(at: index)
        var pixels = ground.pixels
        patch.draw(x: position.x, y: position.y, onto: &pixels, width: ground.width)
        return RGBImage(width: ground.width, height: ground.height, pixels: pixels)
    }

    /// The centre at a frame, in sixteenths of a pixel.
    private func position(at index: Int) -> (x: Int, y: Int) {
        precondition((0..<frameCount).contains(index), "frame \(index) of a scene of \(frameCount) frames")
        return (start.x + step.x * index, start.y + step.y * index)
    }

    /// The radii that shapes have, in pixels: 9/64 to 12/64 of the shorter side of the picture.
    private static func radii(shortSide: Int) -> ClosedRange<Int> {
        shortSide * 9 / 64...shortSide * 12 / 64
    }

    /// A start on a whole pixel, in sixteenths, from which a path of `travel` sixteenths, signed, stays inside `length`
    /// pixels.
    private static func start(length: Int, radius: Int, travel: Int, using random: inout SplitMix64) -> Int {
        let steps = ShapePatch.stepsPerPixel
        let pixels = (abs(travel) + steps - 1) / steps
        let nearest = radius + margin + (travel < 0 ? pixels : 0)
        let farthest = length - 1 - radius - margin - (travel > 0 ? pixels : 0)
        return random.in(nearest...farthest) * steps
    }

    private static func ground(width: Int, height: Int, using random: inout SplitMix64) -> RGBImage {
        let ramp = TextureRamp.ground(using: &random)
        let palette = (0...255).map { ramp.colour(at: UInt8($0)) }
        var pixels = [UInt8]()
        pixels.reserveCapacity(width * height * 3)
        for level in ValueNoise.levels(width: width, height: height, seed: random.next()) {
            let colour = palette[Int(level)]
            pixels.append(UInt8(clamping: colour.x))
            pixels.append(UInt8(clamping: colour.y))
            pixels.append(UInt8(clamping: colour.z))
        }
        return RGBImage(width: width, height: height, pixels: pixels)
    }
}

/// How much a cut from one picture to another shows, as PySceneDetect's content value measures it at full size: the mean
/// absolute difference of hue (0…179, not circular), saturation and value (0…255), divided by 3.
func contrast(_ first: RGBImage, _ second: RGBImage) -> Double {
    precondition(first.pixels.count == second.pixels.count, "pictures of one size")
    var sum = 0
    for pixel in stride(from: 0, to: first.pixels.count, by: 3) {
        let (a, b) = (HSV(first.pixels, at: pixel), HSV(second.pixels, at: pixel))
        sum += abs(a.hue - b.hue) + abs(a.saturation - b.saturation) + abs(a.value - b.value)
    }
    return Double(sum) / Double(first.pixels.count)
}

private struct HSV {
    var hue: Int
    var saturation: Int
    var value: Int

    init(_ pixels: [UInt8], at index: Int) {
        let (red, green, blue) = (Int(pixels[index]), Int(pixels[index + 1]), Int(pixels[index + 2]))
        value = max(red, green, blue)
        let range = value - min(red, green, blue)
        saturation = value > 0 ? range * 255 / value : 0
        guard range > 0 else {
            hue = 0
            return
        }
        // In thirtieths of a sixth of the circle.
        let angle =
            value == red
            ? (green - blue) * 30 / range
            : value == green ? 60 + (blue - red) * 30 / range : 120 + (red - green) * 30 / range
        hue = angle < 0 ? angle + 180 : angle
    }
}
