import Codec
import Dataset
import Shards
import Storage
import SystemPackage
import TestSupport
import Testing

@Suite struct DatasetClosingTests {
    /// Writes a shard with rows but an archive of zeros: closing looks at sizes alone.
    private func writeShard(_ folder: FilePath, _ number: Int, samples: Int) throws -> DatasetDescription.Shard {
        let shard = DatasetDescription.Shard(
            name: "clips-00000\(number)", samples: samples, bytes: 1024, sha256: "a", rowsSHA256: "b")
        let rows = (0..<samples).map { sample in
            var columns = SampleColumns()
            columns.scores = ["motion_content": Double(sample)]
            columns.metadata = ["part": .integer(number)]
            let row = ShardRow(
                key: "00000\(number)_000000\(sample)", offset: sample * 512, size: 512, crc32c: 0, members: [],
                columns: columns)
            return row.json + "\n"
        }
        try put([UInt8](repeating: 0, count: 1024), at: folder.appending(shard.tarName))
        try put(Array(rows.joined().utf8), at: folder.appending(shard.rowsName))
        return shard
    }

    private func receipt(_ shard: DatasetDescription.Shard?, number: Int, of shards: Int) -> ShardReceipt {
        ShardReceipt(
            tool: "pframe test", options: .object(["fps": .number(8), "list": .list([.null, .text("ü")])]),
            sourceHash: "0f", shards: shards, shard: shard,
            rejects: [Reject(video: "v\(number).mp4", kind: .truncated, reason: "it \"ends\"", clips: number)],
            totals: ["videos": 2, "clips": shard?.samples ?? 0])
    }

    private func write(_ receipt: ShardReceipt, _ folder: FilePath, _ number: Int) throws {
        try put(Array(receipt.json.utf8), at: ShardReceipt.path(in: folder, number: number))
    }

    /// A folder with the receipts of five shards, the middle one empty.
    private func withParts(_ body: (FilePath) throws -> Void) throws {
        try withTemporaryFolder { folder in
            try createFolder(folder.appending(ShardReceipt.folderName))
            for number in 0..<5 {
                let shard = number == 2 ? nil : try writeShard(folder, number, samples: number + 1)
                try write(receipt(shard, number: number, of: 5), folder, number)
            }
            try body(folder)
        }
    }

    @Test("a receipt reads back as it was written")
    func readsBack() throws {
        try withParts { folder in
            for number in 0..<5 {
                let path = ShardReceipt.path(in: folder, number: number)
                let read = try ShardReceipt(reading: path)
                #expect(Array(read.json.utf8) == (try contents(of: path)))
                #expect((read.shard == nil) == (number == 2))
            }
            #expect(ShardReceipt.path(in: "x", number: 1_234_567) == "x/.shards/1234567.json")
        }
    }

    @Test("closing sums, sorts and writes dataset.json")
    func closes() throws {
        try withParts { folder in
            #expect(DatasetClosing.holdsReceipts(folder))
            let description = try DatasetClosing.close(folder: folder)
            #expect(description == (try DatasetFolder(folder).description()))
            #expect(description.shards.map(\.name) == [0, 1, 3, 4].map { "clips-00000\($0)" })
            #expect(description.totals == ["videos": 10, "clips": 12] && description.samples == 12)
            #expect(try DatasetFolder(folder).rejects().map(\.clips) == [0, 1, 2, 3, 4])
            let index = try DatasetIndex(DatasetFolder(folder))
            #expect(try index.count() == 12 && index.count(where: "part = 4") == 5)
            #expect(try index.rejects() == DatasetFolder(folder).rejects())
        }
    }

    @Test("what does not belong together is not closed")
    func refuses() throws {
        try withParts { folder in
            func message(_ code: PFrameError.Code, _ change: (inout ShardReceipt) -> Void) throws -> String {
                let path = ShardReceipt.path(in: folder, number: 3)
                let before = try ShardReceipt(reading: path)
                var changed = before
                change(&changed)
                try write(changed, folder, 3)
                defer { try? write(before, folder, 3) }
                let error = try #require(throws: PFrameError.self) { try DatasetClosing.close(folder: folder) }
                #expect(error.code == code)
                return error.description
            }
            #expect(
                try message(.conflict) { $0.options = .object([:]) }.contains(
                    "000003.json: built from other options than 000000"))
            #expect(try message(.conflict) { $0.sourceHash = "1" }.contains("another input list"))
            #expect(try message(.conflict) { $0.shards = 6 }.contains("shard 3 of 6 in a set of 5"))
            #expect(try message(.damaged) { $0.shard?.bytes = 1536 }.contains("1024 bytes, but 1536 were written"))
            #expect(
                try message(.missing) { $0.shard?.name = "clips-000009" }.contains("is missing: run its part again"))
            _ = try DatasetClosing.close(folder: folder)

            try put(Array("{}".utf8), at: ShardReceipt.path(in: folder, number: 1))
            let damaged = try #require(throws: PFrameError.self) { try DatasetClosing.close(folder: folder) }
            #expect(damaged.message.contains("a receipt without a valid \"options\"") && damaged.code == .damaged)
        }
    }

    @Test("missing parts are listed")
    func listsMissing() throws {
        try withTemporaryFolder { folder in
            try createFolder(folder.appending(ShardReceipt.folderName))
            let empty = try #require(throws: PFrameError.self) { try DatasetClosing.close(folder: folder) }
            #expect(empty.message.contains("holds no receipts"))
            for number in [0, 1, 2, 4, 5, 6, 10] { try write(receipt(nil, number: number, of: 12), folder, number) }
            let error = try #require(throws: PFrameError.self) { try DatasetClosing.close(folder: folder) }
            #expect(error.message == "shards 3, 7–9, 11 of 12 are missing: run their parts" && error.code == .missing)
            for number in [3, 7, 8, 9] { try write(receipt(nil, number: number, of: 12), folder, number) }
            let one = try #require(throws: PFrameError.self) { try DatasetClosing.close(folder: folder) }
            #expect(one.message == "shard 11 of 12 is missing: run its part")
        }
    }
}
