import CMPI
internal import Dataset
import Glibc
import Shards
public import Storage
import Synchronization

/// The processes that train one model together, over MPI.
///
/// Calls come from one thread at a time. If a rank ends, by a signal or an error, the launcher ends the other ranks. Ranks
/// wait for another rank as long as that rank computes or waits for a disk (``usingStorage(_:)``); it answers whenever they
/// ask. A rank that neither works nor waits, or is stopped, gives no answer. After `patience` the waiting ranks throw, and
/// the catcher of the error ends all ranks with `abort`.
///
/// ```
/// let communicator = try Communicator.open()
/// do { try train(communicator); try communicator?.close() } catch { communicator?.abort("\(error)"); throw error }
/// ```
public final class Communicator: Collective {
    /// This process among them, from 0.
    public let rank: Int
    /// Processes in all, at least 2.
    public let ranks: Int
    /// The processor: MPI sums and copies its memory.
    public var device: Device { .cpu }
    /// How long another rank may give no answer.
    public let patience: Duration
    /// The step of training, for messages.
    public var step = 0
    /// What MPI still reads and writes; it must outlive an error.
    private var underway: [Request] = []
    private let letters: RankLetters
    /// The GPUs of the same ranks, until they leave.
    private var gpus: NCCLCollective?
    /// Calls of MPI come from one thread at a time.
    private static let calls = Mutex(())

    /// An operation that was started, and the memory that it works on.
    private final class Request: Reduction {
        var value = pf_mpi_no_request()
        var isDone = false
        private let memory: Tensor?
        private unowned let communicator: Communicator

        init(_ memory: Tensor?, _ communicator: Communicator) {
            (self.memory, self.communicator) = (memory, communicator)
        }

        /// As long as other ranks work.
        func wait() throws(PFrameError) { try communicator.wait(for: self) }
    }

    private init(rank: Int, ranks: Int, patience: Duration) {
        (self.rank, self.ranks, self.patience) = (rank, ranks, patience)
        letters = RankLetters(rank: rank, ranks: ranks, patience: patience / 2)
    }

    /// Joins the processes that a launcher (`mpirun`, `srun`) started; nil, and no call of MPI, if there are none.
    ///
    /// Call once per process: `MPI_Init_thread` for calls from one thread at a time. A separate thread answers the
    /// other ranks, and libtorch computes the gradients of a device other than the CPU on another thread.
    ///
    /// - Parameter patience: how long a rank may give no answer before the others give up.
    /// - Throws: `PFrameError` if MPI does not find the processes that the launcher's variables name.
    public static func open(patience: Duration = .seconds(60)) throws(PFrameError) -> Communicator? {
        guard let launched = BuildPart.ofLauncher else { return nil }
        var (served, rank, ranks) = (false, Int32(0), Int32(0))
        try check(pf_mpi_open(&served), "starting MPI")
        try check(pf_mpi_rank(&rank), "asking MPI for the rank")
        try check(pf_mpi_ranks(&ranks), "asking MPI for the ranks")
        guard ranks == launched.count else {
            throw PFrameError(
                "\(launched.origin ?? "the options") tell of \(launched.count) processes, but MPI finds \(ranks): start them with the "
                    + "mpirun of the MPI that this program is linked with, or with srun --mpi=pmix")
        }
        guard served else { throw PFrameError("this MPI allows no threads: install one that was built with them") }
        return Communicator(rank: Int(rank), ranks: Int(ranks), patience: patience)
    }

    /// Leaves, once all ranks do: `MPI_Finalize`. A process that ends without it ends the others.
    public func close() throws(PFrameError) {
        try barrier()
        try gpus?.close()
        gpus = nil
        letters.close()
        try Self.check(MPI_Finalize(), "leaving MPI")
    }

    /// Prints the error and ends all ranks: `MPI_Abort`.
    ///
    /// - Parameters:
    ///   - tell: prints a line. Default: on standard error.
    ///   - message: what to print.
    public func abort(_ message: String, tell: (String) -> Void = Communicator.printError) -> Never {
        tell("rank \(rank) of \(ranks): \(message)")
        Self.calls.withLock { _ in pf_mpi_abort(1) }
        exit(1)
    }

