import Dataset
import Shards
import Storage
import SystemPackage
import TestSupport
import Testing

@Suite struct InputListTests {
    @Test("a folder gives its videos in the order of their names' bytes, named from the folder on")
    func folder() throws {
        try withInputs([
            "b/2.MP4": "22", "b/1.mkv": "1", "B.avi": "", "a.mov": "333", "ü.webm": "4", "notes.doc": "x",
            ".x.mp4": "h",
            ".git/y.mp4": "h",
        ]) { folder in
            try link("..", at: folder.appending("b/loop"))
            let list = try InputList(.of([folder]) { $0.requiresCaptions = false })
            #expect(list.videos.map(\.name) == ["B.avi", "a.mov", "b/1.mkv", "b/2.MP4", "ü.webm"])
            #expect(list.videos.map(\.bytes) == [0, 3, 1, 2, 1])
            #expect(list.videos.map(\.path) == list.videos.map { folder.pushing(FilePath($0.name)) })
            #expect(list.videos.allSatisfy { $0.caption == nil })
            #expect(list.videos.allSatisfy { $0.metadata == ["label": "", "subject": "", "split": ""] })
            // notes.doc and the link to a folder.
            #expect(list.passedOver == 2 && list.rejects.isEmpty && list.unused == 0)
        }
    }

