import Codec
import Dataset
import MotionVectors
import Storage
import SystemPackage
import ToolOptions
import Train

/// Makes the clips that are not there yet, with progress, and reports.
struct SamplingSession {
    let sampler: VideoSampler
    var folder: SampleFolder
    let reportsJSON: Bool

    private struct Result: Encodable {
        let name: String
        let video: String
        let prompt: String
        let seed: UInt64
        let frames: Int
        let status: String
    }

    mutating func run(_ requests: [SampleRequest]) throws(PFrameError) {
        do throws(PFrameError) { try make(requests) } catch {
            folder.removeIfEmpty()
            throw error
        }
    }

    private mutating func make(_ requests: [SampleRequest]) throws(PFrameError) {
        let pending = try folder.begin(requests, batchSize: sampler.batchSize)
        let before = Set(requests.map(\.name)).subtracting(pending.map(\.name))
        for request in requests where before.contains(request.name) { try show(request, "up-to-date") }
        let progress = Progress(weights: pending.map { _ in 1 }, unit: "clip")
        let frames = sampler.frames
        let sizes = sampler.sizes.filter { size in requests.contains { $0.size == size } }
        var (folder, finished) = (folder, 0)
        defer { self.folder = folder }
        let isWhole = try sampler.sample(
            pending, shouldStop: { Interruption.isRequested },
            progress: { done in
                for index in finished..<min(pending.count, finished + sampler.batchSize) {
                    let share = (done - Double(finished)) / Double(min(pending.count - finished, sampler.batchSize))
                    progress.update(index, count: Int(share * Double(frames)), share: share)
                }
            },
            made: { request, clip throws(PFrameError) in
                try folder.write(clip, of: request)
                progress.finish(finished, message: nil)
                finished += 1
                try show(request, "done")
            })
        guard isWhole else {
            throw PFrameError(
                path: folder.path,
                "interrupted: \(finished) of \(Format.quantity(pending.count, "clip")) made; the same command makes "
                    + "the rest")
        }
        guard !reportsJSON else { return }
        let there = before.isEmpty ? "" : ", \(Format.count(before.count)) there before"
        Console.output(
            "\(folder.path): \(Format.quantity(finished, "clip")) of \(frames) frames at "
                + "\(sizes.map(\.description).joined(separator: ", ")) in "
                + "\(Format.duration(progress.elapsed))\(there)")
    }

    private func show(_ request: SampleRequest, _ status: String) throws(PFrameError) {
        guard reportsJSON else { return }
        let files = folder.files(request.name)
        let result = Result(
            name: files.name, video: files.video.string, prompt: request.caption, seed: request.seed,
            frames: sampler.frames, status: status)
        do { try Console.json(result) } catch { throw PFrameError("cannot write the result: \(error)") }
    }
}