    /// Prints a line on standard error.
    public static func printError(_ line: String) {
        _ = (line + "\n").utf8.withContiguousStorageIfAvailable { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    /// What sums and copies the tensors of a device: NCCL those of a GPU, else MPI.
    ///
    /// - Throws: `PFrameError` if NCCL is missing or cannot join the GPUs of all ranks.
    package func collective(on device: Device) throws(PFrameError) -> any Collective {
        guard device.kind == .cuda else { return self }
        let made = try NCCLCollective(NCCL(), device: device, host: self)
        gpus = made
        return made
    }

    /// Waits until all ranks are here: `MPI_Ibarrier`.
    public func barrier() throws(PFrameError) {
        try start(nil, "waiting for all ranks") { _, request in pf_mpi_start_barrier(&request) }.wait()
    }

    /// Reads or writes slowly: however long a disk or a network takes, the other ranks learn that this rank works.
    public func usingStorage<Result>(_ body: () throws(PFrameError) -> Result) throws(PFrameError) -> Result {
        letters.storage(1)
        defer { letters.storage(-1) }
        return try body()
    }

    /// Overwrites a dense tensor on the CPU with the tensor of rank `root`: `MPI_Ibcast`.
    public func broadcast(_ tensor: Tensor, from root: Int) throws(PFrameError) {
        // A tensor that is not dense is refused, not copied.
        try tensor.withBytes { _ in }
        // In pieces: each has the whole of the patience, and a length that fits MPI's 32 bits.
        let (flat, length) = (try tensor.reshaped([-1]), (64 << 20) / tensor.type.size)
        for place in stride(from: 0, to: tensor.count, by: length) {
            let piece = try flat.sliced(place..<min(place + length, tensor.count), along: 0)
            let bytes = Int32(piece.count * piece.type.size)
            try start(piece, "broadcasting") { memory, request in
                pf_mpi_start_broadcast(memory, bytes, Int32(root), &request)
            }.wait()
        }
    }

    /// The sum over all ranks, number by number: metrics. Every rank gets the same bits.
    public func sum(_ values: [Double]) throws(PFrameError) -> [Double] {
        guard !values.isEmpty else { return [] }
        let tensor = try values.withUnsafeBufferPointer { (values) throws(PFrameError) in
            try Tensor(bytes: UnsafeRawBufferPointer(values), type: .float64, shape: [values.count])
        }
        try allReduce(tensor).wait()
        return try tensor.withBytes { Array($0.bindMemory(to: Double.self)) }
    }

    /// Whether any rank wants to stop. All ranks get the same answer, so all ranks stop at the same step.
    ///
    /// One small reduction. If metrics are summed in every step, the wish can be one of the metrics, as 0 or 1.
    public func agreeToStop(_ wants: Bool) throws(PFrameError) -> Bool { try sum([wants ? 1 : 0])[0] > 0 }

    /// Starts to sum a dense float32 or float64 tensor on the CPU over all ranks, in place: `MPI_Iallreduce`.
    public func allReduce(_ tensor: Tensor) throws(PFrameError) -> any Reduction {
        precondition(tensor.type == .float32 || tensor.type == .float64, "sums are of float32 or float64")
        guard let count = Int32(exactly: tensor.count) else {
            throw PFrameError("\(tensor.count) elements in one sum, more than MPI can count: take smaller buckets")
        }
        let isFloat = tensor.type == .float32
        return try start(tensor, "starting a sum") { memory, request in
            isFloat
                ? pf_mpi_start_sum_of_floats(memory, count, &request)
                : pf_mpi_start_sum_of_doubles(memory, count, &request)
        }
    }

    private func start(
        _ memory: Tensor?, _ what: String, _ call: (UnsafeMutableRawPointer, inout pf_mpi_request) -> Int32
    ) throws(PFrameError) -> Request {
        let request = Request(memory, self)
        if let memory {
            // The pointer outlives the closure in MPI: the request keeps the tensor, and `underway` the request.
            try memory.withMutableBytes { (raw) throws(PFrameError) in
                guard let base = raw.baseAddress else { preconditionFailure("a tensor without elements") }
                try Self.check(call(base, &request.value), what)
            }
        } else {
            var nothing: UInt8 = 0
            try Self.check(call(&nothing, &request.value), what)
        }
        underway.append(request)
        return request
    }

    /// Lets MPI proceed with running transfers, which it does only within calls.
    public func proceed() throws(PFrameError) {
        for request in underway { try test(request) }
        underway.removeAll { $0.isDone }
    }

    private func test(_ request: Request) throws(PFrameError) {
        guard !request.isDone else { return }
        try Self.check(pf_mpi_test(&request.value, &request.isDone), "exchanging at step \(step)")
    }

    /// Waits until an operation is done, for as long as other ranks work.
    ///
    /// - Throws: `PFrameError` that names the ranks which gave no answer for as long as the patience lasts, or says that
    ///   all ranks wait.
    private func wait(for request: Request) throws(PFrameError) {
        letters.wait(true)
        defer { letters.wait(false) }
        var (wait, hasAsked) = (Wait(), false)
        while !request.isDone {
            try proceed()
            if request.isDone { break }
            guard wait.isLong, wait.waited > patience / 2 else { continue }
            if wait.waited > patience {
                let answers = try letters.answers
                guard answers.silent.isEmpty, answers.someoneWorks else { throw silence(answers.silent) }
                wait.begin(at: patience / 2)
                hasAsked = false
            }
            if !hasAsked { try letters.ask() }
            hasAsked = true
        }
    }

    private func silence(_ silent: [Int]) -> PFrameError {
        let seconds = Double(patience.components.seconds) + Double(patience.components.attoseconds) * 1e-18
        let duration = "for \(seconds == seconds.rounded() ? String(Int(seconds)) : String(seconds)) s at step \(step)"
        if silent.isEmpty {
            return PFrameError("all ranks wait, and none got on \(duration): ending; do all run the same program?")
        }
        let who = (silent.count == 1 ? "rank " : "ranks ") + silent.map(String.init).joined(separator: ", ")
        return PFrameError("\(who) of \(ranks) gave no answer \(duration): ending; is it stopped, or its node down?")
    }

    /// The one place where a code of MPI becomes an error.
    static func check(_ call: @autoclosure () -> Int32, _ what: @autoclosure () -> String) throws(PFrameError) {
        let code = calls.withLock { _ in call() }
        guard !pf_mpi_is_success(code) else { return }
        var length: Int32 = 0
        let text = [UInt8](unsafeUninitializedCapacity: Int(PF_MPI_MESSAGE_LENGTH)) { buffer, initialized in
            _ = calls.withLock { _ in
                buffer.withMemoryRebound(to: CChar.self) { MPI_Error_string(code, $0.baseAddress, &length) }
            }
            initialized = Int(length)
        }
        throw PFrameError("\(what()): \(String(decoding: text, as: UTF8.self))")
    }
}

@available(*, unavailable)
extension Communicator: Sendable {}

extension Communicator? {
    /// As of the communicator; without one, the work alone.
    func usingStorage<Result>(_ body: () throws(PFrameError) -> Result) throws(PFrameError) -> Result {
        guard let communicator = self else { return try body() }
        return try communicator.usingStorage(body)
    }
}

/// How long a rank has been waiting.
private struct Wait {
    private(set) var waited = Duration.zero
    private var last = ContinuousClock.now

    /// Lets others run; whether it has been long enough that looking for answers costs nothing.
    var isLong: Bool {
        mutating get {
            // What the wait is for is mostly computed on these same cores.
            if waited < .milliseconds(5) { sched_yield() } else { usleep(waited < .seconds(1) ? 50 : 1000) }
            let now = ContinuousClock.now
            // Where all processes were suspended, as batch systems do, that time is nobody's silence.
            waited += min(now - last, .seconds(1))
            last = now
            return waited >= .milliseconds(5)
        }
    }

    /// Starts over, as one that has waited so long.
    mutating func begin(at waited: Duration) { self.waited = waited }
}
