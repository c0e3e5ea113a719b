import Codec
import MotionVectors

/// Times the fast block search against full search, and states what it loses.
struct SearchTimes {
    let stopwatch: Stopwatch
    let texture: Texture
    /// Frames searched, each against the one before.
    let frames: Int

    func printAll() {
        var full = BlockSearch()
        full.method = .full
        let results = [full, BlockSearch()].map { ($0.method, measure($0)) }
        guard let (_, reference) = results.first else { return }
        print("block search, blocks of 16, radius 15, \(texture.width)x\(texture.height) synthetic texture")
        print("method".column(24) + " ms/frame   SAD/pixel  SAD / full")
        for (method, result) in results {
            print(
                method.rawValue.column(24) + (result.time / 1e6).column(9, decimals: 2)
                    + result.sad.column(12, decimals: 3) + (result.sad / reference.sad).column(12, decimals: 3))
        }
    }

    /// Mean nanoseconds a frame, and mean SAD a pixel.
    private func measure(_ search: BlockSearch) -> (time: Double, sad: Double) {
        var previous: MotionField?
        var time = 0.0
        var sad = 0
        var single = stopwatch
        single.repetitions = min(stopwatch.repetitions, 5)
        for number in 1...frames {
            texture.withFrame(number - 1) { reference in
                texture.withFrame(number) { frame in
                    let guess = previous
                    var field = search.field(of: frame, against: reference, previous: guess)
                    time += single.measure { field = search.field(of: frame, against: reference, previous: guess) }
                    sad += BlockSearch.sumOfAbsoluteDifferences(field, of: frame, against: reference)
                    previous = field
                }
            }
        }
        let pixels = frames * texture.width * texture.height
        return (time / Double(frames), Double(sad) / Double(pixels))
    }
}
