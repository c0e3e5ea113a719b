public import ArgumentParser
import Glibc
import Storage
public import SystemPackage

/// Command-line arguments whose bytes are not UTF-8, carried through Swift strings unharmed.
///
/// A file name is bytes, a `String` is not: a byte that is not UTF-8 travels as the private-use scalar U+10FE00 + byte,
/// and turns back into itself where a path is made of the argument.
package enum RawArguments {
    private static let base: UInt32 = 0x10FE00

    /// The arguments of the process without its name.
    package static func escaped() -> [String] {
        (1..<max(1, Int(CommandLine.argc))).compactMap { index in
            CommandLine.unsafeArgv[index].map { escape(UnsafeRawBufferPointer(start: $0, count: length($0))) }
        }
    }

    private static func length(_ text: UnsafeMutablePointer<CChar>) -> Int {
        var count = 0
        while text[count] != 0 { count += 1 }
        return count
    }

    private static func escape(_ bytes: UnsafeRawBufferPointer) -> String {
        if let valid = String(validating: bytes, as: UTF8.self) { return valid }
        var result = String.UnicodeScalarView()
        var position = 0
        while position < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[position...])
            let size = (1...4).first { count in
                count <= rest.count && String(validating: rest.prefix(count), as: UTF8.self)?.unicodeScalars.count == 1
            }
            if let size {
                result.append(contentsOf: String(decoding: rest.prefix(size), as: UTF8.self).unicodeScalars)
            } else if let scalar = Unicode.Scalar(base + UInt32(rest[0])) {
                result.append(scalar)
            }
            position += size ?? 1
        }
        return String(result)
    }

    /// The path that an argument names, byte for byte, or the address.
    package static func path(_ argument: String) -> FilePath {
        if FilePath.isAddress(argument) { return FilePath(address: argument) }
        guard argument.unicodeScalars.contains(where: { $0.value >= base }) else { return FilePath(argument) }
        var bytes: [CChar] = []
        for scalar in argument.unicodeScalars {
            if scalar.value >= base, scalar.value < base + 256 {
                bytes.append(CChar(bitPattern: UInt8(scalar.value - base)))
            } else {
                bytes += String(scalar).utf8.map { CChar(bitPattern: $0) }
            }
        }
        bytes.append(0)
        return FilePath(platformString: bytes)
    }
}

extension FilePath: @retroactive ExpressibleByArgument {
    /// A path given on the command line.
    public init?(argument: String) {
        guard !argument.isEmpty else { return nil }
        self = RawArguments.path(argument)
    }
}

/// The folder that relative paths start from.
package enum WorkingFolder {
    /// Its absolute path; `.` where it is gone.
    package static var path: String {
        guard let text = getcwd(nil, 0) else { return "." }
        defer { free(text) }
        return String(cString: text)
    }

    /// A path as it is from any folder.
    package static func absolute(_ path: FilePath) -> FilePath {
        path.isAbsolute ? path : FilePath(Self.path).appending(path.components)
    }
}
