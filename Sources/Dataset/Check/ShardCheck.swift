import Shards
import Storage
import SystemPackage

/// Compares a shard with its rows and with `dataset.json`, reading it once.
struct ShardCheck {
    let folder: DatasetFolder
    let description: DatasetDescription
    let shard: DatasetDescription.Shard

    /// What was found of a shard.
    struct Result: Sendable {
        var findings: [Finding]
        /// The hashes of the keys of its rows.
        var hashes: [Int]
    }

    /// Whether PFrame wrote the archive: then nothing but samples and two blocks of zeros is in it.
    private var isOwn: Bool { !description.sourceHash.isEmpty }

    /// Checks everything.
    ///
    /// - Parameter progress: called with the bytes read since the last call; what it throws ends the check.
    func run(_ progress: (Int) throws(PFrameError) -> Void) throws(PFrameError) -> Result {
        var rows = RowsCheck(folder, shard, remedy: description.rowsRemedy)
        var tar = Findings(file: shard.tarName, remedy: description.shardRemedy)
        do throws(PFrameError) {
            let reader = try TarReader(folder.tar(shard))
            if reader.size != shard.bytes {
                tar.add(min(reader.size, shard.bytes), nil, "\(shard.bytes) bytes", "\(reader.size)")
            }
            var mismatches: [Mismatch] = []
            var told = 0
            for line in rows.lines {
                guard line.row.offset >= reader.position, line.row.offset % TarHeader.blockSize == 0,
                    line.row.size % TarHeader.blockSize == 0
                else {
                    rows.add(
                        line.offset, line.row.key, "whole blocks from byte \(reader.position) on",
                        "\(line.row.size) bytes at \(line.row.offset)")
                    continue
                }
                try readGap(to: line.row.offset, reader, &tar)
                guard line.row.offset + line.row.size <= reader.size else {
                    let behind = rows.lines.count { $0.row.offset > line.row.offset }
                    tar.add(
                        reader.size, line.row.key, "its end at byte \(line.row.offset + line.row.size)",
                        "the end of the file" + (behind > 0 ? ", and nothing of \(behind) records after it" : ""))
                    break
                }
                if let mismatch = try readSample(line, reader, &rows) { mismatches.append(mismatch) }
                try progress(reader.position - told)
                told = reader.position
            }
            try readGap(to: reader.size, reader, &tar)
            try progress(reader.position - told)
            let digest = reader.digest
            for mismatch in mismatches {
                // In an archive that is whole it is the row that is wrong.
                if digest == shard.sha256 {
                    rows.add(mismatch.line.offset, mismatch.line.row.key, mismatch.found, mismatch.expected)
                } else {
                    tar.add(mismatch.offset, mismatch.line.row.key, mismatch.expected, mismatch.found)
                }
            }
            if digest == shard.sha256 {
                // Nothing is wrong with the archive: what it has too much or too little, the rows have.
                tar.list = tar.list.map { $0.remedied(description.rowsRemedy) }
            } else if tar.list.isEmpty {
                tar.add(nil, nil, "SHA-256 \(shard.sha256)", digest)
            }
        } catch {
            // The reader's own errors are findings; what `progress` throws is not about this file.
            guard error.path == folder.tar(shard) else { throw error }
            tar.add(error.offset, nil, "a readable shard", error.message)
        }
        return Result(findings: tar.list + rows.finished(), hashes: RepeatedKeys.hashes(rows.lines.map(\.row.key)))
    }

    /// Findings about one file.
    private struct Findings {
        let file: String
        let remedy: String
        var list: [Finding] = []

        mutating func add(_ offset: Int?, _ sample: String?, _ expected: String, _ found: String) {
            list.append(
                Finding(file: file, offset: offset, sample: sample, expected: expected, found: found, remedy: remedy))
        }
    }

    /// A sample and its row do not agree.
    private struct Mismatch {
        let line: RowsCheck.Line
        let offset: Int
        let expected: String
        let found: String
    }

    /// Reads the sample of a row: its headers must name what the row names, its bytes have the row's checksum.
    private func readSample(
        _ line: RowsCheck.Line, _ reader: TarReader, _ rows: inout RowsCheck
    ) throws(PFrameError) -> Mismatch? {
        let row = line.row
        let end = row.offset + row.size
        reader.crc = CRC32C()
        var members: [ShardRow.Member] = []
        var problem: Mismatch?
        while problem == nil, reader.position < end {
            let place = reader.position
            guard case .entry(let entry) = try reader.next(), entry.end <= end else {
                problem = Mismatch(line: line, offset: place, expected: "a tar header", found: "a damaged one")
                break
            }
            let name = SampleName(entry.name)
            if entry.isFile, let name {
                members.append(ShardRow.Member(name: name.member, offset: entry.offset, length: entry.size))
                if name.key != row.key {
                    problem = Mismatch(
                        line: line, offset: entry.start, expected: "a member of \(row.key)", found: entry.name)
                }
            }
            guard isOwn, !rows.isIntact, name?.member == "json" else {
                try reader.read(to: entry.end)
                continue
            }
            rows.compare(line, with: try reader.bytes(entry.size))
            try reader.read(to: entry.end)
        }
        if problem == nil, members != row.members {
            problem = Mismatch(
                line: line, offset: row.offset, expected: Self.list(row.members), found: Self.list(members))
        }
        try reader.read(to: end)
        let crc = reader.crc.value
        if crc != row.crc32c {
            let place = problem?.offset ?? row.offset
            return Mismatch(
                line: line, offset: place, expected: "CRC-32C \(Self.digits(row.crc32c))", found: Self.digits(crc))
        }
        return problem
    }

