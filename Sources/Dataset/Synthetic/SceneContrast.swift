import Codec
import Storage

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
