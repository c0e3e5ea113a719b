import Codec
import Dataset
import Testing

@Suite struct SyntheticDatasetTests {
    @Test("the same seed gives the same frames and captions", arguments: [32, 128])
    func sameSeed(size: Int) throws {
        let (first, second) = (try dataset(size: size, seed: 7), try dataset(size: size, seed: 7))
        #expect(first.captions() == second.captions())
        for index in 0..<8 {
            let (one, other) = (first.video(index), second.video(index))
            for frame in stride(from: 0, to: one.frameCount, by: 11) {
                #expect(one.frame(frame) == other.frame(frame))
            }
        }
    }

    @Test("frames of seed 0 keep the pixels they were published with")
    func knownFrame() throws {
        let frame = try dataset(seed: 0).video(1).frame(20)
        #expect(fnv1a(frame.pixels) == 4_325_691_690_732_953_140)
    }

    @Test("another seed gives other frames")
    func otherSeed() throws {
        let (first, second) = (try dataset(seed: 7), try dataset(seed: 8))
        for index in 0..<8 {
            #expect(first.video(index).frame(0) != second.video(index).frame(0))
        }
    }

    @Test("a video does not depend on how many there are")
    func independentOfCount() throws {
        let (few, many) = (try dataset(videos: 6), try dataset(videos: 600))
        for index in 0..<6 {
            let (one, other) = (few.video(index), many.video(index))
            #expect(one.name == other.name)
            #expect(one.caption == other.caption)
            #expect(one.cutFrame == other.cutFrame)
            #expect(one.frame(30) == other.frame(30))
        }
        #expect(many.captions().hasPrefix(few.captions()))
    }

    @Test("a frame differs from its ground around the stated centre", arguments: [32, 64, 128])
    func centreFollowsPixels(size: Int) throws {
        for shape in SyntheticShape.allCases {
            for motion in SyntheticMotion.allCases {
                let scene = SyntheticScene(
                    subject: SyntheticSubject(shape: shape, colour: .cyan, motion: motion), width: size,
                    height: size * 3 / 4 + 8, frameCount: 60, seed: 5)
                for index in [0, 17, 59] {
                    let found = centroid(of: scene.frame(index), over: scene.ground)
                    let stated = scene.centre(at: index)
                    // The difference is weighted by nothing but its presence, which rounds the outline to whole pixels.
                    #expect(abs(found.x - stated.x) < 1, "\(shape) \(motion) at \(index)")
                    #expect(abs(found.y - stated.y) < 1, "\(shape) \(motion) at \(index)")
                }
            }
        }
    }

    @Test("the shape carries its texture along", arguments: SyntheticMotion.allCases)
    func textureMoves(motion: SyntheticMotion) {
        let subject = SyntheticSubject(shape: .square, colour: .red, motion: motion)
        let scene = SyntheticScene(subject: subject, width: 128, height: 96, frameCount: 50, seed: 3)
        // Sixteen steps of whole sixteenths of a pixel make a whole number of pixels.
        let (dx, dy) = (Int(scene.velocity.x * 16), Int(scene.velocity.y * 16))
        let (before, after) = (scene.frame(9), scene.frame(25))
        let centre = scene.centre(at: 9)
        for y in Int(centre.y) - 6...Int(centre.y) + 6 {
            for x in Int(centre.x) - 6...Int(centre.x) + 6 {
                #expect(pixel(before, x, y) == pixel(after, x + dx, y + dy))
            }
        }
    }

    @Test("speed is constant, along the stated direction and clear within two seconds")
    func constantSpeed() throws {
        let data = try dataset(videos: 40)
        for index in 0..<40 {
            for scene in data.video(index).scenes {
                let velocity = scene.velocity
                switch scene.subject.motion {
                case .left: #expect(velocity.x < 0 && velocity.y == 0)
                case .right: #expect(velocity.x > 0 && velocity.y == 0)
                case .up: #expect(velocity.x == 0 && velocity.y < 0)
                case .down: #expect(velocity.x == 0 && velocity.y > 0)
                case .still: #expect(velocity.x == 0 && velocity.y == 0)
                }
                if scene.subject.motion != .still {
                    #expect(max(abs(velocity.x), abs(velocity.y)) * 50 >= 16)
                }
                let last = scene.frameCount - 1
                let (start, end) = (scene.centre(at: 0), scene.centre(at: last))
                #expect(end.x - start.x == velocity.x * Double(last))
                #expect(end.y - start.y == velocity.y * Double(last))
                for point in [start, end] {
                    #expect(point.x > 16 && point.x < 111 && point.y > 16 && point.y < 111)
                }
            }
        }
    }

