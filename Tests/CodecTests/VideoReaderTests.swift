import Codec
import Storage
import SystemPackage
import TestSupport
import Testing

@Suite struct VideoReaderTests {
    @Test(
        "what is no video is an error that names the path",
        arguments: ["text.mp4", "empty.mp4", "zeros.mkv", "cut.mp4", "folder.mp4", "missing.mp4"])
    func noVideo(name: String) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(name)
            switch name {
            case "text.mp4":
                try put(Array(String(repeating: "This is no video but a text.\n", count: 300).utf8), at: path)
            case "empty.mp4": try put([], at: path)
            case "zeros.mkv": try put([UInt8](repeating: 0, count: 5000), at: path)
            case "cut.mp4":
                try writeClip(path)
                try put(Array(try contents(of: path).prefix(1000)), at: path)
            case "folder.mp4": try createFolder(path)
            default: break
            }
            let error = try codecError { _ = try VideoReader(path: path) }
            #expect(error.path == path)
            #expect(error.description.hasPrefix(path.string + ": "))
            #expect(!error.message.isEmpty)
            let codes: [String: PFrameError.Code] = ["missing.mp4": .missing, "folder.mp4": .usage]
            #expect(error.code == codes[name] ?? .damaged)
        }
    }

    @Test("a stream index that is no video stream names those that are", arguments: [-1, 1, 99])
    func wrongStream(index: Int) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("clip.mp4")
            try writeClip(path, frames: 2)
            let error = try codecError { _ = try VideoReader(path: path, streamIndex: index) }
            #expect(error.path == path)
            #expect(error.message.contains("no video stream \(index)") && error.code == .missing)
            #expect(error.message.contains("0 (h264 64x48)"))
            let reader = try VideoReader(path: path, streamIndex: 0)
            #expect(reader.stream.index == 0)
            #expect(reader.videoStreams.count == 1)
        }
    }

    @Test(
        "any file name opens, for writing too",
        arguments: [
            Array("a b  c.mp4".utf8), Array("a:b.mp4".utf8), Array("http:x.mp4".utf8), Array("%d-%03d.mp4".utf8),
            Array("-i.mp4".utf8), Array("käse 日本.mp4".utf8), Array("'\"\\.mp4".utf8),
            [0x61, 0xFF, 0xFE, 0x62] + Array(".mp4".utf8), [0xC3] + Array(".mp4".utf8),
        ])
    func fileNames(bytes: [UInt8]) throws {
        try withTemporaryFolder { folder in
            let platform = (Array(folder.string.utf8) + [0x2F] + bytes + [0]).map { CChar(bitPattern: $0) }
            let path = FilePath(platformString: platform)
            try writeClip(path, frames: 3)
            #expect(try decodeAll(path).count == 3)
            // libavformat made the file with these very bytes as its name, or the system would not find it.
            #expect(try contents(of: path).count > 500)
        }
    }

    @Test("packets say which pictures others predict from, and where a stream starts again")
    func pictureFacts() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("clip.mp4")
            try writeClip(
                path, frames: 21, parameters: "keyint=7:min-keyint=7:scenecut=0:bframes=2:b-adapt=0:b-pyramid=none")
            let reader = try VideoReader(path: path)
            var pictures: [Picture] = []
            while let picture = try reader.next() { pictures.append(picture) }
            #expect(pictures.count == 21)
            #expect(reader.delivered == 21)
            #expect(reader.packets.count == 21)
            #expect(Set(pictures.compactMap(\.packetNumber)) == Set(0..<21))
            for (index, picture) in pictures.enumerated() {
                let packet = reader.packets[try #require(picture.packetNumber)]
                #expect(packet.isReference == (picture.type != .bidirectional))
                #expect(packet.isIDR == (index % 7 == 0))
                #expect(picture.isKey == packet.isIDR)
                #expect((picture.type == .intra) == packet.isIDR)
                #expect(!packet.isMBAFF && !packet.isDamaged && !picture.isInterlaced)
            }
            #expect(pictures.contains { $0.type == .bidirectional })
            #expect(reader.packets.reduce(0) { $0 + $1.size } == reader.bytesRead)
            #expect(reader.bytesRead < reader.fileSize)
            #expect(try reader.fileSize == contents(of: path).count)
        }
    }

    @Test("MBAFF is known from the sequence parameters", arguments: ["tff=1", "fake-interlaced=1", "bframes=0"])
    func interlaced(parameters: String) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("clip.mkv")
            try writeClip(path, frames: 4, size: Size(width: 64, height: 64), parameters: parameters)
            let reader = try VideoReader(path: path)
            while let picture = try reader.next() { #expect(picture.packetNumber != nil) }
            #expect(reader.packets.count == 4)
            #expect(reader.packets.allSatisfy { $0.isMBAFF == (parameters == "tff=1") })
        }
    }

    @Test("references kept are those that the encoder announced", arguments: [1, 2, 4])
    func references(count: Int) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("clip.mp4")
            try writeClip(path, frames: 4, parameters: "ref=\(count):bframes=0")
            let reader = try VideoReader(path: path)
            _ = try reader.next()
            #expect(reader.referenceFrames == count)
        }
    }

    @Test("skipping leaves out what it says")
    func skipping() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("clip.mp4")
            try writeClip(
                path, frames: 21, parameters: "keyint=7:min-keyint=7:scenecut=0:bframes=2:b-adapt=0:b-pyramid=none")
            let all = try decodeAll(path)
            var options = DecoderOptions()
            options.skip = .nonKey
            #expect(try decodeAll(path, options: options).map(\.type) == [.intra, .intra, .intra])
            options.skip = .nonReference
            let kept = try decodeAll(path, options: options)
            let expected = all.filter { $0.type != .bidirectional }
            #expect(kept.map(\.allSamples) == expected.map(\.allSamples))
            #expect(kept.count < all.count)
        }
    }

    @Test("a flipped byte in FFV1 is noticed, and the other pictures stay whole")
    func damage() throws {
        try withTemporaryFolder { folder in
            let (path, size) = (folder.appending("clip.mkv"), Size(width: 64, height: 48))
            let pictures = try (0..<5).map { try Picture.noise(size, seed: UInt64($0)) }
            let writer = try VideoWriter(path: path, settings: .ffv1, size: size, timeBase: Rational(1, 25))
            for (index, picture) in pictures.enumerated() { try writer.write(picture, at: index) }
            try writer.finish()
            var bytes = try contents(of: path)
            bytes[bytes.count / 2] ^= 0x55
            try put(bytes, at: path)
            var options = DecoderOptions()
            options.checksSlices = true
            let reader = try VideoReader(path: path, options: options)
            var damaged: [Int] = []
            while let picture = try reader.next() {
                let number = try #require(picture.packetNumber)
                if picture.isDamaged || reader.packets[number].isDamaged {
                    damaged.append(number)
                } else {
                    let isWhole = picture.allSamples == pictures[number].allSamples
                    #expect(isWhole, "picture \(number)")
                }
            }
            #expect(Set(damaged + reader.damagedPackets) == [2])
        }
    }

    @Test("a file cut in its pictures says so", arguments: [1.0, 0.7, 0.3])
    func truncation(share: Double) throws {
        try withTemporaryFolder { folder in
            let (whole, path) = (folder.appending("whole.mp4"), folder.appending("cut.mp4"))
            try writeClip(whole, frames: 20)
            var bytes = try indexFirst(try contents(of: whole))
            let pictures = try #require(boxes(bytes).last { $0.name == "mdat" }).range
            bytes.removeLast(Int(Double(pictures.count) * (1 - share)))
            try put(bytes, at: path)
            let reader = try VideoReader(path: path)
            while let picture = try reader.next() { #expect(picture.packetNumber != nil) }
            #expect((reader.truncation != nil) == (share < 1))
            #expect((reader.packets.count < 20) == (share < 1))
            #expect(reader.delivered == 20 || share < 1)
        }
    }
}

