import Foundation
import Storage
import SystemPackage
import TestSupport
import Testing
import Train

/// Stable Diffusion at its full size, with random weights, beside diffusers in the same run: `make soak` fetches
/// diffusers with pip and takes 13 GB of memory and 3 GB of disk (`Tests/Peers/diffusers_full_size.py`).
@Suite(.enabled(if: ProcessInfo.processInfo.environment["PFRAME_SOAK"] != nil, "full size: `make soak`"), .serialized)
struct DiffusersSoakTests {
    private static let python = Python.environment(
        "diffusers-venv", modules: "diffusers, transformers",
        packages: ["diffusers==0.42.*", "transformers==5.24.*", "accelerate", "numpy<3", "pillow"],
        folder: Python.torch)

    /// What a piece of work took.
    private struct Cost: Decodable {
        let seconds: Double
        /// Seconds of all threads on processors, which busy programs beside it change less.
        let processors: Double
        /// Bytes, weights included.
        let memory: Double

        var text: String {
            func rounded(_ value: Double) -> String { value.formatted(.number.precision(.fractionLength(2))) }
            return "\(rounded(seconds)) s (\(rounded(processors)) s of processors), \(rounded(memory / 1e9)) GB"
        }
    }

    @Test(arguments: ["sd1", "sd2"]) func equalsDiffusers(_ model: String) throws {
        try withTemporaryFolder { folder in
            let python = try #require(Self.python, "pip cannot fetch diffusers")
            let script = [python, "Tests/Peers/diffusers_full_size.py", folder.string, model]
            let outcome = try Python.run(script + ["--threads", "\(Device.threads)"])
            try #require(outcome.status == 0, "\(outcome.errors)")
            let line = try #require(outcome.output.split(separator: "\n").last)
            let theirs = try JSONDecoder().decode([String: Cost].self, from: Data(line.utf8))
            let expected = try ExpectedValues(path: folder.appending("expected.safetensors"))
            let source = try DiffusersFolder(folder.appending("model"))
            func input(_ name: String) throws -> Tensor {
                try Tensor(expected.values(name), shape: #require(expected.file[name]?.shape))
            }
            let (step, stepCost) = try {
                let unet = try source.unet()
                let (x, context) = (try input("x"), try input("context"))
                return try Self.measured { try unet(x, steps: Tensor([500, 500] as [Int64]), context: context) }
            }()
            try expected.expect("step", step)
            let (image, imageCost) = try {
                let autoencoder = try source.autoencoder()
                let latents = try input("x").sliced(0..<1, along: 0)
                return try Self.measured { try autoencoder.decode(latents) }
            }()
            try expected.expect("image", image)
            for (name, own) in [("step", stepCost), ("decoding", imageCost)] {
                let peer = try #require(theirs[name])
                print("\(model), \(name): PFrame \(own.text); diffusers \(peer.text)")
            }
        }
    }

    private static func measured(_ body: () throws -> Tensor) throws -> (Tensor, Cost) {
        // From here on the highest memory counts anew.
        try put(Array("5".utf8), at: "/proc/self/clear_refs")
        let (start, used) = (ContinuousClock.now, clock())
        let result = try body()
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        // POSIX: a million a second.
        let processors = Double(clock() - used) / 1e6
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        let kilobytes = try #require(line.split(separator: " ").dropFirst().first.flatMap { Double($0) })
        return (result, Cost(seconds: seconds, processors: processors, memory: kilobytes * 1024))
    }
}
