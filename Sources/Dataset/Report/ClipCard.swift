import Storage

/// Draws clips: picture with arrows, a value, key and caption.
struct ClipCard: Sendable {
    let pictures: ClipPictures
    let arrows: MotionArrows

    /// The list item of a clip.
    ///
    /// - Parameters:
    ///   - score: the score that is shown; none where the clip has no value of it.
    ///   - note: a further line.
    func html(_ clip: ReportClip, score: String?, note: HTML = "") -> HTML {
        let value: HTML =
            score.map { name in
                let text = clip.scores[name].map { NumberText.short($0) } ?? "no value"
                return "<span class=\"value\" title=\"\(name)\">\(text)</span>"
            } ?? ""
        let caption: HTML =
            clip.caption.isEmpty
            ? "<p class=\"caption none\">\(clip.source.isEmpty ? "no caption" : clip.source)</p>"
            : "<p class=\"caption\" dir=\"auto\" title=\"\(clip.caption)\">\(clip.caption)</p>"
        let source = clip.source.isEmpty ? clip.key : "\(clip.key) of \(clip.source)"
        return """
            <li class="clip"><div class="picture">\(picture(clip))</div>\
            <p class="facts">\(value)<code title="\(source)">\(clip.key)</code></p>\(caption)\(note)</li>

            """
    }

    private func picture(_ clip: ReportClip) -> HTML {
        if pictures.damaged.contains(clip.number) { return "<p class=\"absent\">damaged</p>" }
        guard let picture = pictures.pictures[clip.number] else { return "<p class=\"absent\">no picture</p>" }
        let alternative = "First frame of clip \(clip.key)" + (clip.caption.isEmpty ? "" : ": \(clip.caption)")
        let size: HTML =
            picture.size.map { width, height in
                (width < 96 ? " class=\"small\"" : "") + " width=\"\(width)\" height=\"\(height)\""
            } ?? ""
        return """
            <img src="\(picture.uri)"\(size) alt="\(alternative)" decoding="async">\
            \(picture.motion.map { arrows.html($0) } ?? "")
            """
    }

    /// What the arrows mean; empty where no clip has any.
    var legend: HTML {
        guard pictures.pictures.values.contains(where: { $0.motion != nil }) else { return "" }
        return """
             Arrows show where the content of a block moves within \(NumberText.count(arrows.frames, "frame")) of the clip, \
            on average over its length.
            """
    }
}
