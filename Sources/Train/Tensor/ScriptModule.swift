import CTorch
import Glibc
package import Storage
package import SystemPackage

/// A network that its authors published as a program with its weights: a TorchScript archive, made by `torch.jit.save`.
package final class ScriptModule {
    /// Where the archive lies.
    package let path: FilePath
    private let handle: OpaquePointer

    /// Loads an archive, whatever device it was saved on.
    ///
    /// - Throws: `PFrameError` if there is no such file, it is not a TorchScript archive, or it is damaged.
    package init(_ path: FilePath, device: Device = .cpu) throws(PFrameError) {
        try Self.checkBeginning(path)
        var handle: OpaquePointer?
        do throws(PFrameError) {
            try check(ct_script_load(path.string, device.code, &handle), "loading a TorchScript archive")
        } catch {
            // How libtorch says that a zip archive lacks its end, or a file that only programs have.
            if error.message.contains("failed reading zip archive") {
                throw PFrameError(.damaged, path: path, "is cut short or damaged; copy or download it again")
            }
            throw error.message.contains("constants.pkl") ? Self.noArchive(path) : Self.located(error, path)
        }
        guard let handle else { throw PFrameError(path: path, "libtorch loaded nothing") }
        (self.path, self.handle) = (path, handle)
    }

    deinit { ct_script_free(handle) }

    /// Whether its `forward` has an argument of that name.
    package func takes(_ argument: String) -> Bool { ct_script_has_argument(handle, argument) }

    /// Runs its `forward`.
    ///
    /// - Parameters:
    ///   - inputs: arguments by position.
    ///   - flags: arguments by name, behind them; each must be one that it `takes`.
    /// - Returns: what it returns, of a tuple or list the first tensor.
    package func callAsFunction(_ inputs: [Tensor], flags: [String: Bool] = [:]) throws(PFrameError) -> Tensor {
        let handles = inputs.map { Optional($0.handle) }
        // The names must live until the call returns.
        let names = flags.map { strdup($0.key) }
        defer { for name in names { free(name) } }
        let values = flags.map(\.value)
        var result: OpaquePointer?
        let status = names.map { UnsafePointer($0) }.withUnsafeBufferPointer { names in
            handles.withUnsafeBufferPointer {
                ct_script_run(
                    handle, $0.baseAddress, Int32($0.count), names.baseAddress, values, Int32(values.count), &result)
            }
        }
        let what = "running it on \(inputs.map { "\($0.shape)" }.joined(separator: ", "))"
        do throws(PFrameError) { try check(status, what) } catch { throw Self.located(error, path) }
        guard let result else { throw PFrameError(path: path, "\(what): it gave nothing") }
        return Tensor(owning: result)
    }

    /// Its parameters and buffers by their dotted names, unrecorded; they share its memory.
    package func parameters() throws(PFrameError) -> [String: Tensor] {
        final class Found { var tensors: [String: Tensor] = [:] }
        let found = Found()
        let status = ct_script_parameters(
            handle,
            { context, name, tensor in
                let found = Unmanaged<Found>.fromOpaque(context).takeUnretainedValue()
                found.tensors[String(cString: name)] = Tensor(owning: tensor)
            }, Unmanaged.passUnretained(found).toOpaque())
        do throws(PFrameError) {
            try check(status, "reading its parameters")
            var result: [String: Tensor] = [:]
            for (name, tensor) in found.tensors { result[name] = try tensor.detached() }
            return result
        } catch { throw Self.located(error, path) }
    }

    /// An archive is a zip archive, which libtorch's messages take for granted.
    private static func checkBeginning(_ path: FilePath) throws(PFrameError) {
        let file = try MappedFile(path)
        try file.withBytes { bytes throws(PFrameError) in
            if !bytes.starts(with: Array("PK\u{3}\u{4}".utf8)) { throw noArchive(path) }
        }
    }

    private static func noArchive(_ path: FilePath) -> PFrameError {
        PFrameError(
            .unsupported, path: path,
            "is not a TorchScript archive (torch.jit.save); a .pt of torch.save holds no program")
    }

    private static func located(_ error: PFrameError, _ path: FilePath) -> PFrameError {
        PFrameError(.damaged, path: path, error.message)
    }
}

@available(*, unavailable)
extension ScriptModule: Sendable {}
