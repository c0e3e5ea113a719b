import Storage
import SystemPackage
import TestSupport
import Testing
import Train

@Suite struct MetricsLogTests {
    private func text(_ folder: FilePath) throws -> String {
        String(decoding: try contents(of: folder.appending("metrics.jsonl")), as: UTF8.self)
    }

    private func write(_ text: String, _ folder: FilePath) throws {
        try put(Array(text.utf8), at: folder.appending("metrics.jsonl"))
    }

    private let lines = (1...4).map { "{\"step\":\($0 * 10),\"loss\":\(1.0 / Double($0))}\n" }

    @Test func writesAnObjectALine() throws {
        try withTemporaryFolder { folder in
            let log = try MetricsLog(run: folder)
            try log.append(step: 0, [("loss", 0.5), ("a \"b\"", 3)])
            try log.append(step: 7, [("loss", .nan)])
            try log.append(step: 8, [])
            let expected = "{\"step\":0,\"loss\":0.5,\"a \\\"b\\\"\":3.0}\n{\"step\":7,\"loss\":null}\n{\"step\":8}\n"
            #expect(try text(folder) == expected)
        }
    }

    @Test(
        "a resumed run loses the lines past its checkpoint, and half a line",
        arguments: [(0, 0), (9, 0), (10, 1), (29, 2), (30, 3), (40, 4), (1000, 4)],
        ["", "{\"step\":50,\"lo", "{\"step\":50}"])
    func cuts(_ resume: (step: Int, kept: Int), half: String) throws {
        try withTemporaryFolder { folder in
            try write(lines.joined() + half, folder)
            let log = try MetricsLog(run: folder, resumingAt: resume.step)
            try log.append(step: resume.step + 1, [("loss", 2)])
            let last = "{\"step\":\(resume.step + 1),\"loss\":2.0}\n"
            #expect(try text(folder) == lines.prefix(resume.kept).joined() + last)
        }
    }

    @Test("a run that begins starts an empty log; one without a log resumes with none")
    func begins() throws {
        try withTemporaryFolder { folder in
            _ = try MetricsLog(run: folder, resumingAt: 100)
            #expect(try text(folder) == "")
            try write(lines.joined(), folder)
            _ = try MetricsLog(run: folder)
            #expect(try text(folder) == "")
        }
    }

    @Test("what is damaged before the cut is named, what is behind it does not count")
    func damage() throws {
        try withTemporaryFolder { folder in
            try write(lines[0] + "{\"step\":" + "\0\0\n" + lines[2], folder)
            let error = try #require(throws: PFrameError.self) { try MetricsLog(run: folder, resumingAt: 30) }
            #expect(error.path == folder.appending("metrics.jsonl"))
            #expect(error.message.hasPrefix("line 2 cannot be read") && error.message.hasSuffix("remove the line"))
            try write(lines[0] + lines[1] + "damaged\n", folder)
            _ = try MetricsLog(run: folder, resumingAt: 10)
            #expect(try text(folder) == lines[0])
            try write("[1]\n", folder)
            #expect(throws: PFrameError.self) { try MetricsTable(run: folder) }
        }
    }

    @Test("columns read back with gaps as NaN, half a line passed over")
    func readsBack() throws {
        try withTemporaryFolder { folder in
            #expect(try MetricsTable(run: folder) == MetricsTable())
            let log = try MetricsLog(run: folder)
            try log.append(step: 1, [("loss", 0.1)])
            try log.append(step: 2, [("psnr", 30.25), ("loss", -1e-9)])
            try log.append(step: 5, [("psnr", .infinity)])
            try write(try text(folder) + "{\"step\":6,\"loss\":1", folder)
            let table = try MetricsTable(run: folder)
            #expect(table.steps == [1, 2, 5] && table.names == ["loss", "psnr"])
            let (loss, psnr) = (try #require(table["loss"]), try #require(table["psnr"]))
            #expect(Array(loss.prefix(2)) == [0.1, -1e-9] && loss.count == 3 && loss[2].isNaN)
            #expect(psnr.count == 3 && psnr[0].isNaN && psnr[1] == 30.25 && psnr[2].isNaN)
            #expect(table.last("psnr") == 30.25 && table.last("loss") == -1e-9 && table.last("x") == nil)
            #expect(table["x"] == nil)
        }
    }
}
