import Storage
import Testing
import Train

@Suite struct CLIPScoreTests {
    /// cos = 1, 0.6, −1 with a text of length 5.
    @Test func averagesClippedCosines() throws {
        let frames: [Float] = [6, 8, 5, 0, -0.3, -0.4]
        let score = try CLIPScore(frames: frames.span, text: ([3, 4] as [Float]).span)
        for (found, wanted) in zip(score.cosines, [1, 0.6, -1]) { #expect(abs(found - wanted) < 1e-7) }
        #expect(score.cosines.count == 3)
        #expect(abs(score.cosine - 0.2) < 1e-7)
        #expect(abs(score.value - 160.0 / 3) < 1e-5)
    }

    @Test(
        arguments: [
            ([1, 2, 3], [1, 2], "3 features of frames are not whole rows of 2"), ([], [1, 2], "not whole rows"),
            ([1, 2], [], "not whole rows"), ([1, 2, 0, 0], [1, 2], "frame 1 have no direction"),
            ([1, 2], [0, 0], "features of the text have no direction"), ([1, .nan], [1, 2], "frame 0"),
        ] as [([Float], [Float], String)]) func refuses(_ frames: [Float], _ text: [Float], _ message: String) throws
    {
        let error = try #require(throws: PFrameError.self) { try CLIPScore(frames: frames.span, text: text.span) }
        #expect(error.message.contains(message), "\(error)")
    }
}