    /// Reads what lies between samples, where no file may be, and after the last one.
    private func readGap(to end: Int, _ reader: TarReader, _ tar: inout Findings) throws(PFrameError) {
        let limit = min(end, reader.size)
        let start = reader.position
        var stray: (name: String, offset: Int, count: Int)?
        while reader.position < limit {
            let place = reader.position
            switch try reader.next() {
            case .entry(let entry):
                if entry.isFile, isOwn || SampleName(entry.name) != nil {
                    stray = (stray?.name ?? entry.name, stray?.offset ?? place, (stray?.count ?? 0) + 1)
                }
                try reader.read(to: min(entry.end, max(limit, reader.position)))
            case .end, .cut:
                try readEnd(from: place, to: limit, isLast: end == reader.size, reader, &tar)
            case .damaged(let place):
                if end == reader.size, isOwn, place == shard.bytes - TarHeader.endSize {
                    tar.add(place, nil, "zeros to the end of the archive", "other bytes")
                } else {
                    tar.add(place, nil, "a tar header", "a damaged one")
                }
                try reader.read(to: limit)
            }
        }
        if let stray {
            let others = stray.count > 1 ? " and \(stray.count - 1) more" : ""
            tar.add(stray.offset, nil, "a record that has a row", "\(stray.name)\(others), which no row names")
        }
        if isOwn, end == reader.size, limit - start != TarHeader.endSize, stray == nil, reader.size == shard.bytes {
            tar.add(start, nil, "\(TarHeader.endSize) bytes of zeros at the end", "\(limit - start) bytes")
        }
    }

    /// Reads the zeros that end an archive.
    private func readEnd(
        from start: Int, to limit: Int, isLast: Bool, _ reader: TarReader, _ tar: inout Findings
    ) throws(PFrameError) {
        guard isLast else {
            tar.add(start, nil, "a sample", "the end of the archive")
            return try reader.read(to: limit)
        }
        var place = reader.position
        var stray: Int?
        try reader.read(to: limit) { piece in
            if stray == nil { stray = piece.firstIndex { $0 != 0 }.map { place + $0 } }
            place += piece.count
        }
        if let stray, isOwn { tar.add(stray, nil, "zeros to the end of the archive", "other bytes") }
    }

    private static func list(_ members: [ShardRow.Member]) -> String {
        members.map { "\($0.name) at \($0.offset) of \($0.length) bytes" }.joined(separator: ", ")
    }

    private static func digits(_ crc: UInt32) -> String {
        crc.zeroPadded(8, radix: 16)
    }
}

/// The row file of a shard, line by line: what can be read of it, and what is wrong with it.
struct RowsCheck {
    /// A row and its place in the file.
    struct Line {
        let row: ShardRow
        let offset: Int
    }

    /// Rows that could be read, in the order of their place in the shard.
    private(set) var lines: [Line] = []
    private(set) var findings: [Finding] = []
    /// Whether the bytes are those that `dataset.json` knows.
    private(set) var isIntact = false
    private let shard: DatasetDescription.Shard
    private let remedy: String

    /// Reads the rows of `shard`.
    init(_ folder: DatasetFolder, _ shard: DatasetDescription.Shard, remedy: String) {
        (self.shard, self.remedy) = (shard, remedy)
        let path = folder.path.appending(shard.rowsName)
        let text: [UInt8]
        do throws(PFrameError) { text = try readFile(path) } catch {
            add(nil, nil, "a row file", error.message)
            return
        }
        let digest = SHA256.digest(of: text)
        isIntact = digest == shard.rowsSHA256
        var start = 0
        while start < text.count {
            let end = text[start...].firstIndex(of: 0x0A) ?? text.count
            if end == text.count { add(start, nil, "a line feed behind the last row", "the end of the file") }
            read(text[start..<end], path, start)
            start = end + 1
        }
        if lines.count != shard.samples {
            add(nil, nil, "\(shard.samples) rows", "\(lines.count) that can be read")
        }
        lines.sort { $0.row.offset < $1.row.offset }
        if !isIntact, findings.isEmpty { digestFinding = digest }
    }

    /// The digest that differs although every line reads as a row of our own writing.
    private var digestFinding: String?

    private mutating func read(_ line: ArraySlice<UInt8>, _ path: FilePath, _ offset: Int) {
        do throws(PFrameError) {
            let row = try ShardRow(try JSONValue(line, path: path, offset: offset), path: path, offset: offset)
            if !isIntact, !row.json.utf8.elementsEqual(line) {
                add(offset, row.key, "a row as PFrame writes it", "other text")
            }
            lines.append(Line(row: row, offset: offset))
        } catch {
            add(error.offset ?? offset, nil, "a row", error.message)
        }
    }

    /// Notes that a row, and not the shard, is wrong.
    mutating func add(_ offset: Int?, _ sample: String?, _ expected: String, _ found: String) {
        findings.append(
            Finding(
                file: shard.rowsName, offset: offset, sample: sample, expected: expected, found: found, remedy: remedy))
    }

    /// Compares a row with the sample's own `json` member, which says the same of it in sets that PFrame built.
    mutating func compare(_ line: Line, with json: [UInt8]) {
        guard !line.row.columns.json(key: line.row.key).utf8.elementsEqual(json) else { return }
        guard SampleColumns.wrote(json, key: line.row.key) else { return }
        add(line.offset, line.row.key, "what its json member says", "something else")
    }

    /// All findings, once everything is compared.
    func finished() -> [Finding] {
        guard findings.isEmpty, let digestFinding else { return findings }
        return [
            Finding(
                file: shard.rowsName, expected: "SHA-256 \(shard.rowsSHA256)", found: digestFinding, remedy: remedy)
        ]
    }
}
