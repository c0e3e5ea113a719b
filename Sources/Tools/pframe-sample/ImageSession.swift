import Codec
import Dataset
import Glibc
import Storage
import SystemPackage
import ToolOptions
import Train

/// Makes images of texts, with progress, and reports: NNN.png, and a row of samples.jsonl for each.
struct ImageSession {
    let model: TextToImage
    let size: Size
    let options: SamplerOptions
    let guidance: Double
    let batchSize: Int
    let output: FilePath
    let reportsJSON: Bool

    private struct Result: Encodable {
        let name: String
        let image: String
        let prompt: String
        let seed: UInt64
        let size: String
        let status: String
    }

    func run(_ requests: [ImageRequest]) throws(PFrameError) {
        let madeFolder = !isFolder(output)
        try createFolder(output)
        do throws(PFrameError) { try make(requests) } catch {
            // A failure leaves nothing behind; a folder with images stays.
            if madeFolder { _ = output.withPlatformString { rmdir($0) } }
            throw error
        }
    }

    private func make(_ requests: [ImageRequest]) throws(PFrameError) {
        let progress = Progress(weights: requests.map { _ in 1 }, unit: "image", counted: "steps")
        var rows = try otherRows(than: requests)
        for start in stride(from: 0, to: requests.count, by: batchSize) {
            let batch = Array(requests[start..<min(start + batchSize, requests.count)])
            let images = try model.images(batch, size: size, options: options, guidance: guidance) {
                step throws(PFrameError) in
                for index in batch.indices {
                    progress.update(start + index, count: step, share: Double(step) / Double(options.steps))
                }
                if Interruption.isRequested {
                    let remedy = "the same command makes all of them"
                    throw PFrameError(
                        .interrupted, path: output,
                        "interrupted: \(start) of \(Format.quantity(requests.count, "image")) made; \(remedy)")
                }
            }
            for (index, (request, image)) in zip(batch, images).enumerated() {
                let file = output.appending(request.name + ".png")
                try image.write(to: file)
                rows[request.name] = row(of: request)
                let lines = rows.sorted { $0.key < $1.key }.map { $0.value.json() + "\n" }
                try replaceFile(output.appending(SampleFolder.tableName), with: lines.joined())
                progress.finish(start + index, message: nil)
                try show(request, file)
            }
        }
        guard !reportsJSON else { return }
        Console.output(
            "\(output): \(Format.quantity(requests.count, "image")) of \(size) in "
                + Format.duration(progress.elapsed))
    }

    /// Rows of images that stay.
    private func otherRows(than requests: [ImageRequest]) throws(PFrameError) -> [String: JSONValue] {
        let table = output.appending(SampleFolder.tableName)
        guard fileSize(table) != nil else { return [:] }
        var rows: [String: JSONValue] = [:]
        for (offset, line) in JSONLines(try readFile(table)) {
            let row = try JSONValue(line, path: table, offset: offset)
            guard row["run"] == nil else {
                throw PFrameError(.conflict, path: table, "the folder holds samples of videos: choose another one")
            }
            if let name = row["name"]?.string, fileSize(output.appending(name + ".png")) != nil { rows[name] = row }
        }
        for request in requests { rows[request.name] = nil }
        return rows
    }

    private func row(of request: ImageRequest) -> JSONValue {
        .object([
            "name": .text(request.name), "model": .text(model.folder.path.string), "prompt": .text(request.prompt),
            "negative_prompt": .text(request.negativePrompt),
            "seed": Int(exactly: request.seed).map { .integer($0) } ?? .text(String(request.seed)),
            "width": .integer(size.width), "height": .integer(size.height), "guidance": .number(guidance),
            "sampler": .text(options.kind.rawValue), "steps": .integer(options.steps), "eta": .number(options.eta),
            "precision": .text(model.precision.rawValue), "device": .text(model.device.kind.rawValue),
        ])
    }

    private func show(_ request: ImageRequest, _ file: FilePath) throws(PFrameError) {
        guard reportsJSON else { return }
        let result = Result(
            name: request.name, image: file.string, prompt: request.prompt, seed: request.seed,
            size: size.description, status: "done")
        do { try Console.json(result) } catch { throw PFrameError("cannot write the result: \(error)") }
    }
}
