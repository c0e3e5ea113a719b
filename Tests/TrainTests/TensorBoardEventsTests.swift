import Storage
import SystemPackage
import TestSupport
import Testing
import Train

/// Event files against bytes that `Tests/Peers/tensorboard_expected.py` packed by hand.
@Suite struct TensorBoardEventsTests {
    private static let expected = FilePath(#filePath).removingLastComponent().removingLastComponent()
        .removingLastComponent().appending("fixtures/train/tensorboard.events")

    @Test func equalsBytesPackedByHand() throws {
        try withTemporaryFolder { folder in
            let events = try TensorBoardEvents(folder: folder, resumingAt: 500, time: 1_700_000_000.25, host: "gpu/7")
            #expect(events.path == folder.appending("events.out.tfevents.1700000000.gpu-7.pframe"))
            try events.append(step: 501, [("loss", 0.125), ("learning_rate", 1e-4)], time: 1_700_000_001.5)
            try events.append(step: 100_000, [("psnr/validation ü", -31.75), ("loss", 0)], time: 1_700_000_002)
            let tag = String(repeating: "tag", count: 60)
            try events.append(step: 1 << 40, [("loss", .infinity), (tag, 1e-30)], time: 1_700_000_003)
            // Before the file is closed: a killed run loses nothing.
            #expect(try contents(of: events.path) == contents(of: Self.expected))
        }
    }

    @Test func beginsWithoutASessionLog() throws {
        try withTemporaryFolder { folder in
            let events = try TensorBoardEvents(folder: folder, time: 1_700_000_000.25, host: "h")
            let version = 8 + 4 + 9 + 2 + 13 + 4
            #expect(try contents(of: events.path) == Array(contents(of: Self.expected).prefix(version)))
        }
    }

    /// TensorBoard reads files in the order of their names.
    @Test(arguments: [1_700_000_000.0, 1_600_000_000, 1_700_000_000.9])
    func laterFilesHaveLaterNames(time: Double) throws {
        try withTemporaryFolder { folder in
            let first = try TensorBoardEvents(folder: folder, time: 1_700_000_000, host: "z")
            let second = try TensorBoardEvents(folder: folder, resumingAt: 1, time: time, host: "a")
            #expect(second.path == folder.appending("events.out.tfevents.1700000001.a.pframe"))
            #expect(first.path.string < second.path.string)
        }
    }

    @Test func namesAFolderThatIsNotThere() throws {
        let error = try #require(throws: PFrameError.self) { try TensorBoardEvents(folder: "/nowhere/at/all") }
        #expect(error.path == "/nowhere/at/all")
    }
}
