import Dataset
import Shards
import Storage
import SystemPackage
import TestSupport
import Testing

@Suite struct ShardSourceTests {
    private func options(tries: Int = 3, shuffle: Bool = true) -> LoaderOptions {
        var options = LoaderOptions()
        (options.patience.tries, options.patience.delay, options.patience.timeout) = (tries, 0.005, 1)
        (options.batchSize, options.threads, options.shardsPerBlock, options.shuffle) = (3, 3, 2, shuffle)
        return options
    }

    private func withShards(_ body: (TestShards) throws -> Void) throws {
        try withTemporaryFolder { folder in
            let names = ["a b", "it's", "100%+ü", "d\"q\"", "$HOME", "clips-5"]
            try body(try TestShards(in: folder, counts: [4, 3, 6, 2, 5, 1]) { names[$0] })
        }
    }

    @Test("three forms are told apart")
    func forms() throws {
        #expect(try ShardSource("/data/set") == .folder("/data/set"))
        #expect(try ShardSource("https://host/set") == .server("https://host/set"))
        #expect(try ShardSource("s3://bucket/set") == .server("s3://bucket/set"))
        #expect(try ShardSource("pipe:cat x/{}") == .command("cat x/{}"))
        #expect(try ShardSource("pipe:cat x/{}").description == "pipe:cat x/{}")
        let error = #expect(throws: PFrameError.self) { try ShardSource("pipe:cat x") }
        #expect(error?.message.contains("has no {}") == true)
    }

    @Test("a server gives the same samples", arguments: [true, false])
    func server(shuffle: Bool) throws {
        try withShards { shards in
            let server = try FileServer(shards.folder)
            for address in [server.address, server.address + "/", server.address + "/sets?token=1"] {
                let loader = try Loader(ShardSource(address), options: options(shuffle: shuffle))
                #expect(try rest(loader) == shards.expected(loader.options, epoch: 0))
            }
        }
    }

    @Test("broken connections and slow servers change nothing")
    func brokenConnections() throws {
        try withShards { shards in
            let server = try FileServer(shards.folder, ["--drop", "7", "--slow"])
            let loader = try Loader(ShardSource(server.address), options: options(tries: 10))
            #expect(try rest(loader) == shards.expected(loader.options, epoch: 0))
        }
    }

    @Test("damage on a server is found")
    func remoteDamage() throws {
        try withShards { shards in
            let server = try FileServer(shards.folder)
            let archive = try contents(of: shards.tar(2))
            var options = options()
            options.damage = .skip
            var (flipped, ended) = (archive, archive)
            flipped[0] ^= 1
            ended[archive.count - 1] = 1
            let (cut, short) = (Array(archive.dropLast(1025)), Array(archive.dropLast()))
            for (bytes, lost) in [(cut, 1), (short, 0), (archive + [0], 0), (ended, 0), (flipped, 1)] {
                try put(bytes, at: shards.tar(2))
                let loader = try Loader(ShardSource(server.address), options: options)
                #expect(try rest(loader).count == 21 - lost)
                #expect(loader.damaged.count == 1, "\(loader.damaged)")
            }
        }
    }

    @Test("a dead or incapable server is named with what was asked and how often")
    func deadServer() throws {
        try withShards { shards in
            let server = try FileServer(shards.folder)
            let loader = try Loader(ShardSource(server.address), options: options())
            _ = try loader.next()
            server.stop()
            let error = try #require(throws: PFrameError.self) { try rest(loader) }
            #expect(error.message.contains(server.address) && error.message.contains("tried 3 times"), "\(error)")
            let late = try #require(throws: PFrameError.self) { try Loader(ShardSource(server.address)) }
            #expect(late.message.contains("/dataset.json: cannot open: Connection refused"), "\(late)")
            #expect(late.code == .unreachable)
            let incapable = try FileServer(shards.folder, ["--no-ranges"])
            let whole = try Loader(ShardSource(incapable.address), options: options())
            let refusal = try #require(throws: PFrameError.self) { try rest(whole) }
            #expect(refusal.message.contains("does not give ranges") && refusal.code == .unsupported, "\(refusal)")
            let hanging = try FileServer(shards.folder, ["--hang"])
            let patient = try Loader(ShardSource(hanging.address), options: options(tries: 1))
            let silence = try #require(throws: PFrameError.self) { try patient.next() }
            #expect(silence.message.contains(".tar"), "\(silence)")
            // One that still waits for an answer goes away before it comes.
            var calm = options()
            calm.patience.timeout = 600
            let start = ContinuousClock.now
            _ = try Loader(ShardSource(hanging.address), options: calm)
            #expect(start.duration(to: .now) < .seconds(300))
        }
    }

