import Codec
import Storage
import SystemPackage
import Testing
import Train

/// How the field's networks are called, by a small one that has their flags (`Tests/Peers/clip_expected.py`).
@Suite struct FeatureNetworkTests {
    private static let path = ScriptModuleTests.folder.appending("network.pt")
    private static let size = Size(width: 20, height: 12)

    @Test func callsI3DAsInFVD() throws {
        let network = try FeatureNetwork.i3d(Self.path)
        let clips = ScriptModuleTests.frames()
        let features = try network.features(ofClips: clips.span, frames: 3, size: Self.size)
        #expect(ScriptModuleTests.isNear(features, try ScriptModuleTests.expected("i3d"), 1e-5))
        let first = try network.features(ofClip: clips.span.extracting(..<(3 * 20 * 12 * 3)), size: Self.size)
        #expect(ScriptModuleTests.isNear(first, Array(features[..<2]), 1e-5))
        let error = #expect(throws: PFrameError.self) {
            try network.features(ofClips: clips.span, frames: 4, size: Self.size)
        }
        #expect(error?.message == "6 frames are not whole clips of 4")
    }

    @Test func callsInceptionAsInFID() throws {
        let clip = ScriptModuleTests.frames()
        let features = try FeatureNetwork.inception(Self.path).features(ofClip: clip.span, size: Self.size)
        #expect(ScriptModuleTests.isNear(features, try ScriptModuleTests.expected("inception"), 1e-5))
        // The network has no argument no_output_bias, and is called without.
        let classes = try FeatureNetwork.inceptionClasses(Self.path).features(ofClip: clip.span, size: Self.size)
        #expect(ScriptModuleTests.isNear(classes, try ScriptModuleTests.expected("plain"), 1e-5))
    }

    @Test func measuresLPIPS() throws {
        let clip = ScriptModuleTests.frames()
        let area = 20 * 12 * 3
        let reversed = (0..<6).flatMap { clip[(5 - $0) * area..<(6 - $0) * area] }
        let network = try FeatureNetwork.lpips(Self.path)
        let distances = try network.distances(clip.span, reference: reversed.span, size: Self.size)
        // Features of about 10,000 leave some thousandths of a difference.
        #expect(ScriptModuleTests.isNear(distances, try ScriptModuleTests.expected("lpips"), 1e-3))
        #expect(try network.distances(clip.span, reference: clip.span, size: Self.size).allSatisfy { $0 == 0 })
        let error = #expect(throws: PFrameError.self) {
            try network.distances(clip.span, reference: clip.span.extracting(..<area), size: Self.size)
        }
        #expect(error?.message.contains("both must be as long") == true)
    }

    /// More frames than go through at once.
    @Test func joinsBatches() throws {
        let clip = ScriptModuleTests.frames()
        let long = (0..<12).flatMap { _ in clip }
        let network = try FeatureNetwork.inception(Self.path)
        let features = try network.features(ofClip: long.span, size: Self.size)
        let once = try ScriptModuleTests.expected("inception")
        #expect(ScriptModuleTests.isNear(features, (0..<12).flatMap { _ in once }, 1e-5))
    }

    @Test func callsANetworkWithoutFlags() throws {
        let network = try FeatureNetwork.inception(ScriptModuleTests.folder.appending("tuple.pt"))
        let features = try network.features(ofClip: ScriptModuleTests.frames().span, size: Self.size)
        #expect(ScriptModuleTests.isNear(features, try ScriptModuleTests.expected("sums"), 1e-6))
    }
}
