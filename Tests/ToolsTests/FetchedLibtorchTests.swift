import Foundation
import Testing

/// `Scripts/libtorch.py`, by which `make deps` fetches libtorch, on small wheels (`Tests/Peers/torch_wheels.py`) that need
/// each other as PyTorch's and NVIDIA's do.
@Suite struct FetchedLibtorchTests {
    private let scratch: Scratch

    init() throws {
        scratch = try Scratch()
        let made = try Programs.run(
            "/usr/bin/env", ["python3", Peers.folder.appending(path: "torch_wheels.py").path, scratch.path("wheels")])
        try #require(made.status == 0, "\(made.errors)")
    }

    /// Runs the script where pip has these folders of wheels alone.
    private func fetch(from folders: String...) throws -> Outcome {
        let links = folders.map { scratch.path("wheels/\($0)") }.joined(separator: " ")
        return try Programs.run(
            "/usr/bin/env", ["python3", Programs.root.appending(path: "Scripts/libtorch.py").path, "libtorch"],
            folder: scratch.url,
            environment: ["PIP_NO_INDEX": "1", "PIP_FIND_LINKS": links, "PIP_CONFIG_FILE": "/dev/null"])
    }

    /// Whether the dynamic loader takes what was fetched.
    private func loads() throws -> Bool {
        let program = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"
        let library = scratch.path("libtorch/torch/lib/libtorch_cpu.so")
        return try Programs.run("/usr/bin/env", ["python3", "-c", program, library]).status == 0
    }

    @Test func bringsWhatTheOrdinaryWheelLoads() throws {
        let outcome = try fetch(from: "ordinary")
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(
            outcome.output.contains(
                "libtorch 2.13.0, a CUDA build with what it needs to start without a GPU (nvidia-cuda-cupti 13.0.85, "
                    + "nvidia-cuda-runtime 13.0.96): "))
        #expect(try loads())
        #expect(try scratch.names(in: "libtorch/nvidia/cu13/lib") == ["libcudart.so.13", "libcupti.so.13"])
        let again = try fetch(from: "ordinary")
        #expect(again.status == 0 && again.output == "", "\(again.output)")
    }

    @Test(arguments: ["torch/lib/libtorch_cpu.so", "torch/include/torch.h"])
    func fetchesAnewWhatIsCutShort(file: String) throws {
        #expect(try fetch(from: "cpu", "ordinary").output.contains("libtorch 2.13.0+cpu, a CPU build: "))
        let path = scratch.path("libtorch/\(file)")
        let whole = try Data(contentsOf: URL(filePath: path))
        try whole.prefix(3).write(to: URL(filePath: path))
        // What a run leaves that was killed while pip unpacked.
        try FileManager.default.createDirectory(
            atPath: scratch.path("libtorch.tmp/made/torch"), withIntermediateDirectories: true)
        #expect(try fetch(from: "cpu").status == 0)
        #expect(try Data(contentsOf: URL(filePath: path)) == whole)
        #expect(try loads())
        #expect(!scratch.exists("libtorch.tmp"))
    }

    @Test func saysWhatToDoWherePipFails() throws {
        let outcome = try fetch(from: "none")
        #expect(outcome.status == 1)
        for part in ["error: no libtorch: python -m pip install failed", "3 GB", "LIBTORCH=DIR", "LIBTORCH=none"] {
            #expect(outcome.errors.contains(part), "\(outcome.errors)")
        }
        #expect(try scratch.names() == ["wheels"])
    }

    /// A libtorch without what its wheel asks for would not start.
    @Test func isNotContentWithoutTheLibraries() throws {
        try FileManager.default.removeItem(
            atPath: scratch.path("wheels/ordinary/nvidia_cuda_cupti-13.0.85-py3-none-any.whl"))
        #expect(try fetch(from: "ordinary").status == 1)
        #expect(try scratch.names() == ["wheels"])
    }
}
