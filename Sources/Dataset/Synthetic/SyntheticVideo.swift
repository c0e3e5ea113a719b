package import Codec
import Storage

/// One video of a ``SyntheticDataset``: a scene, or two with a cut between them.
package struct SyntheticVideo: Sendable {
    /// The name without an extension: "video-00012".
    package let name: String

    /// The scenes in order, one or two.
    package let scenes: [SyntheticScene]

    /// The name of the earlier video that shows the same; `nil` for most.
    package let original: String?

    /// What the caption states of each scene: what it shows, unless the caption is planted wrong.
    let statement: [SyntheticSubject]

    /// Joins scenes of one size into a video.
    init(name: String, scenes: [SyntheticScene], statement: [SyntheticSubject], original: String? = nil) {
        precondition((1...2).contains(scenes.count), "a video has one scene or two")
        (self.name, self.scenes, self.statement, self.original) = (name, scenes, statement, original)
    }

    /// Frames in the video.
    package var frameCount: Int {
        scenes.reduce(0) { $0 + $1.frameCount }
    }

    /// The first frame of the second scene; `nil` without a cut.
    package var cutFrame: Int? {
        scenes.count == 2 ? scenes[0].frameCount : nil
    }

    /// Whether all frames are the same.
    package var isStatic: Bool {
        scenes.count == 1 && scenes[0].subject.motion == .still
    }

    /// What each scene is said to show: "a red disc moves left, then a blue square moves up".
    package var caption: String {
        Self.caption(of: statement)
    }

    /// What each scene shows, in the words of a caption.
    package var content: String {
        Self.caption(of: scenes.map(\.subject))
    }

    /// Whether the caption is wrong.
    package var hasWrongCaption: Bool {
        statement != scenes.map(\.subject)
    }

    /// The motion of the first scene: left, right, up, down or static.
    package var label: String {
        scenes[0].subject.motion.rawValue
    }

    /// The shape of the first scene: "red disc".
    package var subject: String {
        scenes[0].subject.name
    }

    /// The picture at a frame, `index` in `0..<frameCount`, shape (height, width, 3).
    package func frame(_ index: Int) -> RGBImage {
        let (scene, local) = locate(index)
        return scene.frame(local)
    }

    /// The centroid of the shape in view at a frame, in pixels from the centre of the top left pixel, +x right and +y
    /// down.
    package func centre(at index: Int) -> (x: Double, y: Double) {
        let (scene, local) = locate(index)
        return scene.centre(at: local)
    }

    /// The velocity of the shape in view at a frame, in pixels per frame, +x right and +y down.
    package func velocity(at index: Int) -> (x: Double, y: Double) {
        locate(index).scene.velocity
    }

    /// The caption of scenes that show `subjects`.
    static func caption(of subjects: [SyntheticSubject]) -> String {
        subjects.map(\.sentence).joined(separator: ", then ")
    }

    private func locate(_ index: Int) -> (scene: SyntheticScene, index: Int) {
        guard let cutFrame, index >= cutFrame else { return (scenes[0], index) }
        return (scenes[1], index - cutFrame)
    }
}
