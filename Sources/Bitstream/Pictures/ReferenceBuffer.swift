/// The reference pictures that a decoder would hold (ITU-T H.264, 8.2.5): frames only.
struct ReferenceBuffer {
    /// A frame that is used for reference.
    struct Frame {
        let frameNumber: Int
        /// `LongTermFrameIdx`; nil for a short-term frame.
        var longIndex: Int?
        let reference: Reference
    }

    /// In the order of their marking.
    private(set) var frames: [Frame] = []
    private var lastFrameNumber = 0

    /// Makes room for frame numbers that the stream left out (8.2.5.2), by permission or by loss: none of the frames
    /// between exists.
    mutating func fillGap(before header: SliceHeader) {
        guard !header.isIDR else { return }
        let limit = 1 << header.sequence.frameNumberBits
        let distance = (header.frameNumber - lastFrameNumber + limit) % limit
        guard distance > 1 else { return }
        // Only the last ones remain in the window.
        for back in (1...min(distance - 1, 16)).reversed() {
            let number = (header.frameNumber - back + limit) % limit
            slide(header, current: number)
            frames.append(Frame(frameNumber: number, longIndex: nil, reference: .missing))
        }
        lastFrameNumber = (header.frameNumber - 1 + limit) % limit
    }

    /// Marks the frames once a picture was decoded, and takes the picture in where it is a reference (8.2.5.1).
    ///
    /// - Parameter reference: the picture as later ones see it.
    mutating func mark(_ header: SliceHeader, _ reference: Reference) {
        guard header.isReference else { return }
        var longIndex: Int?
        lastFrameNumber = header.frameNumber
        if header.isIDR {
            frames.removeAll()
            longIndex = header.longTermReference ? 0 : nil
        } else if let commands = header.memoryControl {
            for command in commands { longIndex = apply(command, header) ?? longIndex }
            // Only a damaged stream leaves no room.
            slide(header, current: header.frameNumber)
        } else {
            slide(header, current: header.frameNumber)
        }
        if header.hasReset { lastFrameNumber = 0 }
        var kept = reference
        kept.isLongTerm = longIndex != nil
        frames.append(Frame(frameNumber: lastFrameNumber, longIndex: longIndex, reference: kept))
    }

    /// The sliding window (8.2.5.3): makes room for a frame.
    private mutating func slide(_ header: SliceHeader, current: Int) {
        while frames.count >= max(header.sequence.referenceFrames, 1) {
            let limit = 1 << header.sequence.frameNumberBits
            let oldest = frames.indices.filter { frames[$0].longIndex == nil }
                .min { frames[$0].number(current, limit) < frames[$1].number(current, limit) }
            frames.remove(at: oldest ?? 0)
        }
    }

    /// One command of memory control (8.2.5.4); the long-term index that it gives the current picture.
    private mutating func apply(_ command: SliceHeader.MemoryControl, _ header: SliceHeader) -> Int? {
        let limit = 1 << header.sequence.frameNumberBits
        let current = header.frameNumber
        func isShort(_ frame: Frame, _ difference: Int) -> Bool {
            frame.longIndex == nil && frame.number(current, limit) == current &- (difference &+ 1)
        }
        switch command.operation {
        case 1: frames.removeAll { isShort($0, command.first) }
        case 2: frames.removeAll { $0.longIndex == command.first }
        case 3:
            guard let place = frames.firstIndex(where: { isShort($0, command.first) }) else { return nil }
            var moved = frames[place]
            moved.longIndex = command.second
            var reference = moved.reference
            reference.isLongTerm = true
            frames[place] = Frame(frameNumber: moved.frameNumber, longIndex: command.second, reference: reference)
            let name = moved.frameNumber
            frames.removeAll {
                $0.longIndex == command.second && ($0.frameNumber != name || $0.reference.number != reference.number)
            }
        case 4: frames.removeAll { ($0.longIndex ?? -1) >= command.first }
        case 5: frames.removeAll()
        case 6:
            frames.removeAll { $0.longIndex == command.first }
            return command.first
        default: break
        }
        return nil
    }
}

extension ReferenceBuffer.Frame {
    /// `FrameNumWrap` and `PicNum` of a short-term frame (8.2.4.1).
    func number(_ current: Int, _ limit: Int) -> Int { frameNumber > current ? frameNumber - limit : frameNumber }
}
