public import Storage
public import SystemPackage

/// The families that the commands know: a line each.
public enum ModelRegistry: Sendable {
    /// In the order in which help lists them.
    public static let families: [any ModelFamily.Type] = [
        ResidualVAE.self,
        EDVDM.self,
        DVDM.self,
        VDM.self,
    ]

    /// The family with the name; nil if no family has the name.
    public static func family(named name: String) -> (any ModelFamily.Type)? { families.first { $0.name == name } }
}

extension TrainedModel {
    /// Opens a run of a family that the commands know.
    ///
    /// - Throws: `PFrameError` if the folder holds no run, one of a family that makes no clips, or one of which a part
    ///   is missing or damaged.
    public init(run path: FilePath, precision: Precision = .float32, device: Device = .cpu) throws(PFrameError) {
        let run = try RunFolder(path)
        try self.init(run, of: run.family(of: ModelRegistry.families), precision: precision, device: device)
    }
}
