import Storage

/// A picture parameter set (ITU-T H.264, 7.3.2.2).
struct PictureParameters: Equatable {
    let id: Int
    let sequence: Int
    let isCABAC: Bool
    let hasBottomOrder: Bool
    let sliceGroups: Int
    let activeReferences: [Int]
    let weightsP: Bool
    /// `weighted_bipred_idc`.
    let weightsB: Int
    let qp: Int
    let chromaOffset: Int
    private(set) var secondChromaOffset: Int
    let hasDeblockingControl: Bool
    let constrainedIntra: Bool
    let hasRedundantPictures: Bool
    private(set) var transform8x8 = false
    private(set) var scalingLists = ScalingLists()

    /// Reads a payload of type 8.
    ///
    /// - Parameter sequence: the sequence parameter set of an id.
    /// - Throws: `PFrameError` for what cannot be, and where the sequence's set is missing.
    init(_ payload: Payload, sequence lookup: (Int) -> SequenceParameters?) throws(PFrameError) {
        var bits = payload.bits
        id = bits.unsigned()
        let number = bits.unsigned()
        guard id < 256, number < 32, let sequence = lookup(number) else {
            throw PFrameError(.damaged, "a picture parameter set names no sequence parameter set that was sent")
        }
        self.sequence = number
        isCABAC = bits.flag()
        hasBottomOrder = bits.flag()
        sliceGroups = bits.unsigned() + 1
        if sliceGroups > 1 { Self.skipGroups(&bits, count: sliceGroups) }
        activeReferences = [bits.unsigned() + 1, bits.unsigned() + 1]
        weightsP = bits.flag()
        weightsB = bits.read(2)
        qp = 26 + bits.signed()
        _ = bits.signed()
        chromaOffset = bits.signed()
        hasDeblockingControl = bits.flag()
        constrainedIntra = bits.flag()
        hasRedundantPictures = bits.flag()
        secondChromaOffset = chromaOffset
        if let lists = sequence.scalingLists { scalingLists = lists }
        if bits.position < payload.stopBit {
            transform8x8 = bits.flag()
            if bits.flag() {
                let count = transform8x8 ? (sequence.chromaFormat == 3 ? 6 : 2) : 0
                scalingLists = ScalingLists(&bits, sequence: sequence.scalingLists, count8x8: count)
            }
            secondChromaOffset = bits.signed()
        }
        let isSane =
            !bits.isExhausted && sliceGroups <= 8 && activeReferences.allSatisfy { $0 <= 32 } && weightsB < 3
            && (0...51).contains(qp) && (-12...12).contains(chromaOffset) && (-12...12).contains(secondChromaOffset)
        guard isSane || (sequence.outOfScope != nil && !bits.isExhausted) else {
            throw PFrameError(.damaged, "a picture parameter set is damaged")
        }
    }

    private static func skipGroups(_ bits: inout BitReader, count: Int) {
        let groups = min(count, 8)
        switch bits.unsigned() {
        case 0: for _ in 0..<groups { _ = bits.unsigned() }
        case 2: for _ in 0..<(groups - 1) { (_, _) = (bits.unsigned(), bits.unsigned()) }
        case 3, 4, 5:
            _ = bits.flag()
            _ = bits.unsigned()
        case 6:
            let size = bits.unsigned()
            let width = groups > 4 ? 3 : groups > 2 ? 2 : 1
            for _ in 0...min(size, 139_264) { _ = bits.read(width) }
        default: break
        }
    }

    /// Why the library does not read pictures with this set; nil where it does.
    var outOfScope: String? { sliceGroups > 1 ? "slice groups (FMO)" : nil }
}

/// The parameter sets that a stream has sent so far.
struct ParameterSets {
    private var sequences: [Int: SequenceParameters] = [:]
    private var pictures: [Int: (Payload, PictureParameters)] = [:]

    /// Takes a payload of type 7 or 8; damaged sets are passed over, as slices that name them tell.
    mutating func insert(_ payload: Payload) {
        do throws(PFrameError) {
            if payload.type == 7 {
                let set = try SequenceParameters(payload)
                guard sequences[set.id] != set else { return }
                sequences[set.id] = set
                // What a picture's set says depends on the sequence's set.
                for (id, (kept, old)) in pictures where old.sequence == set.id { pictures[id] = read(kept) }
            } else {
                let set = try PictureParameters(payload) { sequences[$0] }
                guard pictures[set.id]?.1 != set else { return }
                let kept = Payload()
                kept.assign(UnsafeRawBufferPointer(start: payload.base, count: payload.count))
                pictures[set.id] = (kept, set)
            }
        } catch {
            return
        }
    }

    /// A picture parameter set that was sent before its sequence's set changed; nil where the two do not fit.
    private func read(_ payload: Payload) -> (Payload, PictureParameters)? {
        do throws(PFrameError) { return (payload, try PictureParameters(payload) { sequences[$0] }) } catch {
            return nil
        }
    }

    /// Whether a sequence's profile allows SP and SI slices and data partitioning.
    var isExtended: Bool { sequences.values.contains { $0.isExtended } }

    /// The sets that a slice's `pic_parameter_set_id` names; nil where one was not sent.
    func sets(_ id: Int) -> (SequenceParameters, PictureParameters)? {
        guard let picture = pictures[id]?.1, let sequence = sequences[picture.sequence] else { return nil }
        return (sequence, picture)
    }
}