    @Test("captions come from the file, by relative name, file name, and either without extension")
    func captionsFile() throws {
        let rows = """
            video,caption,subject,camera
            a/1.mp4,the whole name,s1,left
            2.mp4,the file's name,s2,
            a/3,the whole name without extension,,right
            4,the file's name without extension,s4,right
            ./a/5.mp4,a dot in front,,
            else/gone.mp4,of no video,,
            a/1.mp4,once more,,

            """
        let files: KeyValuePairs = [
            "captions.csv": rows, "v/a/1.mp4": "", "v/a/2.mp4": "", "v/a/3.mp4": "", "v/a/4.mp4": "", "v/a/5.mp4": "",
        ]
        try withInputs(files) { folder in
            let list = try InputList(.of([folder.appending("v")]) { $0.captions = folder.appending("captions.csv") })
            #expect(
                list.videos.map(\.caption) == [
                    "the whole name", "the file's name", "the whole name without extension",
                    "the file's name without extension", "a dot in front",
                ])
            #expect(list.videos[0].metadata == ["label": "", "subject": "s1", "split": "", "camera": "left"])
            #expect(list.videos[1].metadata == ["label": "", "subject": "s2", "split": "", "camera": ""])
            #expect(list.unused == 1)
            let reject = try #require(list.rejects.first)
            #expect(list.rejects.count == 1 && reject.video == "a/1.mp4" && reject.kind == .repeated)
            #expect(reject.reason.contains("lines 2 and 8"))
        }
    }

    @Test("a video without a caption is rejected, or kept where captions are not required")
    func missingCaption() throws {
        let files: KeyValuePairs = [
            "captions.csv": "video,caption\n1.mp4,one\n2.mp4,  \n", "v/1.mp4": "", "v/2.mp4": "", "v/3.mp4": "",
        ]
        try withInputs(files) { folder in
            var options = InputOptions.of([folder.appending("v")]) { $0.captions = folder.appending("captions.csv") }
            let strict = try InputList(options)
            #expect(strict.videos.map(\.name) == ["1.mp4"])
            #expect(strict.rejects.map(\.video) == ["2.mp4", "3.mp4"])
            #expect(strict.rejects.allSatisfy { $0.kind == .noCaption })
            #expect(
                strict.rejects[0].reason.contains("line 3") && strict.rejects[1].reason.contains("without captions"))
            options.requiresCaptions = false
            let loose = try InputList(options)
            #expect(loose.videos.map(\.caption) == ["one", nil, nil] && loose.rejects.isEmpty)
        }
    }

    @Test("a .txt beside a video is its caption, on one line")
    func sidecars() throws {
        let files: KeyValuePairs = [
            "1.mp4": "", "1.txt": "\u{FEFF} a red\tdisc\r\nmoves  left\n", "2.mp4": "", "2.txt": " \n", "3.mp4": "",
        ]
        try withInputs(files) { folder in
            try put([0x61, 0xFF], at: folder.appending("4.txt"))
            try put([], at: folder.appending("4.mp4"))
            let list = try InputList(.of([folder]))
            #expect(list.videos.map(\.caption) == ["a red disc moves left"])
            #expect(list.rejects.map(\.video) == ["2.mp4", "3.mp4", "4.mp4"])
            #expect(list.rejects.allSatisfy { $0.kind == .noCaption })
            #expect(list.rejects[2].reason.contains("UTF-8"))
        }
    }

    @Test("further rows of a video are of no other video, under any of its names")
    func furtherRows() throws {
        for (name, further) in [("a.mp4", "a.mp4"), ("a.mp4", "a"), ("./a.mp4", "a.mp4")] {
            let files: KeyValuePairs = [
                "captions.csv": "video,caption\n\(name),one\n\(further),two\n", "v/a.mp4": "", "v/x/a.mp4": "",
            ]
            try withInputs(files) { folder in
                let list = try InputList(
                    .of([folder.appending("v")]) { $0.captions = folder.appending("captions.csv") })
                #expect(list.videos.map(\.name) == ["a.mp4"] && list.videos.map(\.caption) == ["one"], "\(further)")
                #expect(list.rejects.map(\.kind) == [.noCaption, .repeated], "\(further): \(list.rejects)")
                #expect(list.unused == 0)
            }
        }
    }

    @Test("no captions at all is an error that says what to do")
    func noCaptions() throws {
        try withInputs(["1.mp4": "", "list.csv": "video\n1.mp4\n"]) { folder in
            for input in [folder, folder.appending("list.csv"), folder.appending("1.mp4")] {
                let error = try #require(throws: PFrameError.self) { try InputList(.of([input])) }
                #expect(error.message.contains("a file of captions") && error.message.contains("without captions"))
            }
        }
    }

    @Test("a list names videos from its own folder on, or absolutely, and says what it knows of them")
    func lists() throws {
        let rows = """
            {"video": "v/1.mp4", "caption": "one", "label": 3, "weight": 1, "tags": ["a"], "mixed": 1, "flag": true}

            {"video": "ABSOLUTE/v/2.mp4", "caption": "two", "weight": 0.5, "mixed": {"b": [1, 2.0]}}
            {"video": "v/3.mp4", "caption": "three"}
            {"video": "v", "caption": "a folder"}
            {"video": "./v/1.mp4", "caption": "again"}
            """
        try withInputs(["v/1.mp4": "1", "v/2.mp4": "22"]) { folder in
            let path = folder.appending("list.jsonl")
            try put(Array(rows.replacing("ABSOLUTE", with: folder.string).utf8), at: path)
            let list = try InputList(.of([path]))
            #expect(list.videos.map(\.name) == ["v/1.mp4", "\(folder)/v/2.mp4"])
            #expect(list.videos.map(\.caption) == ["one", "two"] && list.videos.map(\.bytes) == [1, 2])
            #expect(
                list.videos[0].metadata == [
                    "label": .integer(3), "subject": "", "split": "", "weight": .number(1), "tags": .list(["a"]),
                    "mixed": "1", "flag": .bool(true),
                ])
            #expect(
                list.videos[1].metadata == [
                    "label": .null, "subject": "", "split": "", "weight": .number(0.5), "tags": .null,
                    "mixed": #"{"b":[1,2.0]}"#, "flag": .null,
                ])
            #expect(list.rejects.map(\.video) == ["v/3.mp4", "v", "./v/1.mp4"])
            #expect(list.rejects.map(\.kind) == [.missing, .unreadable, .repeated])
            #expect(list.rejects[0].reason.contains("No such file"))
        }
    }

    @Test("captions given apart go before those of a list, their columns beside its own")
    func listWithCaptions() throws {
        let files: KeyValuePairs = [
            "1.mp4": "", "list.csv": "video,caption,label,split\n1.mp4,old,l,train\n",
            "new.jsonl": #"{"video": "1.mp4", "caption": "new", "label": "m", "split": null, "more": 2}"#,
        ]
        try withInputs(files) { folder in
            let list = try InputList(
                .of([folder.appending("list.csv")]) { $0.captions = folder.appending("new.jsonl") })
            #expect(list.videos.map(\.caption) == ["new"])
            #expect(
                list.videos[0].metadata == ["label": "m", "split": "train", "subject": "", "more": .integer(2)])
        }
    }

    @Test("columns with a name of the data set's own get another")
    func reservedColumns() throws {
        let header =
            "video,caption,key,source,source_,hash,seconds,motion_content,duplicate_of,shot,width,,captions,bucket_crop"
        try withInputs(["1.mp4": "", "list.csv": "\(header)\n1.mp4,c,k,s,t,h,x,m,d,n,w,e,p,b\n"]) { folder in
            let list = try InputList(.of([folder.appending("list.csv")]))
            #expect(
                list.videos[0].metadata == [
                    "label": "", "subject": "", "split": "", "key_": "k", "source__": "s", "source_": "t", "hash_": "h",
                    "seconds_": "x", "motion_content_": "m", "duplicate_of_": "d", "shot_": "n", "width_": "w",
                    "column_12": "e", "captions_": "p", "bucket_crop_": "b",
                ])
        }
    }

    @Test("what could be meant two ways is an error that names both")
    func ambiguity() throws {
        let files: KeyValuePairs = [
            "v/a/x.mp4": "", "v/b/x.mp4": "", "w/x.mp4": "", "one.csv": "video,caption\nx.mp4,which\n",
            "two.csv": "video,caption\na/x.mp4,this\nc/x.mp4,that\n",
            "both.csv": "video,caption\na/x.mp4,1\nb/x.mp4,2\n",
        ]
        try withInputs(files) { folder in
            func read(_ video: String, _ captions: String) throws -> InputList {
                try InputList(.of([folder.appending(video)]) { $0.captions = folder.appending(captions) })
            }
            let one = try #require(throws: PFrameError.self) { try read("v", "one.csv") }
            #expect(one.message.contains("a/x.mp4") && one.message.contains("b/x.mp4"), "\(one)")
            #expect(one.message.contains("line 2") && one.path?.lastComponent?.string == "one.csv")
            let two = try #require(throws: PFrameError.self) { try read("w", "two.csv") }
            #expect(two.message.contains("a/x.mp4") && two.message.contains("c/x.mp4"), "\(two)")
            #expect(try read("v", "both.csv").videos.map(\.caption) == ["1", "2"])
            let other = try read("v", "two.csv")
            #expect(other.videos.map(\.caption) == ["this"] && other.unused == 1, "c/x.mp4 is not b/x.mp4")
        }
    }

    @Test("names of several inputs stay apart, and a video that is named twice is taken once")
    func severalInputs() throws {
        let files: KeyValuePairs = [
            "p/v/1.mp4": "", "p/v/2.mp4": "", "q/v/1.mp4": "", "r/1.mp4": "", "p/v/p/1.mp4": "",
        ]
        try withInputs(files) { folder in
            let inputs = ["p/v", "q/v", "r/1.mp4", "p/v/2.mp4", "p/./v"].map { folder.pushing(FilePath($0)) }
            let list = try InputList(.of(inputs) { $0.requiresCaptions = false })
            #expect(list.videos.map(\.name) == ["v/1.mp4", "2.mp4", "p/1.mp4", "v/1~2.mp4", "r/1.mp4"])
            #expect(list.rejects.map(\.kind) == [.repeated, .repeated, .repeated, .repeated])
            #expect(Set(list.videos.map(\.path)).count == 5)
        }
    }

    @Test("normal forms of Unicode are told apart where both are there, and matched where one is")
    func normalForms() throws {
        let (composed, decomposed) = ("\u{E9}", "e\u{301}")
        let files: KeyValuePairs = [
            "both/\(composed).mp4": "", "both/\(decomposed).mp4": "", "one/\(decomposed).mp4": "",
            "both.csv": "video,caption\n\(decomposed).mp4,two\n\(composed).mp4,one\n",
            "one.csv": "video,caption\n\(composed).mp4,one\n",
        ]
        try withInputs(files) { folder in
            for name in ["both", "one"] {
                let list = try InputList(
                    .of([folder.appending(name)]) { $0.captions = folder.appending("\(name).csv") })
                for video in list.videos {
                    let isTwo = name == "both" && video.name.utf8.count == decomposed.utf8.count + 4
                    #expect(video.caption == (isTwo ? "two" : "one"))
                }
                #expect(list.videos.count == (name == "both" ? 2 : 1) && list.rejects.isEmpty && list.unused == 0)
            }
        }
    }

    @Test("names that are no UTF-8 keep their bytes, and are told apart as text")
    func brokenNames() throws {
        try withInputs([:]) { folder in
            let names: [[UInt8]] = [[0x61, 0xE9], [0x61, 0xFF]]
            for name in names {
                let bytes = name + Array(".mp4".utf8) + [0]
                let component = try #require(
                    FilePath.Component(platformString: bytes.map { CChar(bitPattern: $0) }))
                try put([1], at: folder.appending(component))
            }
            let list = try InputList(.of([folder]) { $0.requiresCaptions = false })
            #expect(Set(list.videos.map(\.name)).count == 2)
            for (video, name) in zip(list.videos, names) {
                #expect(try contents(of: video.path) == [1])
                #expect(video.name.hasSuffix(".mp4") && video.name.contains("\u{FFFD}"))
                #expect(video.path.withPlatformString { String(cString: $0).utf8.count } > name.count)
            }
        }
    }

    @Test("what cannot be read is rejected with the reason, and stops nothing")
    func unreadable() throws {
        try withInputs(["v/1.mp4": "", "empty/notes": ""]) { folder in
            try link("nowhere", at: folder.appending("v/dangling.mp4"))
            try link("nowhere", at: folder.appending("v/dangling.txt"))
            let inputs = ["v", "empty", "gone.mp4", "v/1.mp4/2.mp4", "gone"].map { folder.pushing(FilePath($0)) }
            let list = try InputList(.of(inputs) { $0.requiresCaptions = false })
            #expect(list.videos.map(\.name) == ["1.mp4"] && list.passedOver == 2)
            #expect(list.rejects.map(\.video) == ["dangling.mp4", "empty", "gone.mp4", "2.mp4", "gone"])
            #expect(list.rejects.allSatisfy { $0.kind == .missing })
            #expect(list.rejects.map { $0.reason.contains("No such file") } == [true, false, true, false, true])
            #expect(list.rejects[3].reason.contains("Not a directory"))
            #expect(throws: PFrameError.self) { try InputList(.of([folder.appending("gone.csv")])) }
        }
    }

    @Test("the hash is that of names, sizes, captions and metadata, wherever they lie")
    func sourceHash() throws {
        func hash(_ change: (FilePath) throws -> Void) throws -> String {
            let files: KeyValuePairs = [
                "v/1.mp4": "1", "v/2.mp4": "2", "c.csv": "video,caption,label\n1.mp4,one,l\n2.mp4,two,m\n",
            ]
            return try withInputs(files) { folder in
                try change(folder)
                let list = try InputList(.of([folder.appending("v")]) { $0.captions = folder.appending("c.csv") })
                return list.sourceHash
            }
        }
        let first = try hash { _ in }
        #expect(first.count == 64 && first.allSatisfy(\.isHexDigit))
        #expect(try hash { _ in } == first)
        #expect(try hash { try put([0x33], at: $0.pushing("v/1.mp4")) } == first, "contents are the shards' business")
        let changes: [(String, String)] = [
            ("v/1.mp4", "11"), ("v/3.mp4", ""), ("c.csv", "video,caption,label\n1.mp4,one,k\n2.mp4,two,m\n"),
            ("c.csv", "video,caption,label\n1.mp4,One,l\n2.mp4,two,m\n"),
            ("c.csv", "video,caption,l\n1.mp4,one,l\n2.mp4,two,m\n"),
        ]
        var hashes = Set([first])
        for (name, text) in changes {
            hashes.insert(try hash { try put(Array(text.utf8), at: $0.pushing(FilePath(name))) })
        }
        #expect(hashes.count == 1 + changes.count)
    }
}
