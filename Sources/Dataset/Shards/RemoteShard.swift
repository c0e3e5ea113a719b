package import Storage

/// A shard on a server.
struct RemoteShard: ShardFile {
    let file: RemoteFile

    func size() throws(PFrameError) -> Int { try file.size() }

    func stream(_ range: Range<Int>) -> any ByteStream { file.stream(range) }
}

extension RemoteFile.Stream: ByteStream {}
