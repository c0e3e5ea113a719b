import Codec
import Storage
import Testing
import Train

/// Peak signal-to-noise ratios against numpy's.
@Suite struct PSNRTests {
    @Test(arguments: try MetricInputs.expected().clips) func equalsNumpy(_ wanted: MetricInputs.Clip) throws {
        let (clip, reference) = MetricInputs.clips(wanted)
        let found = try PSNR(clip.span, reference: reference.span, size: wanted.size)
        #expect(isClose(found.clip, wanted.psnr, 1e-12))
        #expect(found.frames.count == wanted.framePSNR.count)
        for (found, wanted) in zip(found.frames, wanted.framePSNR) { #expect(isClose(found, wanted, 1e-12)) }
        #expect(found.last == found.frames.last)
    }

    @Test func isInfiniteWhereOnlyFrame0Differs() throws {
        let size = Size(width: 3, height: 2)
        let clip = [UInt8](repeating: 7, count: 54)
        var reference = clip
        for sample in 0..<18 { reference[sample] = 200 }
        let psnr = try PSNR(clip.span, reference: reference.span, size: size)
        #expect(psnr.squaredErrors == [0, 0] && psnr.clip == .infinity && psnr.frames == [.infinity, .infinity])
    }

    /// The largest difference everywhere: sums that overflow 32 bits many times over.
    @Test func isExactAtTheExtremes() throws {
        let size = Size(width: 301, height: 203)
        let (black, white) = ([UInt8](repeating: 0, count: 366_618), [UInt8](repeating: 255, count: 366_618))
        let psnr = try PSNR(black.span, reference: white.span, size: size)
        #expect(psnr.squaredErrors == [301 * 203 * 3 * 65_025] && psnr.clip == 0)
    }

    @Test(arguments: [(18, 18), (36, 18), (40, 40), (0, 0)]) func refusesWhatIsNoClip(_ clip: Int, _ reference: Int) {
        let (clip, reference) = ([UInt8](repeating: 0, count: clip), [UInt8](repeating: 0, count: reference))
        #expect(throws: PFrameError.self) {
            try PSNR(clip.span, reference: reference.span, size: Size(width: 3, height: 2))
        }
    }
}
