import Dataset
public import Storage
public import SystemPackage

/// Finds damaged and missing files in the folder of a run, and whether the run can resume and be sampled.
public struct RunCheck: Sendable {
    /// The name of the model's family; nil if the configuration cannot be read.
    public private(set) var model: String?
    /// Steps that the checkpoint holds; nil without one.
    public private(set) var step: Int?
    /// The total steps of the run.
    public private(set) var steps: Int?
    /// Bytes of the checkpoint.
    public private(set) var bytes = 0
    /// Lines of the metrics.
    public private(set) var lines = 0
    /// Pictures of its samples.
    public private(set) var pictures = 0
    /// What is wrong: each with its file, and what to do.
    public private(set) var findings: [PFrameError] = []

    /// Reads every file of a run.
    ///
    /// - Parameters:
    ///   - families: the families that the run may belong to.
    ///   - path: the folder of the run.
    public init(run path: FilePath, families: [any ModelFamily.Type]) {
        var found: [PFrameError] = []
        func attempt<Result>(_ body: () throws(PFrameError) -> Result) -> Result? {
            do throws(PFrameError) { return try body() } catch {
                found.append(error)
                return nil
            }
        }
        if let run = attempt({ () throws(PFrameError) in try RunFolder(path) }) {
            (model, steps) = (run.model, run.configuration["steps"]?.int)
            _ = attempt { () throws(PFrameError) in try (run.training(), run.precision(), run.dataset()) }
            bytes = fileSize(path.appending(Checkpoint.fileName)) ?? 0
            if let family = attempt({ () throws(PFrameError) in try run.family(of: families) }) {
                step = attempt { () throws(PFrameError) in try Self.checkCheckpoint(of: run, family) }
                _ = attempt { () throws(PFrameError) in try family.check(run) }
            }
        }
        if let last = attempt({ () throws(PFrameError) in try MetricsTable(run: path) }) {
            lines = last.steps.count
            if let step, step > last.steps.last ?? 0 {
                found.append(Self.shortMetrics(path, last.steps.last ?? 0, step))
            }
        }
        if let strips = attempt({ () throws(PFrameError) in try SampleStrips(run: path) }) {
            pictures = strips.files.count
            for file in attempt({ () throws(PFrameError) in try strips.damaged() }) ?? [] {
                found.append(PFrameError(.damaged, path: file, "is not a complete PNG file: remove it"))
            }
        }
        findings = found
    }

    /// Every tensor that the model of the configuration has must be there, and finite.
    ///
    /// - Returns: the step of the checkpoint.
    private static func checkCheckpoint(
        of run: RunFolder, _ family: any ModelFamily.Type
    ) throws(PFrameError) -> Int {
        guard RunFolder.hasCheckpoint(run.path) else {
            throw PFrameError(
                .missing, path: run.path,
                "has no checkpoint: it was stopped before the first checkpoint; train it again into this folder")
        }
        do throws(PFrameError) {
            let checkpoint = try Checkpoint(run: run.path, model: run.model)
            try checkpoint.verify(try family.parameters(of: run), parts: Checkpoint.parts)
            return checkpoint.step
        } catch {
            throw PFrameError(
                error.code, path: error.path,
                "\(error.message). The run cannot resume: restore a copy, or train it again")
        }
    }

    private static func shortMetrics(_ path: FilePath, _ last: Int, _ step: Int) -> PFrameError {
        PFrameError(
            .damaged, path: path.appending(MetricsLog.fileName),
            "ends at step \(last), and the checkpoint is of step \(step): lines are lost; training continues without them"
        )
    }
}

extension RunFolder {
    /// The family of its model.
    ///
    /// - Throws: `PFrameError` if it is none of `families`.
    public func family(of families: [any ModelFamily.Type]) throws(PFrameError) -> any ModelFamily.Type {
        guard let family = families.first(where: { $0.name == model }) else {
            throw PFrameError(
                .unsupported, path: path.appending(RunConfiguration.fileName), "names no model that this PFrame knows")
        }
        return family
    }
}
