/// Factors of dequantisation (ITU-T H.264, 8.5.9): `LevelScale4x4` and `LevelScale8x8` of a picture parameter set.
final class LevelScales {
    /// By list (intra Y, Cb, Cr, inter Y, Cb, Cr), QP modulo 6, and raster place.
    private let scales4x4: UnsafeMutablePointer<Int32> = .zeros(6 * 6 * 16)
    /// By list (intra Y, inter Y), QP modulo 6, and raster place.
    private let scales8x8: UnsafeMutablePointer<Int32> = .zeros(2 * 6 * 64)

    /// Computes the factors from scaling lists.
    init(_ lists: ScalingLists) {
        let scans = Scans.shared
        for remainder in 0..<6 {
            for list in 0..<6 {
                for (index, weight) in lists.lists4x4[list].enumerated() {
                    let place = Int(scans.zigzag4x4[index])
                    let (x, y) = (place & 3, place >> 2)
                    let kind = (x & 1) + (y & 1)
                    scales4x4[(list * 6 + remainder) * 16 + place] =
                        Int32(weight) * Int32(StandardTables.normAdjust4x4[remainder * 3 + kind])
                }
            }
            for list in 0..<2 {
                for (index, weight) in lists.lists8x8[list].enumerated() {
                    let place = Int(scans.zigzag8x8[index])
                    let kind = Self.kind8x8(place & 7, place >> 3)
                    scales8x8[(list * 6 + remainder) * 64 + place] =
                        Int32(weight) * Int32(StandardTables.normAdjust8x8[remainder * 6 + kind])
                }
            }
        }
    }

    deinit {
        scales4x4.deallocate()
        scales8x8.deallocate()
    }

    /// The column of v in equation 8-318.
    private static func kind8x8(_ x: Int, _ y: Int) -> Int {
        switch (x & 3, y & 3) {
        case (0, 0): 0
        case (1, 1), (1, 3), (3, 1), (3, 3): 1
        case (2, 2): 2
        case (0, 1), (0, 3), (1, 0), (3, 0): 3
        case (0, 2), (2, 0): 4
        default: 5
        }
    }

    /// The factors of 4×4 blocks of a plane.
    func scales4x4(isIntra: Bool, plane: Int, qp: Int) -> UnsafePointer<Int32> {
        UnsafePointer(scales4x4 + (((isIntra ? 0 : 3) + plane) * 6 + qp % 6) * 16)
    }

    /// The factors of 8×8 luma blocks.
    func scales8x8(isIntra: Bool, qp: Int) -> UnsafePointer<Int32> {
        UnsafePointer(scales8x8 + ((isIntra ? 0 : 1) * 6 + qp % 6) * 64)
    }
}