    @Test("each thread's requests share a connection")
    func keptConnections() throws {
        try withShards { shards in
            let server = try FileServer(shards.folder)
            let loader = try Loader(ShardSource(server.address), options: options())
            _ = try rest(loader)
            let counts = try server.counts()
            // The connection that asks for the counts is one too.
            #expect(counts.connections <= 3 + 1 && counts.archives > 12, "\(counts)")
        }
    }

    @Test("files are read on from where their connection broke")
    func brokenFiles() throws {
        try withShards { shards in
            let server = try FileServer(shards.folder, ["--drop", "6", "--drop-all", "--slow"])
            let loader = try Loader(ShardSource(server.address), options: options(tries: 10))
            #expect(try rest(loader) == shards.expected(loader.options, epoch: 0))
            let whole = try FileServer(shards.folder, ["--drop", "1", "--drop-all", "--no-ranges"])
            #expect(try Loader(ShardSource(whole.address), options: options()).dataset.samples == 21)
        }
    }

    @Test("redirects are followed")
    func redirects() throws {
        try withShards { shards in
            let server = try FileServer(shards.folder)
            let other = try FileServer(shards.folder, ["--redirect", server.address])
            let loader = try Loader(ShardSource(other.address), options: options())
            #expect(try rest(loader) == shards.expected(loader.options, epoch: 0))
            let endless = try FileServer(shards.folder, ["--redirect", "ftp://127.0.0.1"])
            let error = try #require(throws: PFrameError.self) { try Loader(ShardSource(endless.address)) }
            #expect(error.message.contains("cannot open") && error.message.contains("ftp"), "\(error)")
        }
    }

    @Test("a busy server is asked again, after the wait that it wants", arguments: [503, 429, 500])
    func busyServer(status: Int) throws {
        try withShards { shards in
            let refusing = ["--refuse", "2", "--status", "\(status)", "--retry-after", "1"]
            let server = try FileServer(shards.folder, refusing)
            var options = options()
            (options.threads, options.patience.timeout) = (1, 30)
            let loader = try Loader(ShardSource(server.address), options: options)
            #expect(try rest(loader) == shards.expected(loader.options, epoch: 0))
            let refusals = try server.counts().refusals
            #expect(refusals.count == 2 && refusals[1] - refusals[0] >= 0.99, "\(refusals)")
            // No longer than a dead server is waited for.
            let lazy = try FileServer(
                shards.folder, ["--refuse", "99", "--status", "\(status)", "--retry-after", "999"])
            let impatient = try Loader(ShardSource(lazy.address), options: self.options())
            let error = try #require(throws: PFrameError.self) { try rest(impatient) }
            #expect(error.message.contains("HTTP \(status) (SlowDown)"), "\(error)")
            #expect(error.message.contains("tried 3 times"), "\(error)")
        }
    }

    @Test("what no wait mends is not asked for again", arguments: [(403, "access is refused"), (404, "no such file")])
    func refusal(status: Int, words: String) throws {
        try withShards { shards in
            let server = try FileServer(shards.folder, ["--refuse", "99", "--status", "\(status)"])
            var options = options()
            options.threads = 1
            let loader = try Loader(ShardSource(server.address), options: options)
            let error = try #require(throws: PFrameError.self) { try rest(loader) }
            #expect(error.message.hasPrefix(server.address) && error.message.contains(words), "\(error)")
            #expect(error.message.contains("HTTP \(status)") && error.message.contains("(bytes 0-0)"), "\(error)")
            #expect(!error.message.contains("tried"), "\(error)")
        }
    }

