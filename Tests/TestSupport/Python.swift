import Foundation
package import SystemPackage

/// Pythons with the packages that tests take.
package enum Python {
    /// What a script printed and how it ended.
    package struct Outcome {
        package let status: Int32
        package let output: String
        package let errors: String
    }

    /// With the package in `Python/`, over the PyTorch around libtorch; nil where either is missing.
    package static let pframe = environment(
        "pframe-venv", modules: "pframe", packages: ["--editable", "Python"], folder: torch)

    /// The folder that `import torch` is to look in.
    package static let torch: FilePath = {
        let named = ProcessInfo.processInfo.environment["LIBTORCH"] ?? ".libtorch/torch"
        return repository.pushing(FilePath(named)).removingLastComponent()
    }()

    /// A build for CUDA has too few of NVIDIA's libraries for `import torch`, and `LIBTORCH=none` has no PyTorch.
    fileprivate static let isOwedByCI =
        ProcessInfo.processInfo.environment["LIBTORCH"] != "none"
        && !FileManager.default.fileExists(atPath: torch.appending("torch/lib/libtorch_cuda.so").string)

    /// The interpreter of a virtual environment below `.build`, made on first use; nil where pip cannot fill it.
    ///
    /// - Parameter folder: a further folder that it imports from.
    package static func environment(
        _ name: String, modules: String, packages: [String], folder further: FilePath? = nil
    ) -> String? {
        let folder = repository.appending(".build").appending(name)
        let python = folder.appending("bin/python").string
        let doesImport = [python, "-c", "import \(modules)"]
        let addFolder = """
            import site, sys
            open(site.getsitepackages()[0] + "/further.pth", "w").write(sys.argv[1])
            """
        do {
            if FileManager.default.fileExists(atPath: python), try run(doesImport).status == 0 { return python }
            for command in [
                ["python3", "-m", "venv", "--clear", folder.string],
                [python, "-c", addFolder, further?.string ?? ""],
                [python, "-m", "pip", "install", "--quiet", "--retries", "1"] + packages, doesImport,
            ] {
                let outcome = try run(command)
                guard outcome.status == 0 else {
                    print("\(command.joined(separator: " ")): \(outcome.errors)")
                    return nil
                }
            }
            return python
        } catch {
            print("\(folder): \(error)")
            return nil
        }
    }

    /// Runs a program in the repository's folder, or in another one, on one thread, because tests run side by side.
    package static func run(_ command: [String], in folder: FilePath = repository) throws -> Outcome {
        try withTemporaryFolder { scratch in
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = ["OMP_NUM_THREADS=1"] + command
            process.currentDirectoryURL = URL(filePath: folder.string)
            process.standardInput = FileHandle.nullDevice
            let files = [scratch.appending("out"), scratch.appending("err")].map { URL(filePath: $0.string) }
            for file in files { try Data().write(to: file) }
            process.standardOutput = try FileHandle(forWritingTo: files[0])
            process.standardError = try FileHandle(forWritingTo: files[1])
            try process.run()
            process.waitUntilExit()
            let texts = try files.map { String(decoding: try Data(contentsOf: $0), as: UTF8.self) }
            return Outcome(status: process.terminationStatus, output: texts[0], errors: texts[1])
        }
    }
}

extension Requirement {
    /// The package in `Python/` with PyTorch.
    package static let pythonPackage = Requirement(
        "PyTorch in Python", source: "`make deps` fetches a CPU build, and pip what it needs besides",
        isOwedByCI: Python.isOwedByCI
    ) { Python.pframe != nil }
}