    @Test("a stated speed is that of every shape, and the fastest stays inside", arguments: [0.0625, 1.5, 69.0 / 16])
    func statedSpeed(speed: Double) throws {
        let options = SyntheticOptions.with {
            $0.framesPerSecond = 8
            $0.seconds = 2.25
            $0.speed = speed
        }
        let data = try SyntheticDataset(options: options)
        for index in 0..<20 {
            for scene in data.video(index).scenes {
                let velocity = scene.velocity
                #expect(abs(velocity.x) + abs(velocity.y) == (scene.subject.motion == .still ? 0 : speed))
                for point in [scene.centre(at: 0), scene.centre(at: scene.frameCount - 1)] {
                    #expect(point.x > 16 && point.x < 111 && point.y > 16 && point.y < 111)
                }
            }
        }
    }

    @Test("a static clip shows one frame throughout, others do not")
    func staticClips() throws {
        let data = try dataset(videos: 40)
        var count = 0
        for index in 0..<40 {
            let video = data.video(index)
            let first = video.frame(0)
            let same = (1..<video.frameCount).allSatisfy { video.frame($0) == first }
            #expect(same == video.isStatic)
            #expect(video.isStatic == (video.label == "static"))
            count += video.isStatic ? 1 : 0
        }
        #expect((3...5).contains(count))
    }

    @Test("the ground changes at the cut and nowhere else")
    func cuts() throws {
        let data = try dataset(videos: 40)
        var count = 0
        for index in 0..<40 {
            let video = data.video(index)
            let frames = (0..<video.frameCount).map(video.frame)
            let jumps = (1..<frames.count).filter { changed(frames[$0 - 1], frames[$0]) > 0.5 }
            #expect(jumps == (video.cutFrame.map { [$0] } ?? []))
            #expect(video.frameCount == 100)
            #expect(video.caption.contains(", then ") == (video.cutFrame != nil))
            count += jumps.count
        }
        #expect((3...5).contains(count))
    }

    @Test("directions are balanced")
    func balance() throws {
        var options = SyntheticOptions()
        options.videos = 40
        options.staticShare = 0
        let data = try SyntheticDataset(options: options)
        let counts = Dictionary(grouping: (0..<40).map { data.video($0).label }, by: { $0 }).mapValues(\.count)
        #expect(counts == ["left": 10, "right": 10, "up": 10, "down": 10])
    }

    @Test("captions.csv parses back to what the videos say")
    func captions() throws {
        let data = try dataset(videos: 40)
        let rows = parseCSV(data.captions())
        #expect(rows.count == 41)
        #expect(rows[0] == ["video", "caption", "label", "subject"])
        for index in 0..<40 {
            let video = data.video(index)
            #expect(rows[index + 1] == ["\(video.name).mp4", video.caption, video.label, video.subject])
        }
        #expect(data.video(12).name == "video-00012")
    }

    @Test("sentences are plain English")
    func sentences() {
        let disc = SyntheticSubject(shape: .disc, colour: .red, motion: .left)
        #expect(disc.sentence == "a red disc moves left")
        #expect(disc.name == "red disc")
        let ring = SyntheticSubject(shape: .ring, colour: .orange, motion: .still)
        #expect(ring.sentence == "an orange ring stays still")
    }

