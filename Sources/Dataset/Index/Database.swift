import Codec
import GRDB
import Storage
import SystemPackage

/// Runs work on a database; the only place that turns SQLite's errors into ours.
///
/// - Throws: `PFrameError` about `path`.
func querying<Result>(_ path: FilePath, _ body: () throws -> Result) throws(PFrameError) -> Result {
    do { return try body() } catch let error as PFrameError {
        throw error
    } catch let error as DatabaseError {
        let message = error.message ?? "\(error.resultCode)"
        switch error.resultCode {
        case .SQLITE_NOTADB, .SQLITE_CORRUPT:
            throw PFrameError(.damaged, path: path, "is damaged (\(message)): run `pframe index` to rewrite it")
        case .SQLITE_CANTOPEN: throw PFrameError(unopenable(path), path: path, "cannot open: \(message)")
        case .SQLITE_FULL: throw PFrameError(.full, path: path, "cannot write: the disk is full")
        case .SQLITE_BUSY, .SQLITE_LOCKED: throw PFrameError(.busy, path: path, message)
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH: throw PFrameError(.refused, path: path, message)
        case .SQLITE_NOMEM: throw PFrameError(.full, path: path, message)
        case .SQLITE_INTERRUPT: throw PFrameError(.interrupted, path: path, message)
        default: throw PFrameError(path: path, message)
        }
    } catch {
        throw PFrameError(PFrameError.Code(error), path: path, "\(error)")
    }
}

/// Why SQLite cannot open a file, which it does not say: what the system says of it.
private func unopenable(_ path: FilePath) -> PFrameError.Code {
    do {
        try FileDescriptor.open(path, .readOnly, options: .closeOnExec).close()
        return .refused
    } catch { return PFrameError.Code(error) }
}

/// The name of a file as SQLite takes it, which is a String: a folder whose name is not UTF-8 is reached through its
/// descriptor, for as long as this lives.
struct DatabaseName: ~Copyable {
    let string: String
    private let folder: FileDescriptor?

    init(_ path: FilePath) throws(PFrameError) {
        guard path.withPlatformString({ String(validatingCString: $0) }) == nil,
            let name = path.lastComponent?.string
        else {
            (string, folder) = (path.string, nil)
            return
        }
        do {
            let descriptor = try FileDescriptor.open(
                path.removingLastComponent(), .readOnly, options: [.directory, .closeOnExec])
            (string, folder) = ("/proc/self/fd/\(descriptor.rawValue)/\(name)", descriptor)
        } catch {
            throw PFrameError(error, path: path, "cannot open the folder")
        }
    }

    deinit {
        // Nothing was written to a folder: a failing close loses nothing.
        _ = try? folder?.close()
    }
}

/// A name as SQL has it: in double quotes.
func quoted(_ name: String) -> String {
    "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
}

extension JSONValue {
    /// As a column holds it: NaN is NULL, truth is 1 or 0, lists and objects are their text.
    var databaseValue: DatabaseValue {
        switch self {
        case .null: .null
        case .bool(let value): (value ? 1 : 0).databaseValue
        case .integer(let value): value.databaseValue
        case .number(let value): value.isFinite ? value.databaseValue : .null
        case .text(let value): value.databaseValue
        case .list, .object: json().databaseValue
        }
    }

    /// What a column holds.
    init(_ value: DatabaseValue) {
        switch value.storage {
        case .null, .blob: self = .null
        case .int64(let value): self = .integer(Int(value))
        case .double(let value): self = .number(value)
        case .string(let value): self = .text(value)
        }
    }
}
