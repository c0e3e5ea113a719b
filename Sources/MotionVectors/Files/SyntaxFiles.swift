import Bitstream
import Codec
import Storage
import SystemPackage

/// The files that the bitstream adds to an extraction.
final class SyntaxFiles {
    /// Every one of them, but for the coded residual.
    static let names = ["indices.npy", "weights.csv", "macroblocks.npy", "bits.npy", "qp.npy", "slices.csv"]

    private let indices: NPYWriter
    private var weights: OutputFile
    private let macroblocks: MacroblockFiles?

    /// Creates the files for pictures of a size; those of macroblocks and slices only where asked for.
    init(_ folder: inout StagedFolder, size: Size, macroblocks wantsMacroblocks: Bool) throws(PFrameError) {
        indices = try NPYWriter(path: folder.stage("indices.npy"), type: .int16, itemShape: [2])
        var weights = try OutputFile(path: folder.stage("weights.csv"))
        try weights.write(WeightLines.header + "\n")
        self.weights = weights
        macroblocks = wantsMacroblocks ? try MacroblockFiles(&folder, size: size) : nil
    }

    /// Appends a frame.
    ///
    /// - Parameters:
    ///   - display: its display index.
    ///   - rows: how many vectors it has.
    ///   - syntax: what the bitstream says of it; nil where it tells nothing.
    func write(_ display: Int, rows: Int, _ syntax: PictureSyntax?) throws(PFrameError) {
        try indices.append(syntax?.indices ?? Array(repeating: .unknown, count: rows))
        for (number, slice) in (syntax?.slices ?? []).enumerated() {
            for line in WeightLines.lines(of: slice, number, frame: display) { try weights.write(line + "\n") }
        }
        try macroblocks?.write(display, syntax)
    }

    /// Completes the files.
    func close() throws(PFrameError) {
        try indices.close()
        try weights.close()
        try macroblocks?.close()
    }
}

/// `macroblocks.npy`, `bits.npy`, `qp.npy` and `slices.csv`.
private final class MacroblockFiles {
    private let size: (width: Int, height: Int)
    private let macroblocks: NPYWriter
    private let bits: NPYWriter
    private let quantisers: NPYWriter
    private var slices: OutputFile

    init(_ folder: inout StagedFolder, size: Size) throws(PFrameError) {
        self.size = (size.width / 16, size.height / 16)
        let grid = [size.height / 16, size.width / 16]
        macroblocks = try NPYWriter(
            path: folder.stage("macroblocks.npy"), type: .int32, itemShape: [MacroblockRow.columns.count])
        bits = try NPYWriter(path: folder.stage("bits.npy"), type: .uint32, itemShape: grid)
        quantisers = try NPYWriter(path: folder.stage("qp.npy"), type: .int8, itemShape: grid)
        var slices = try OutputFile(path: folder.stage("slices.csv"))
        try slices.write(
            "frame,slice,type,first_macroblock,order,nal_ref_idc,qp,header_bits,bits,references0,references1\n")
        self.slices = slices
    }

    func write(_ display: Int, _ syntax: PictureSyntax?) throws(PFrameError) {
        let tables = syntax?.macroblocks ?? MacroblockTables(unknown: size.width, size.height, frame: display)
        try macroblocks.append(tables.rows)
        try bits.append(tables.bits)
        try quantisers.append(tables.quantisers)
        guard let syntax else { return }
        for (number, slice) in syntax.slices.enumerated() {
            let references = slice.references.map { $0.map { "\($0)" }.joined(separator: " ") }
            let fields: [Any] = [
                display, number, slice.letter, slice.firstMacroblock, syntax.order, syntax.referenceIDC, slice.qp,
                slice.headerBits, slice.bits, references[0], references[1],
            ]
            try slices.write(fields.map { "\($0)" }.joined(separator: ",") + "\n")
        }
    }

    func close() throws(PFrameError) {
        for file in [macroblocks, bits, quantisers] { try file.close() }
        try slices.close()
    }
}

/// Lines of `weights.csv`: a weight of a slice takes three, for luma, Cb and Cr.
enum WeightLines {
    static let header =
        "frame,slice,kind,index0,index1,reference0,reference1,plane,shift,weight0,weight1,offset0,offset1"
    private static let planes = ["y", "cb", "cr"]