/// The top level boxes of an MP4 file.
private func boxes(_ bytes: [UInt8]) -> [(name: String, range: Range<Int>)] {
    var (result, start): ([(String, Range<Int>)], Int) = ([], 0)
    while start + 8 <= bytes.count {
        let size = number(bytes, start)
        guard size >= 8, start + size <= bytes.count else { break }
        result.append((String(decoding: bytes[start + 4..<start + 8], as: UTF8.self), start..<start + size))
        start += size
    }
    return result
}

/// Moves the index of an MP4 file before its pictures, as web servers like it.
private func indexFirst(_ bytes: [UInt8]) throws -> [UInt8] {
    let index = try #require(boxes(bytes).last { $0.name == "moov" }).range
    let pictures = try #require(boxes(bytes).last { $0.name == "mdat" }).range
    try #require(index.lowerBound == pictures.upperBound)
    var moved = Array(bytes[index])
    let name = Array("stco".utf8)
    let offsets = try #require(moved.indices.dropLast(3).first { Array(moved[$0..<$0 + 4]) == name })
    for entry in 0..<number(moved, offsets + 8) {
        let place = offsets + 12 + 4 * entry
        let value = UInt32(number(moved, place) + index.count)
        for byte in 0..<4 { moved[place + byte] = UInt8(truncatingIfNeeded: value >> (24 - 8 * UInt32(byte))) }
    }
    return bytes[..<pictures.lowerBound] + moved + bytes[pictures]
}

private func number(_ bytes: [UInt8], _ start: Int) -> Int { bytes[start..<start + 4].reduce(0) { $0 << 8 | Int($1) } }
