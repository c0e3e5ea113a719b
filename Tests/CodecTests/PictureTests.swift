import Codec
import Storage
import Testing

@Suite struct PictureTests {
    @Test(
        "a crop keeps exactly what lies inside",
        arguments: [
            Crop(), Crop(right: 8), Crop(bottom: 8), Crop(left: 2, top: 4), Crop(left: 6, top: 2, right: 3, bottom: 5),
            Crop(right: 47, bottom: 31),
        ])
    func crop(crop: Crop) throws {
        let size = Size(width: 48, height: 32)
        let picture = try Picture.noise(size, seed: 5)
        let part = try picture.cropped(crop)
        #expect(part.size == Size(width: 48 - crop.left - crop.right, height: 32 - crop.top - crop.bottom))
        #expect(part.format == .yuv420p)
        for index in 0..<3 {
            let (step, before, after) = (index == 0 ? 1 : 2, picture.samples(index), part.samples(index))
            let width = (part.size.width + step - 1) / step
            #expect(after.count == width * ((part.size.height + step - 1) / step))
            for (place, sample) in after.enumerated() {
                let (x, y) = (place % width + crop.left / step, place / width + crop.top / step)
                #expect(sample == before[y * 48 / step + x])
            }
        }
    }

    @Test("pictures of other layouts are not cropped but refused", arguments: [PixelFormat.yuv420p10, .rgb24])
    func refused(format: PixelFormat) throws {
        let picture = try Picture(size: Size(width: 16, height: 16), format: format)
        let error = try codecError { _ = try picture.cropped(Crop(right: 2)) }
        #expect(error.message.contains(picture.formatName) && error.code == .unsupported)
    }

    @Test("an impossible size is an error", arguments: [Size(width: 0, height: 0), Size(width: -16, height: 16)])
    func impossible(size: Size) throws {
        #expect(throws: PFrameError.self) { try Picture(size: size, format: .yuv420p) }
    }
}