    @Test(
        "options out of range are refused by name",
        arguments: [
            ("videos", SyntheticOptions.with { $0.videos = 0 }),
            ("size", SyntheticOptions.with { $0.size = 30 }),
            ("size", SyntheticOptions.with { $0.size = 129 }),
            ("size", SyntheticOptions.with { $0.size = 4098 }),
            ("framesPerSecond", SyntheticOptions.with { $0.framesPerSecond = 0 }),
            ("seconds", SyntheticOptions.with { $0.seconds = 0 }),
            ("seconds", SyntheticOptions.with { $0.seconds = .nan }),
            ("seconds", SyntheticOptions.with { $0.seconds = 1e300 }),
            ("speed", SyntheticOptions.with { $0.speed = 0 }),
            ("speed", SyntheticOptions.with { $0.speed = 1 }),
            ("speed", SyntheticOptions.with { $0.speed = .nan }),
            ("staticShare", SyntheticOptions.with { $0.staticShare = -0.1 }),
            ("cutShare", SyntheticOptions.with { $0.cutShare = 0.95 }),
        ])
    func invalidOptions(name: String, options: SyntheticOptions) {
        let error = #expect(throws: SyntheticOptionsError.self) { try SyntheticDataset(options: options) }
        #expect(error?.option == name)
    }

    @Test("the shortest and the longest video stay inside the picture", arguments: [32, 34, 128, 640])
    func extremes(size: Int) throws {
        let longest = SyntheticScene.maximumFrameCount(width: size, height: size)
        for frames in [8, longest] {
            var options = SyntheticOptions()
            options.videos = 4
            options.size = size
            options.framesPerSecond = 1
            options.seconds = Double(frames)
            let data = try SyntheticDataset(options: options)
            for index in 0..<(size > 500 ? 1 : 4) {
                let video = data.video(index)
                #expect(video.frameCount == frames)
                #expect(video.frame(frames - 1).pixels.count == size * size * 3)
            }
        }
    }
}

extension SyntheticOptions {
    fileprivate static func with(_ change: (inout SyntheticOptions) -> Void) -> SyntheticOptions {
        var options = SyntheticOptions()
        change(&options)
        return options
    }
}

private func dataset(videos: Int = 16, size: Int = 128, seed: UInt64 = 0) throws -> SyntheticDataset {
    try SyntheticDataset(
        options: .with {
            $0.videos = videos
            $0.size = size
            $0.seed = seed
        })
}

private func pixel(_ image: RGBImage, _ x: Int, _ y: Int) -> [UInt8] {
    let index = (y * image.width + x) * 3
    return Array(image.pixels[index..<index + 3])
}

/// The mean position of the pixels that differ by more than an anti-aliased trace.
private func centroid(of image: RGBImage, over ground: RGBImage) -> (x: Double, y: Double) {
    var (count, sumX, sumY) = (0, 0, 0)
    let (with, without) = (image.pixels, ground.pixels)
    for index in 0..<image.width * image.height {
        var distance = 0
        for sample in 3 * index..<3 * index + 3 {
            distance += abs(Int(with[sample]) - Int(without[sample]))
        }
        if distance > 24 {
            count += 1
            sumX += index % image.width
            sumY += index / image.width
        }
    }
    return (Double(sumX) / Double(count), Double(sumY) / Double(count))
}

/// The share of samples that differ between two pictures.
private func changed(_ one: RGBImage, _ other: RGBImage) -> Double {
    // Every 61st sample tells a new ground from a moved shape; all of them take long in a debug build.
    let samples = Array(stride(from: 0, to: one.pixels.count, by: 61))
    let count = samples.reduce(0) { $0 + (one.pixels[$1] == other.pixels[$1] ? 0 : 1) }
    return Double(count) / Double(samples.count)
}

/// The 64-bit FNV-1a hash.
private func fnv1a(_ bytes: [UInt8]) -> UInt64 {
    bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
}

/// A plain RFC 4180 reader: quoted fields, doubled quotes, line-feed records.
private func parseCSV(_ text: String) -> [[String]] {
    var rows: [[String]] = []
    var row: [String] = []
    var field = ""
    var quoted = false
    var rest = Substring(text)
    while let character = rest.popFirst() {
        switch (character, quoted) {
        case ("\"", true) where rest.first == "\"":
            field.append("\"")
            rest.removeFirst()
        case ("\"", _):
            quoted.toggle()
        case (",", false), ("\n", false):
            row.append(field)
            field = ""
            if character == "\n" {
                rows.append(row)
                row = []
            }
        default:
            field.append(character)
        }
    }
    return rows
}
