import Foundation
import Testing

/// The pixels of an extraction with `--residual npy`, read from its files by code that shares nothing with the library.
struct ExtractedPixels {
    private let width: Int
    private let height: Int
    private let residual: [Int16]
    /// By frame, the twelve columns of each vector.
    private let vectors: [Int: [[Int]]]
    /// The part of the coded picture that is shown.
    let shown: (left: Int, top: Int, width: Int, height: Int)
    /// The picture types by frame.
    let types: [String]

    init(_ folder: String, _ scratch: Scratch) throws {
        let stream: JSON = try decode(scratch.text(folder + "/stream.json"))
        let crop = try ["left", "top", "right", "bottom"].map { try #require(stream["crop"][$0].int) }
        (width, height) = (try #require(stream["coded_width"].int), try #require(stream["coded_height"].int))
        shown = (crop[0], crop[1], width - crop[0] - crop[2], height - crop[1] - crop[3])
        residual = try scratch.data(folder + "/residual_y.npy").dropFirst(128).withUnsafeBytes {
            Array($0.bindMemory(to: Int16.self))
        }
        let motion = try int32Array(scratch.data(folder + "/motion.npy"))
        let rows = (0..<motion.shape[0]).map { row in motion.values[(row * 12)..<(row * 12 + 12)].map { Int($0) } }
        vectors = Dictionary(grouping: rows) { $0[0] }
        types = try scratch.text(folder + "/frames.csv").split(separator: "\n").dropFirst().map {
            String($0.split(separator: ",", omittingEmptySubsequences: false)[4])
        }
    }

    /// The luma residual of the pixels of a frame that a vector covers whose reference is counted.
    func residual(ofFrame frame: Int, isShown: Bool = false, _ isCounted: (Int) -> Bool) -> [Int16] {
        var isCovered = [Bool](repeating: false, count: width * height)
        for vector in vectors[frame] ?? [] where isCounted(vector[1]) {
            let (left, top) = (vector[7] - vector[3] / 2, vector[8] - vector[4] / 2)
            for y in max(0, top)..<min(height, top + vector[4]) {
                for x in max(0, left)..<min(width, left + vector[3]) { isCovered[y * width + x] = true }
            }
        }
        return isCovered.indices.compactMap { place in
            let (x, y) = (place % width - shown.left, place / width - shown.top)
            let isInside = (0..<shown.width).contains(x) && (0..<shown.height).contains(y)
            return isCovered[place] && (isInside || !isShown) ? residual[frame * width * height + place] : nil
        }
    }
}
