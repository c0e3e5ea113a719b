import Storage

/// The outline of a synthetic shape.
package enum SyntheticShape: String, CaseIterable, Sendable {
    /// A filled circle.
    case disc
    /// A square with upright sides.
    case square
    /// An equilateral triangle that points up.
    case triangle
    /// A circle with a round hole of half its diameter.
    case ring
    /// A plus sign.
    case cross
    /// A square that stands on a corner.
    case diamond

    /// Whether a point lies inside the outline.
    ///
    /// `x` and `y` are measured from the centre, +x right and +y down, in the unit that `radius` has. The area's centroid
    /// is the origin.
    func contains(x: Int, y: Int, radius: Int) -> Bool {
        let (across, down) = (abs(x), abs(y))
        switch self {
        case .disc:
            return x * x + y * y <= radius * radius
        case .square:
            return 8 * max(across, down) <= 7 * radius
        case .triangle:
            // 26/15 stands for the square root of 3.
            return 2 * y <= radius && 26 * across <= 15 * (y + radius)
        case .ring:
            let squared = x * x + y * y
            return squared <= radius * radius && 4 * squared >= radius * radius
        case .cross:
            return max(across, down) <= radius && 3 * min(across, down) <= radius
        case .diamond:
            return across + down <= radius
        }
    }
}

/// The colour of a synthetic shape.
package enum SyntheticColour: String, CaseIterable, Sendable {
    /// Red.
    case red
    /// Green.
    case green
    /// Blue.
    case blue
    /// Yellow.
    case yellow
    /// Purple.
    case purple
    /// Orange.
    case orange
    /// Cyan.
    case cyan
    /// White.
    case white

    /// The colour in its pure form: red, green and blue, 0...255.
    var components: SIMD3<Int32> {
        switch self {
        case .red: SIMD3(225, 25, 30)
        case .green: SIMD3(30, 180, 45)
        case .blue: SIMD3(35, 70, 240)
        case .yellow: SIMD3(245, 225, 20)
        case .purple: SIMD3(150, 35, 200)
        case .orange: SIMD3(255, 125, 0)
        case .cyan: SIMD3(20, 215, 225)
        case .white: SIMD3(235, 235, 235)
        }
    }

    /// The ramp of a shape's texture, from a shade of the colour to a tint of it, narrow enough that its name holds.
    var ramp: TextureRamp {
        let pure = components
        return TextureRamp(dark: pure &* 9 / 16, light: (pure &* 3 &+ 255) / 4)
    }
}

/// How a synthetic shape moves; the raw value is the label in `captions.csv`.
package enum SyntheticMotion: String, CaseIterable, Sendable {
    /// Towards smaller x.
    case left
    /// Towards larger x.
    case right
    /// Towards smaller y.
    case up
    /// Towards larger y.
    case down
    /// Not at all.
    case still = "static"

    /// The motions that go somewhere.
    static let moving: [SyntheticMotion] = [.left, .right, .up, .down]

    /// The unit step, +x right and +y down; (0, 0) when still.
    var step: (x: Int, y: Int) {
        switch self {
        case .left: (-1, 0)
        case .right: (1, 0)
        case .up: (0, -1)
        case .down: (0, 1)
        case .still: (0, 0)
        }
    }
}

/// What a synthetic scene shows: all that its caption says.
package struct SyntheticSubject: Sendable, Hashable {
    /// The outline.
    package var shape: SyntheticShape

    /// The colour.
    package var colour: SyntheticColour

    /// The motion.
    package var motion: SyntheticMotion

    /// Describes a shape of one colour in one motion.
    package init(shape: SyntheticShape, colour: SyntheticColour, motion: SyntheticMotion) {
        self.shape = shape
        self.colour = colour
        self.motion = motion
    }

    /// The thing without its motion: "red disc".
    package var name: String {
        "\(colour.rawValue) \(shape.rawValue)"
    }

    /// The thing and its motion: "a red disc moves left", "an orange ring stays still".
    package var sentence: String {
        let article = colour == .orange ? "an" : "a"
        let verb = motion == .still ? "stays still" : "moves \(motion.rawValue)"
        return "\(article) \(name) \(verb)"
    }
}