    @Test("files that change and ranges that are others are errors")
    func wrongReplies() throws {
        try withShards { shards in
            let growing = try FileServer(shards.folder, ["--grow", "512"])
            var options = options(shuffle: false)
            options.threads = 1
            let loader = try Loader(ShardSource(growing.address), options: options)
            let change = try #require(throws: PFrameError.self) { try rest(loader) }
            #expect(change.message.contains("the file changed from"), "\(change)")
            let shifting = try FileServer(shards.folder, ["--shift", "1"])
            let other = try Loader(ShardSource(shifting.address), options: options)
            let shift = try #require(throws: PFrameError.self) { try rest(other) }
            #expect(shift.message.contains("does not give ranges"), "\(shift)")
        }
    }

    @Test("a server that stops in the middle counts as dead, and ends with the loader")
    func stalls() throws {
        try withShards { shards in
            let server = try FileServer(shards.folder, ["--stall"])
            let loader = try Loader(ShardSource(server.address), options: options(tries: 1))
            let error = try #require(throws: PFrameError.self) { try rest(loader) }
            #expect(error.message.contains("no byte came for 1.0 s"), "\(error)")
            var calm = options()
            calm.patience.timeout = 600
            let start = ContinuousClock.now
            _ = try Loader(ShardSource(server.address), options: calm)
            #expect(start.duration(to: .now) < .seconds(300))
        }
    }

    @Test("a command gives the same samples, with few copies alive", arguments: [true, false])
    func command(shuffle: Bool) throws {
        try withShards { shards in
            var options = options(shuffle: shuffle)
            options.prefetch = 1
            let source = try ShardSource("pipe:cat \(shards.folder)/{}")
            let loader = try Loader(source, options: options)
            for epoch in 0..<2 {
                if epoch > 0 { try loader.startEpoch(epoch) }
                #expect(try rest(loader) == shards.expected(options, epoch: epoch))
            }
            #expect(loader.statistics.largestOpenShards <= (shuffle ? 2 : 1) + 1)
        }
    }

    @Test("a failing command is tried again, then named with its last words")
    func failingCommand() throws {
        try withShards { shards in
            // Fails the first time that it is asked for a file.
            let moody =
                "pipe:f={}; if mkdir \(shards.folder)/\"$f\".asked 2>&-; then false; else cat \(shards.folder)/{}; fi"
            let loader = try Loader(ShardSource(moody), options: options())
            #expect(try rest(loader) == shards.expected(loader.options, epoch: 0))
            func message(_ command: String) throws -> String {
                let source = try ShardSource("pipe:" + command)
                return try #require(throws: PFrameError.self) { try rest(try Loader(source, options: options())) }
                    .description
            }
            let failing = try message(
                "case {} in *.tar) echo one >&2; echo no route >&2; exit 7;; esac; cat \(shards.folder)/{}")
            #expect(failing.contains("exit code 7: no route (tried 3 times)"), "\(failing)")
            let short = try message("case {} in *.tar) echo x;; *) cat \(shards.folder)/{};; esac")
            #expect(short.contains("printed 2 bytes, but dataset.json says"), "\(short)")
            let endless = try message("case {} in *.tar) yes;; *) cat \(shards.folder)/{};; esac")
            #expect(endless.contains("printed more than"), "\(endless)")
            let none = try message("no-such-program {}")
            #expect(none.contains("exit code 127") && none.contains("not found"), "\(none)")
            // One that is still running is stopped with the loader.
            var calm = options()
            calm.patience.timeout = 600
            let hanging = "pipe:case {} in *.tar) sleep 600;; *) cat \(shards.folder)/{};; esac"
            let start = ContinuousClock.now
            _ = try Loader(ShardSource(hanging), options: calm)
            #expect(start.duration(to: .now) < .seconds(300))
        }
    }
}
