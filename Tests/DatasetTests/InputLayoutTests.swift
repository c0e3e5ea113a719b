import Dataset
import Shards
import Storage
import SystemPackage
import Testing

@Suite struct InputLayoutTests {
    private func read(
        _ files: KeyValuePairs<String, String>, _ layout: InputLayout, captions: String? = nil
    ) throws -> InputList {
        try withInputs(files) { folder in
            try InputList(
                .of([folder.appending("v")]) { options in
                    options.layout = layout
                    options.captions = captions.map { folder.appending($0) }
                })
        }
    }

    @Test("UTD-MHAD: action, subject and trial from the name, the caption from the action")
    func mhad() throws {
        let files: KeyValuePairs = [
            "v/RGB/a1_s1_t1_color.avi": "", "v/RGB/a27_s8_t4_color.avi": "", "v/a10_s2_t3.mp4": "",
            "v/a28_s1_t1_color.avi": "",
            "v/a1_s1_color.avi": "", "v/readme.txt": "",
        ]
        let list = try read(files, .mhad)
        #expect(list.videos.map(\.name) == ["RGB/a1_s1_t1_color.avi", "RGB/a27_s8_t4_color.avi", "a10_s2_t3.mp4"])
        #expect(
            list.videos.map(\.caption) == [
                "right arm swipe to the left", "squat (two arms stretch out)",
                "right hand draw circle (counter clockwise)",
            ])
        #expect(
            list.videos[0].metadata == [
                "label": "swipe left", "subject": .integer(1), "trial": .integer(1), "split": "",
            ])
        #expect(list.videos[1].metadata["subject"] == .integer(8) && list.videos[1].metadata["trial"] == .integer(4))
        #expect(list.rejects.map(\.video) == ["a1_s1_color.avi", "a28_s1_t1_color.avi"])
        #expect(list.rejects.allSatisfy { $0.kind == .unreadable && $0.reason.contains("a1_s1_t1_color.avi") })
        #expect(list.passedOver == 1)
    }

    @Test("captions that are given go before those that names give")
    func captionsFirst() throws {
        let files: KeyValuePairs = [
            "v/a1_s1_t1_color.avi": "", "v/a2_s1_t1_color.avi": "", "v/a3_s1_t1_color.avi": "",
            "v/a3_s1_t1_color.txt": "beside",
            "c.csv": "video,caption,label\na1_s1_t1_color,mine,\na2_s1_t1_color.avi,too,other\n",
        ]
        let named = try read(files, .mhad)
        #expect(
            named.videos.map(\.caption) == ["right arm swipe to the left", "right arm swipe to the right", "beside"])
        let given = try read(files, .mhad, captions: "c.csv")
        #expect(given.videos.map(\.caption) == ["mine", "too"])
        #expect(given.videos.map { $0.metadata["label"] } == ["swipe left", "other"])
        #expect(given.rejects.map(\.kind) == [.noCaption])
    }

    @Test("NATOPS: gesture, subject and repetition; masks and depth maps are passed over")
    func natops() throws {
        let files: KeyValuePairs = [
            "v/gesture01/g01s01.avi": "", "v/gesture01/g01s01m.avi": "", "v/gesture01/g01S01d.avi": "",
            "v/gesture24/g24s20p07.mp4": "", "v/g25s01.avi": "", "v/g01s01x.avi": "",
        ]
        let list = try read(files, .natops)
        #expect(list.videos.map(\.caption) == ["I have command", "cut engine"])
        #expect(
            list.videos.map(\.metadata) == [
                ["label": "I have command", "subject": .integer(1), "trial": .null, "split": ""],
                ["label": "cut engine", "subject": .integer(20), "trial": .integer(7), "split": ""],
            ])
        #expect(list.passedOver == 2 && list.rejects.map(\.video) == ["g01s01x.avi", "g25s01.avi"])
    }

    @Test("BAIR: no captions, the split from the folder")
    func bair() throws {
        let files: KeyValuePairs = [
            "v/train/traj_0_to_255/1.mp4": "", "v/test/traj_256_to_511_12.mp4": "", "v/traj_0_to_255/2.mp4": "",
            "v/train/0001.mp4": "",
        ]
        let list = try read(files, .bair)
        #expect(list.videos.map(\.caption) == [nil, nil, nil])
        #expect(list.videos.map { $0.metadata["split"] } == ["test", "train", ""])
        #expect(
            list.videos.map { $0.metadata["trajectory"] } == [
                "traj_256_to_511/12", "traj_0_to_255/1", "traj_0_to_255/2",
            ])
        #expect(list.rejects.map(\.video) == ["train/0001.mp4"])
    }

    @Test("WebVid: its CSV as captions of a folder, and as the list itself")
    func webvid() throws {
        let table = """
            videoid,contentUrl,duration,page_dir,name
            21179416,https://x/21179416.mp4,PT00H00M11S,006001_006050,"Aerial shot, winter forest"
            5629184,https://x/5629184.mp4,PT00H00M29S,071501_071550,Senior couple
            7,https://x/7.mp4,PT00H00M01S,,not downloaded

            """
        let files: KeyValuePairs = [
            "v/006001_006050/21179416.mp4": "", "v/071501_071550/5629184.mp4": "1", "results.csv": table,
            "v/results.csv": table,
        ]
        let byFolder = try read(files, .webvid, captions: "results.csv")
        let byList = try withInputs(files) { folder in
            try InputList(.of([folder.pushing("v/results.csv")]) { $0.layout = .webvid })
        }
        #expect(byFolder.videos.map(\.caption) == ["Aerial shot, winter forest", "Senior couple"])
        #expect(byFolder.unused == 1 && byFolder.rejects.isEmpty)
        #expect(byList.videos.map(\.name) == byFolder.videos.map(\.name))
        #expect(byList.videos.map(\.caption) == byFolder.videos.map(\.caption))
        #expect(byList.rejects.map(\.video) == ["7.mp4"] && byList.rejects.map(\.kind) == [.missing])
        #expect(
            byList.videos[0].metadata == [
                "label": "", "subject": "", "split": "", "videoid": "21179416", "duration": "PT00H00M11S",
                "contentUrl": "https://x/21179416.mp4", "page_dir": "006001_006050",
            ])
        let error = try #require(throws: PFrameError.self) { try read(files, .webvid) }
        #expect(error.message.contains("as captions") && error.code == .usage)
        let wrong = try #require(throws: PFrameError.self) {
            try read(["v/1.mp4": "", "c.csv": "video,caption\n1.mp4,c\n"], .webvid, captions: "c.csv")
        }
        #expect(wrong.message.contains("\"videoid\"") && wrong.message.contains("video, caption"))
        #expect(wrong.code == .missing)
    }
}