    /// The lines of a slice; fields of a list that takes no part are empty.
    static func lines(of slice: SliceSyntax, _ number: Int, frame: Int) -> [String] {
        slice.weights.indices.flatMap { first, second -> [String] in
            guard let weights = slice.weights.block(first, second) else { return [] }
            return planes.indices.map { plane in
                func of(_ index: Int, _ value: Int32) -> String { index < 0 ? "" : "\(value)" }
                let fields = [
                    "\(frame)", "\(number)", slice.weighting.rawValue, of(first, Int32(first)),
                    of(second, Int32(second)), first < 0 ? "" : "\(slice.references[0][first])",
                    second < 0 ? "" : "\(slice.references[1][second])", planes[plane], "\(weights.shift[plane])",
                    of(first, weights.first[plane]), of(second, weights.second[plane]),
                    of(first, weights.firstOffset[plane]), of(second, weights.secondOffset[plane]),
                ]
                return fields.joined(separator: ",")
            }
        }
    }

    /// A line, read.
    fileprivate struct Entry {
        let frame: Int
        let slice: Int
        let first: Int
        let second: Int
        let plane: Int
        /// The shift, the two weights and the two offsets; 0 for a list that takes no part.
        let values: [Int32]

        /// Nil for what PFrame does not write.
        init?(_ line: Substring) {
            let fields = line.split(separator: ",", omittingEmptySubsequences: false)
            guard fields.count == 13, let frame = Int(fields[0]), let slice = Int(fields[1]),
                let plane = planes.firstIndex(of: String(fields[7]))
            else { return nil }
            func number(_ text: Substring, _ none: Int) -> Int? { text.isEmpty ? none : Int(text) }
            guard let first = number(fields[3], -1), let second = number(fields[4], -1),
                (-1...31).contains(first), (-1...31).contains(second), max(first, second) >= 0,
                (0..<mostSlices).contains(slice)
            else { return nil }
            let values = fields[8...].compactMap { number($0, 0) }
            guard values.count == 5, (0...7).contains(values[0]),
                values[1...].allSatisfy({ (-128...128).contains($0) })
            else { return nil }
            (self.frame, self.slice, self.first, self.second, self.plane) = (frame, slice, first, second, plane)
            self.values = values.map { Int32($0) }
        }
    }
}

/// Reads `weights.csv` in the order of the frames.
struct WeightReader {
    private let path: FilePath
    private let lines: LineReader
    /// What was read of a later frame.
    private var next: Told?

    /// Three lines.
    private struct Told {
        let frame: Int
        let slice: Int
        let first: Int
        let second: Int
        let weights: BlockWeights
    }

    init(path: FilePath) throws(PFrameError) {
        self.path = path
        lines = try LineReader(path: path)
        guard let header = try lines.next(), header == WeightLines.header else {
            throw PFrameError(.damaged, path: path, "does not start with PFrame's columns: \(WeightLines.header)")
        }
    }

    /// The weights of a frame's slices; frames are asked for in their order.
    mutating func read(frame: Int) throws(PFrameError) -> [SliceWeights] {
        var slices: [SliceWeights] = []
        while true {
            if next == nil { next = try readNext() }
            guard let told = next, told.frame <= frame else { return slices }
            next = nil
            while slices.count <= told.slice { slices.append(.none) }
            guard told.frame == frame,
                slices[told.slice].append(told.weights, first: told.first, second: told.second)
            else { throw unreadable }
        }
    }

    private func readNext() throws(PFrameError) -> Told? {
        var entries: [WeightLines.Entry] = []
        for plane in 0..<3 {
            guard let line = try lines.next() else {
                guard plane == 0 else { throw unreadable }
                return nil
            }
            guard let entry = WeightLines.Entry(line), entry.plane == plane else { throw unreadable }
            entries.append(entry)
        }
        func of(_ column: Int) -> SIMD4<Int32> {
            SIMD4(entries[0].values[column], entries[1].values[column], entries[2].values[column], 0)
        }
        return Told(
            frame: entries[0].frame, slice: entries[0].slice, first: entries[0].first, second: entries[0].second,
            weights: BlockWeights(
                shift: of(0), first: of(1), second: of(2), firstOffset: of(3), secondOffset: of(4)))
    }

    private var unreadable: PFrameError {
        PFrameError(.damaged, path: path, "line \(lines.count) is unreadable; extract again")
    }
}
