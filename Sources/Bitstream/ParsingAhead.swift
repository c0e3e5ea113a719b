import Dispatch

/// Parses pictures ahead of the reader on several threads, and gives them back in order.
///
/// Each thread but the reader's has a queue that pictures go to in turn. The reader's thread parses the picture that it
/// needs, where no other has begun it, and while another is at it the next one that nobody has begun. So the threads
/// share the work, however unequal pictures are; the order of pictures, and with it every result, is the stream's.
final class ParsingAhead {
    /// A thread with its parser.
    private final class Worker: @unchecked Sendable {
        // @unchecked: only the serial queue uses the parser.
        private let queue: DispatchQueue
        private let parser = SyntaxParser()

        init(number: Int) { queue = DispatchQueue(label: "pframe.bitstream.\(number)", qos: .userInitiated) }

        func submit(_ picture: ParsedPicture) {
            queue.async { [self] in if picture.claim() { parser.parse(picture) } }
        }
    }

    private let parser = SyntaxParser()
    private let workers: [Worker]
    private var pictures: [ParsedPicture] = []
    private var submitted = 0

    init(threads: Int) { workers = (0..<max(0, threads - 1)).map { Worker(number: $0) } }

    /// Whether more pictures should be submitted before the next one is taken. Three per thread keep all threads busy.
    var hasRoom: Bool { pictures.count < 3 * workers.count + 1 }

    /// Takes the picture that follows in decode order.
    func submit(_ picture: ParsedPicture) {
        pictures.append(picture)
        guard !workers.isEmpty else { return }
        workers[submitted % workers.count].submit(picture)
        submitted += 1
    }

    /// The first picture, parsed; nil where none is there.
    func next() -> ParsedPicture? {
        guard !pictures.isEmpty else { return nil }
        let picture = pictures.removeFirst()
        if picture.claim() {
            parser.parse(picture)
        } else if !picture.isParsed, let other = pictures.first(where: { $0.claim() }) {
            parser.parse(other)
        }
        picture.wait()
        return picture
    }
}
