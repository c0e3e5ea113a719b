public import Codec
public import MotionVectors
public import Storage

extension MotionFigure.Frame {
    /// The figure's view of an extracted frame: cropped, turned and stretched as players show it, with the vectors that
    /// predict.
    ///
    /// Where nothing predicts, the residual is 0, so that ranges speak of predicted blocks alone.
    ///
    /// - Parameters:
    ///   - orientation: of the video (`Extraction.orientation`).
    ///   - sampleAspectRatio: width of a sample over its height, nil for square samples.
    ///   - frame: the extracted frame.
    /// - Throws: `PFrameError` for pictures that libswscale cannot convert, or when memory is short.
    public init(
        _ frame: ExtractedFrame, orientation: Orientation = .upright, sampleAspectRatio: Rational? = nil
    ) throws(PFrameError) {
        let crop = frame.picture.crop
        let stored = crop.applied(to: frame.picture.size)
        var vectors = frame.rows.compactMap { row -> MotionVector? in
            guard row.reference >= 0 else { return nil }
            var vector = row.vector
            vector.destinationX -= Int32(crop.left)
            vector.destinationY -= Int32(crop.top)
            vector.sourceX -= Int32(crop.left)
            vector.sourceY -= Int32(crop.top)
            return vector
        }
        let view = ShownGeometry(orientation, sampleAspectRatio: sampleAspectRatio)
        let luma = view.turned(frame.shownResidual(of: vectors, stored, crop), of: stored)
        vectors = vectors.map { view.turned($0, in: stored) }
        self.init(
            picture: try view.shown(frame.picture), vectors: vectors, residual: luma,
            type: Character(frame.record.type.rawValue),
            index: frame.record.display, seconds: frame.record.seconds ?? 0)
        var prediction = PredictionStatistics()
        prediction.add(frame)
        self.prediction = prediction
    }
}

extension ExtractedFrame {
    /// The luma residual of the blocks of `vectors`, which count from the corner of what is shown.
    fileprivate func shownResidual(of vectors: [MotionVector], _ shown: Size, _ crop: Crop) -> [Int16] {
        var luma = [Int16](repeating: 0, count: shown.width * shown.height)
        residual?.withPlane(0) { values in
            for vector in vectors {
                let bottom = min(shown.height, vector.top + Int(vector.height))
                let right = min(shown.width, vector.left + Int(vector.width))
                // Blocks may lie in the part that the crop leaves out.
                for y in stride(from: max(0, vector.top), to: bottom, by: 1) {
                    for x in stride(from: max(0, vector.left), to: right, by: 1) {
                        luma[y * shown.width + x] = values[(y + crop.top) * picture.size.width + x + crop.left]
                    }
                }
            }
        }
        return luma
    }
}

extension MotionVector {
    /// The vector in the picture as it is shown.
    fileprivate func turned(by orientation: Orientation, in stored: Size) -> MotionVector {
        guard orientation != .upright else { return self }
        let (column, row, shown) = (orientation.column, orientation.row, orientation.shown(stored))
        let corner = (
            x: column.x + row.x < 0 ? shown.width - 1 : 0, y: column.y + row.y < 0 ? shown.height - 1 : 0
        )
        func place(_ x: Int, _ y: Int) -> (x: Int, y: Int) {
            (corner.x + x * column.x + y * row.x, corner.y + x * column.y + y * row.y)
        }
        func turn(_ x: Int32, _ y: Int32) -> (x: Int32, y: Int32) {
            (x * Int32(column.x) + y * Int32(row.x), x * Int32(column.y) + y * Int32(row.y))
        }
        let (one, other) = (place(left, top), place(left + Int(width) - 1, top + Int(height) - 1))
        var result = self
        result.width = Int32(abs(one.x - other.x) + 1)
        result.height = Int32(abs(one.y - other.y) + 1)
        result.destinationX = Int32(min(one.x, other.x)) + result.width / 2
        result.destinationY = Int32(min(one.y, other.y)) + result.height / 2
        let offset = turn(sourceX - destinationX, sourceY - destinationY)
        result.sourceX = result.destinationX + offset.x
        result.sourceY = result.destinationY + offset.y
        (result.motionX, result.motionY) = turn(motionX, motionY)
        return result
    }
}

/// How players show pictures: turned, and with square pixels.
struct ShownGeometry {
    private let orientation: Orientation
    private let stretch: Stretch?

    init(_ orientation: Orientation, sampleAspectRatio: Rational?) {
        (self.orientation, stretch) = (orientation, Stretch(sampleAspectRatio, orientation))
    }

    /// The visible part of a picture at coded size, as it is shown.
    func shown(_ picture: Picture) throws(PFrameError) -> RGBImage {
        let turned = try RGBImage(picture, crop: picture.crop).turned(by: orientation)
        return try stretch?.apply(turned) ?? turned
    }

    /// A number of every visible pixel, as they are shown.
    func turned(_ values: [Int16], of stored: Size) -> [Int16] {
        let turned = orientation.turn(values, of: stored)
        return stretch?.apply(turned, of: orientation.shown(stored)) ?? turned
    }

    /// A vector of the visible part, as it is shown.
    func turned(_ vector: MotionVector, in stored: Size) -> MotionVector {
        let turned = vector.turned(by: orientation, in: stored)
        return stretch?.apply(turned) ?? turned
    }
}

/// Makes samples square: the side of a picture that they are too short for grows.
private struct Stretch {
    private let x: Double
    private let y: Double

    /// Nil where samples are square already, or beyond what a picture can be stretched by.
    init?(_ sampleAspectRatio: Rational?, _ orientation: Orientation) {
        guard var ratio = sampleAspectRatio?.value, ratio != 1, (0.05...20).contains(ratio) else { return nil }
        if orientation.swapsSides { ratio = 1 / ratio }
        (x, y) = (max(1, ratio), max(1, 1 / ratio))
    }

    private func size(of picture: Size) -> Size {
        Size(width: Int((Double(picture.width) * x).rounded()), height: Int((Double(picture.height) * y).rounded()))
    }

    func apply(_ picture: RGBImage) throws(PFrameError) -> RGBImage {
        try picture.scaled(to: size(of: Size(width: picture.width, height: picture.height)))
    }

    func apply(_ values: [Int16], of picture: Size) -> [Int16] {
        let size = size(of: picture)
        let columns = (0..<size.width).map { min(picture.width - 1, Int(Double($0) / x)) }
        return (0..<size.height).flatMap { row in
            let line = min(picture.height - 1, Int(Double(row) / y)) * picture.width
            return columns.map { values[line + $0] }
        }
    }

    func apply(_ vector: MotionVector) -> MotionVector {
        func scale(_ value: Int, _ factor: Double) -> Int32 { Int32((Double(value) * factor).rounded()) }
        var result = vector
        let (left, top) = (scale(vector.left, x), scale(vector.top, y))
        result.width = scale(vector.left + Int(vector.width), x) - left
        result.height = scale(vector.top + Int(vector.height), y) - top
        result.destinationX = left + result.width / 2
        result.destinationY = top + result.height / 2
        // Finer units: a stretched vector is not a whole number of quarter pixels.
        result.motionScale = 16 * vector.motionScale
        result.motionX = scale(16 * Int(vector.motionX), x)
        result.motionY = scale(16 * Int(vector.motionY), y)
        result.sourceX = result.destinationX + scale(Int(vector.sourceX - vector.destinationX), x)
        result.sourceY = result.destinationY + scale(Int(vector.sourceY - vector.destinationY), y)
        return result
    }
}
