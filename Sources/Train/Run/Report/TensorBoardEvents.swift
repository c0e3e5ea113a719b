// By hand, because TFRecord is a length and two checksums around each record, and of TensorBoard's protocol buffers a
// few fields are needed; the library of both is TensorFlow.
import Codec
import Dataset
import Glibc
package import Storage
package import SystemPackage

/// A TensorBoard event file, `events.out.tfevents.TIME.HOST.pframe`: scalars by step.
///
/// Records are framed as TFRecords: length (8 bytes), its masked CRC-32C, the message, its masked CRC-32C. Messages are
/// `Event` and `Summary` of TensorFlow's `event.proto` and `summary.proto` with the fields that scalars need.
package final class TensorBoardEvents {
    private let descriptor: FileDescriptor
    /// The file.
    package let path: FilePath

    /// Begins a new file in `folder`, after the files of earlier runs.
    ///
    /// - Parameters:
    ///   - step: of the checkpoint that the run resumes from; TensorBoard then forgets later steps of earlier files.
    ///     nil for a new run.
    ///   - time: seconds since 1970.
    ///   - host: names the machine in the file's name.
    /// - Throws: `PFrameError` if the file cannot be created.
    package init(
        folder: FilePath, resumingAt step: Int? = nil, time: Double = TensorBoardEvents.now,
        host: String = TensorBoardEvents.host
    ) throws(PFrameError) {
        // TensorBoard reads files in the order of their names, and none that comes before one it has read.
        let names = try Self.names(in: folder)
        var seconds = Int(time)
        if let last = names.compactMap(Self.seconds).max() { seconds = max(seconds, last + 1) }
        let host = String(host.map { $0 == "/" ? "-" : $0 })
        path = folder.appending("\(Self.prefix)\(seconds.zeroPadded(10)).\(host).pframe")
        do {
            descriptor = try FileDescriptor.open(
                path, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec],
                permissions: [.ownerReadWrite, .groupRead, .otherRead])
        } catch {
            throw PFrameError(error, path: path, "cannot create the event file")
        }
        var start = ProtobufMessage()
        start.append(3, text: "brain.Event:2")
        try write(start, time: time, step: 0)
        if let step {
            var log = ProtobufMessage()
            log.append(1, integer: Self.start)
            var event = ProtobufMessage()
            event.append(7, message: log)
            // Forgotten is what is not before the event.
            try write(event, time: time, step: step + 1)
        }
    }

    deinit {
        // Every record was written when it was added: a failing close loses nothing.
        _ = try? descriptor.close()
    }

    /// Appends values of a step.
    ///
    /// - Parameters:
    ///   - values: tags (`loss`, `learning_rate`; a `/` groups them) and values, stored as float32.
    ///   - time: seconds since 1970.
    /// - Throws: `PFrameError`, a full disk included.
    package func append(
        step: Int, _ values: [(tag: String, value: Double)], time: Double = TensorBoardEvents.now
    ) throws(PFrameError) {
        var summary = ProtobufMessage()
        for (tag, value) in values {
            var entry = ProtobufMessage()
            entry.append(1, text: tag)
            entry.append(2, float: Float(value))
            summary.append(1, message: entry)
        }
        var event = ProtobufMessage()
        event.append(5, message: summary)
        try write(event, time: time, step: step)
    }

    /// Seconds since 1970.
    package static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    /// The name of this machine.
    package static var host: String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "localhost" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static let prefix = "events.out.tfevents."
    /// `SessionLog.START`.
    private static let start = 1

    /// The event files of a folder.
    static func names(in folder: FilePath) throws(PFrameError) -> [String] {
        return try fileNames(in: folder).filter { $0.hasPrefix(prefix) }
    }

    /// The time in a file's name.
    private static func seconds(_ name: String) -> Int? {
        guard name.hasPrefix(prefix) else { return nil }
        return Int(name.dropFirst(prefix.count).prefix { $0 != "." })
    }

    private func write(_ fields: ProtobufMessage, time: Double, step: Int) throws(PFrameError) {
        var event = ProtobufMessage()
        event.append(1, double: time)
        if step != 0 { event.append(2, integer: step) }
        let message = event.bytes + fields.bytes
        let length = withUnsafeBytes(of: UInt64(message.count).littleEndian) { Array($0) }
        let record = length + Self.checksum(length) + message + Self.checksum(message)
        do { try descriptor.writeAll(record) } catch {
            throw PFrameError(error, path: path, "cannot write the event file")
        }
    }

    /// TFRecord's masked CRC-32C: rotated right by 15 bits, plus a constant, little-endian.
    private static func checksum(_ bytes: [UInt8]) -> [UInt8] {
        let crc = bytes.withUnsafeBytes { CRC32C.of($0) }
        let masked = (crc >> 15 | crc << 17) &+ 0xA282_EAD8
        return withUnsafeBytes(of: masked.littleEndian) { Array($0) }
    }
}

@available(*, unavailable)
extension TensorBoardEvents: Sendable {}

/// A message of Protocol Buffers in the making: fields by number and wire type.
private struct ProtobufMessage {
    private(set) var bytes: [UInt8] = []

    mutating func append(_ field: Int, integer value: Int) {
        key(field, 0)
        varint(UInt64(bitPattern: Int64(value)))
    }

    mutating func append(_ field: Int, double value: Double) {
        key(field, 1)
        withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes += $0 }
    }

    mutating func append(_ field: Int, float value: Float) {
        key(field, 5)
        withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes += $0 }
    }

    mutating func append(_ field: Int, text: String) { append(field, Array(text.utf8)) }

    mutating func append(_ field: Int, message: ProtobufMessage) { append(field, message.bytes) }

    private mutating func append(_ field: Int, _ content: [UInt8]) {
        key(field, 2)
        varint(UInt64(content.count))
        bytes += content
    }

    private mutating func key(_ field: Int, _ wire: Int) { varint(UInt64(field << 3 | wire)) }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest > 0x7F {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
