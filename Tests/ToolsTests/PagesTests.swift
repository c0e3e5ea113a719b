import Foundation
import SystemPackage
import TestSupport
import Testing

/// The commands on the README and the pages of docs: those of ```sh blocks run from top to bottom of a page, and what
/// ```console blocks show is what is printed. Blocks of ```text are output with times and the like, or commands that need
/// other machines or data sets.
@Suite struct PagesTests {
    /// Training in as few steps as possible: later options win.
    private static let shorter = [
        "train vae": " --steps 2 --batch 1 --warm-up 1",
        "train": " --steps 2 --batch 1 --warm-up 1 --width 8 --multiples 1,2 --text vocabulary",
        "sample": " --steps 2 --batch 4", "evaluate": " --steps 2 --batch 4 --clips 2",
    ]
    private static let environment = [
        "PATH": Programs.pframe.deletingLastPathComponent().path + ":"
            + (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"),
        // Tests run side by side: threads that wait for one another must not keep the others from running.
        "OMP_WAIT_POLICY": "PASSIVE",
    ]

    static let pages =
        ["README.md"]
        + ((try? FileManager.default.contentsOfDirectory(atPath: Programs.root.appending(path: "docs").path)) ?? [])
        .filter { $0.hasSuffix(".md") }.sorted().map { "docs/\($0)" }

    /// What pages speak of: videos with captions, and of everything that is made one that is ready.
    private static let prepared = Result {
        let scratch = try Scratch()
        let script = """
            set -e
            pframe synth --output videos --videos 12 --seconds 3
            cp videos/captions.csv .
            cp -r \(Programs.root.appending(path: "fixtures/train/diffusers/sd1").path) stable-diffusion
            cp videos/video-00001.mp4 clip.mp4 && cp clip.mp4 a.mp4 && cp clip.mp4 b.mp4
            printf '{"video": "videos/video-%05d.mp4", "caption": "a shape"}\\n' 1 2 3 > list.jsonl
            mkdir ready && cd ready
            pframe build ../videos --captions ../captions.csv --output clips --no-cuts --motion-source search \
                --represent frames,difference,motion-residual
            pframe train vae clips --output vae\(shorter["train vae"] ?? "")
            pframe encode clips --vae vae --output latents
            pframe train ed-vdm latents --output run\(shorter["train"] ?? "")
            pframe sample run --image ../clip.mp4 --prompt "a red cross moves left" --output samples --steps 2
            """
        let outcome = try bash(script, scratch)
        try #require(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
        // Embeddings in place of a network's: three numbers a clip.
        let keys = try bash("cd ready && pframe filter clips --list --motion 0...", scratch).output
        let count = keys.split(separator: "\n").count
        try #require(count == 12)
        try Data(keys.utf8).write(to: URL(filePath: scratch.path("keys.txt")))
        for name in ["t.npy", "i.npy"] {
            try embeddings(count, seed: name.count).write(to: URL(filePath: scratch.path(name)))
        }
        return scratch
    }

    private static func embeddings(_ count: Int, seed: Int) -> Data {
        var header = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(count), 3), }"
        header += String(repeating: " ", count: 117 - header.count) + "\n"
        var data = Data([0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0]) + Data(header.utf8)
        for index in 0..<(3 * count) {
            withUnsafeBytes(of: Float(index % 5 + seed)) { data.append(contentsOf: $0) }
        }
        return data
    }

    /// - Parameter proxy: what answers for `http://example.com`.
    @discardableResult
    private static func bash(_ command: String, _ scratch: Scratch, proxy: String = "") throws -> Outcome {
        try Programs.run(
            "/bin/bash", ["-c", command], limit: 600, folder: scratch.url,
            environment: environment.merging(["http_proxy": proxy, "no_proxy": ""]) { $1 })
    }

    /// A folder as a page's reader would have it; what the page makes itself is not there yet.
    private static func folder(for lines: [String]) throws -> Scratch {
        let made = try prepared.get()
        let scratch = try Scratch()
        for name in try made.names() where name != "ready" {
            try FileManager.default.copyItem(atPath: made.path(name), toPath: scratch.path(name))
        }
        for name in try made.names(in: "ready") where !lines.contains(where: { $0.contains("--output \(name)") }) {
            // Of links nothing is lost when a page removes them.
            try FileManager.default.createSymbolicLink(
                atPath: scratch.path(name), withDestinationPath: made.path("ready/\(name)"))
        }
        return scratch
    }

    /// The blocks of a page: what they are tagged with, and their lines.
    private static func blocks(_ text: String) -> [(tag: String, lines: [String])] {
        var blocks: [(tag: String, lines: [String])] = []
        var isOpen = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            if line.hasPrefix("```") {
                if !isOpen { blocks.append((String(line.dropFirst(3)), [])) }
                isOpen.toggle()
            } else if isOpen {
                blocks[blocks.count - 1].lines.append(line)
            }
        }
        return blocks
    }

    /// A command without its comment, and made short.
    private static func shortened(_ line: String) -> String {
        let command =
            line.range(of: #"\s+# .*$|\s{2,}#.*$"#, options: .regularExpression).map {
                String(line[..<$0.lowerBound])
            } ?? line
        guard !command.contains("--plan") else { return command }
        if command.contains("--reconstruction") { return command + " --batch 4 --clips 2" }
        let kind = ["train vae", "train", "sample", "evaluate"].first { command.hasPrefix("pframe \($0) ") }
        return command + (kind.flatMap { shorter[$0] } ?? "")
    }

    @Test(.requires(.libtorch), arguments: pages) func commandsWork(page: String) throws {
        let text = try String(contentsOf: Programs.root.appending(path: page), encoding: .utf8)
        let blocks = Self.blocks(text)
        for block in blocks where block.lines.contains(where: { $0.hasPrefix("pframe ") || $0.hasPrefix("$ pframe ") })
        {
            #expect(["sh", "console", "text"].contains(block.tag), "untested: \(block.lines[0])")
        }
        guard blocks.contains(where: { ["sh", "console"].contains($0.tag) }) else { return }
        let scratch = try Self.folder(for: blocks.filter { $0.tag == "sh" }.flatMap(\.lines))
        let server = try FileServer(FilePath(scratch.url.path))
        defer { server.stop() }
        for block in blocks {
            switch block.tag {
            case "sh": try run(block.lines, in: scratch, proxy: server.address)
            case "console": try replay(block.lines, in: scratch)
            default: continue
            }
        }
    }

    /// That the pages have the commands at all: an empty page passes every test.
    @Test func pagesHaveCommands() throws {
        let counts = try Self.pages.map { page in
            let text = try String(contentsOf: Programs.root.appending(path: page), encoding: .utf8)
            return Self.blocks(text).filter { ["sh", "console"].contains($0.tag) }
                .flatMap(\.lines).count { $0.hasPrefix("pframe ") || $0.hasPrefix("$ pframe ") }
        }
        #expect(counts.reduce(0, +) > 70, "\(zip(Self.pages, counts).map { "\($0) \($1)" })")
    }

    /// The package in Examples is what the page shows.
    @Test func libraryPageShowsTheExample() throws {
        let page = try String(contentsOf: Programs.root.appending(path: "docs/library.md"), encoding: .utf8)
        for name in ["Package.swift", "Sources/MotionField/main.swift"] {
            let file = Programs.root.appending(path: "Examples/MotionField").appending(path: name)
            let text = try String(contentsOf: file, encoding: .utf8).trimmingCharacters(in: .newlines)
            #expect(
                Self.blocks(page).contains { $0.tag == "swift" && $0.lines.joined(separator: "\n") == text }, "\(name)")
        }
    }

    /// Every Swift block of the pages is a program; those of the manifest have a test of their own.
    @Test(.requires(.libtorch)) func swiftBlocksCompile() throws {
        var blocks: [(page: String, text: String)] = []
        for page in Self.pages {
            let text = try String(contentsOf: Programs.root.appending(path: page), encoding: .utf8)
            for block in Self.blocks(text) where block.tag == "swift" && !block.lines[0].hasPrefix("// swift-tools") {
                blocks.append((page, block.lines.joined(separator: "\n")))
            }
        }
        #expect(blocks.count >= 7)
        for (page, text) in blocks {
            let outcome = try Self.check(text)
            #expect(outcome.status == 0, "\(page):\n\(text)\n\(outcome.errors)")
        }
        let wrong = try Self.check("import Codec\nprint(try RGBImage(ofFile: \"first.png\"))")
        #expect(wrong.status != 0 && wrong.errors.contains("ofFile"), "\(wrong.errors)")
    }

    /// Type-checks a program against the modules beside the tests.
    private static func check(_ program: String) throws -> Outcome {
        let scratch = try Scratch()
        try Data(program.utf8).write(to: URL(filePath: scratch.path("main.swift")))
        let script = """
            set -eo pipefail
            flags=()
            for folder in $(pkg-config --cflags-only-I openblas ompi-c pangocairo); do flags+=(-Xcc "$folder"); done
            checkouts="$1"/../../checkouts
            for map in "$1"/{CJPEG,CKernels,CTorch}.build/module.modulemap "$0"/Sources/C*/module.modulemap \
                "$checkouts"/{swift-system/Sources/CSystem/include,GRDB.swift/Sources/GRDBSQLite}/module.modulemap
            do flags+=(-Xcc "-fmodule-map-file=$map"); done
            swiftc -typecheck -swift-version 6 -I "$1/Modules" "${flags[@]}" "$2"
            """
        return try Programs.run(
            "/bin/bash",
            ["-c", script, Programs.root.path, Programs.pframe.deletingLastPathComponent().path]
                + [scratch.path("main.swift")])
    }

    private func run(_ lines: [String], in scratch: Scratch, proxy: String) throws {
        let commands = lines.joined(separator: "\n").replacing("\\\n", with: " ").split(separator: "\n")
        for command in commands.map({ Self.shortened(String($0)) }) {
            let outcome = try Self.bash(command, scratch, proxy: proxy)
            #expect(outcome.status == 0, "\(command)\n\(outcome.output)\(outcome.errors)")
        }
    }

    private func replay(_ lines: [String], in scratch: Scratch) throws {
        var (command, expected) = ("", [String]())
        func check() throws {
            guard !command.isEmpty else { return }
            let outcome = try Self.bash("{ \(command); } 2>&1", scratch)
            // A slow machine shows progress, a line every ten seconds.
            let printed = outcome.output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
                .filter { $0.range(of: #"^[0-9,]+/[0-9,]+ "#, options: .regularExpression) == nil }
            let tellsOfProblems = expected.contains { $0.hasPrefix("error:") || $0.contains("without a clip") }
            #expect((outcome.status == 0) == !tellsOfProblems, "\(command): exit status \(outcome.status)")
            #expect(Self.matches(printed.dropLast()[...], expected[...]), "\(command)\n\(outcome.output)")
        }
        for line in lines {
            if line.hasPrefix("$ ") {
                try check()
                (command, expected) = (String(line.dropFirst(2)), [])
            } else {
                expected.append(line)
            }
        }
        try check()
    }

    /// Whether lines are as shown, a line of `…` standing for any number of them.
    private static func matches(_ lines: ArraySlice<String>, _ shown: ArraySlice<String>) -> Bool {
        guard let first = shown.first else { return lines.isEmpty }
        if first == "…" {
            return lines.indices.contains { matches(lines[$0...], shown.dropFirst()) } || matches([], shown.dropFirst())
        }
        return lines.first == first && matches(lines.dropFirst(), shown.dropFirst())
    }
}
