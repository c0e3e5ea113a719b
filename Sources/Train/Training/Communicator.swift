import CMPI
internal import Dataset
import Glibc

/// The processes that train one model together, over MPI.
///
/// Every rank makes the same calls in the same order, one thread at a time. A rank that ends, by a signal or an error, is
/// noticed by the launcher, which ends the others; one that stays silent is noticed by those that wait for it: after
/// `patience` they throw, and whoever holds the error ends all ranks with `abort`.
///
/// ```
/// let communicator = try Communicator.open()
/// do { try train(communicator); try communicator?.close() } catch { communicator?.abort("\(error)"); throw error }
/// ```
public final class Communicator {
    /// This process among them, from 0.
    public let rank: Int
    /// Processes in all, at least 2.
    public let ranks: Int
    /// How long the other ranks may be silent.
    public let patience: Duration
    /// The step of training, for messages.
    public var step = 0
    /// What MPI still reads and writes; it must outlive an error.
    private var underway: [Request] = []
    private let letters: Letters

    /// An operation that was started, and the memory that it works on.
    public final class Request {
        fileprivate var value = pf_mpi_no_request()
        fileprivate var isDone = false
        private let memory: Tensor?

        fileprivate init(_ memory: Tensor?) { self.memory = memory }
    }

    private init(rank: Int, ranks: Int, patience: Duration) {
        (self.rank, self.ranks, self.patience) = (rank, ranks, patience)
        letters = Letters(rank: rank, ranks: ranks)
    }

    /// Joins the processes that a launcher (`mpirun`, `srun`) started; nil, and no call of MPI, where there are none.
    ///
    /// Once a process: `MPI_Init_thread`, for calls from one thread at a time, since libtorch computes the gradients of a
    /// device other than the CPU on a thread of its own.
    ///
    /// - Parameter patience: how long a rank may be silent before the others give up; more than the longest that one rank
    ///   may be ahead of another.
    /// - Throws: `TrainError` where MPI does not find the processes that the launcher's variables tell of.
    public static func open(patience: Duration = .seconds(60)) throws(TrainError) -> Communicator? {
        guard let launched = BuildPart.ofLauncher else { return nil }
        var (served, rank, ranks) = (false, Int32(0), Int32(0))
        try check(pf_mpi_open(&served), "starting MPI")
        try check(pf_mpi_rank(&rank), "asking MPI for the rank")
        try check(pf_mpi_ranks(&ranks), "asking MPI for the ranks")
        guard ranks == launched.count else {
            throw TrainError(
                "\(launched.origin) tell of \(launched.count) processes, but MPI finds \(ranks): start them with the "
                    + "mpirun of the MPI that this program is linked with, or with srun --mpi=pmix")
        }
        guard served else { throw TrainError("this MPI allows no threads: install one that was built with them") }
        return Communicator(rank: Int(rank), ranks: Int(ranks), patience: patience)
    }

    /// Leaves, once all ranks do: `MPI_Finalize`. A process that ends without it ends the others.
    public func close() throws(TrainError) {
        try barrier()
        try Self.check(MPI_Finalize(), "leaving MPI")
    }

    /// Says what went wrong and ends all ranks: `MPI_Abort`.
    ///
    /// - Parameter tell: prints a line; on standard error unless given.
    public func abort(_ message: String, tell: (String) -> Void = Communicator.printError) -> Never {
        tell("rank \(rank) of \(ranks): \(message)")
        pf_mpi_abort(1)
        exit(1)
    }

    /// Prints a line on standard error.
    public static func printError(_ line: String) {
        _ = (line + "\n").utf8.withContiguousStorageIfAvailable { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    /// Waits until all ranks are here.
    ///
    /// - Parameter patience: another than the usual where one rank does something long alone, such as drawing samples.
    public func barrier(patience: Duration? = nil) throws(TrainError) {
        let request = try start(nil, "waiting for all ranks") { _, request in pf_mpi_start_barrier(&request) }
        try wait([request], patience: patience)
    }

    /// Overwrites the tensor with that of rank `root`; shape and type are the same everywhere.
    public func broadcast(_ tensor: Tensor, from root: Int = 0) throws(TrainError) {
        let bytes = try tensor.bytes()
        let received = try broadcast(bytes, from: root)
        guard received.count == bytes.count else {
            throw TrainError("rank \(root) has \(received.count) bytes where rank \(rank) has \(bytes.count)")
        }
        guard rank != root else { return }
        try received.withUnsafeBufferPointer { (bytes) throws(TrainError) in
            try tensor.set(UnsafeRawBufferPointer(bytes))
        }
    }

    /// The bytes of rank `root`.
    public func broadcast(_ bytes: [UInt8], from root: Int = 0) throws(TrainError) -> [UInt8] {
        let length = Int(try sum([rank == root ? Double(bytes.count) : 0])[0])
        var result: [UInt8] = []
        result.reserveCapacity(length)
        // In pieces: each has the whole of the patience, and a length that fits MPI's 32 bits.
        for start in stride(from: 0, to: length, by: 64 << 20) {
            let size = min(64 << 20, length - start)
            let piece =
                rank == root
                ? try bytes[start..<start + size].withUnsafeBufferPointer { (part) throws(TrainError) in
                    try Tensor(bytes: UnsafeRawBufferPointer(part), type: .uint8, shape: [size])
                } : try Tensor.zeros([size], type: .uint8)
            let request = try self.start(piece, "broadcasting") { memory, request in
                pf_mpi_start_broadcast(memory, Int32(size), Int32(root), &request)
            }
            try wait([request])
            result += try piece.bytes()
        }
        return result
    }

    /// The sum over all ranks, number by number: metrics. Every rank gets the same bits.
    public func sum(_ values: [Double]) throws(TrainError) -> [Double] {
        guard !values.isEmpty else { return [] }
        let tensor = try values.withUnsafeBufferPointer { (values) throws(TrainError) in
            try Tensor(bytes: UnsafeRawBufferPointer(values), type: .float64, shape: [values.count])
        }
        try wait([startSum(of: tensor)])
        return try tensor.withBytes { Array($0.bindMemory(to: Double.self)) }
    }

    /// Whether any rank wants to stop: the same answer everywhere, so that all stop at the same step.
    ///
    /// One small reduction; where metrics are summed in every step, the wish can travel among them as a 0 or 1 instead.
    public func agreeToStop(_ wants: Bool) throws(TrainError) -> Bool { try sum([wants ? 1 : 0])[0] > 0 }

    /// Starts to sum a dense float32 or float64 tensor on the CPU over all ranks, in place: `MPI_Iallreduce`.
    ///
    /// The tensor must be left alone until `wait` returns.
    public func startSum(of tensor: Tensor) throws(TrainError) -> Request {
        precondition(tensor.type == .float32 || tensor.type == .float64, "sums are of float32 or float64")
        guard let count = Int32(exactly: tensor.count) else {
            throw TrainError("\(tensor.count) elements in one sum, more than MPI can count: take smaller buckets")
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
    ) throws(TrainError) -> Request {
        let request = Request(memory)
        if let memory {
            // The pointer outlives the closure in MPI: the request keeps the tensor, and `underway` the request.
            try memory.withMutableBytes { (raw) throws(TrainError) in
                guard let base = raw.baseAddress else { return request.isDone = true }
                try Self.check(call(base, &request.value), what)
            }
        } else {
            var nothing: UInt8 = 0
            try Self.check(call(&nothing, &request.value), what)
        }
        if !request.isDone { underway.append(request) }
        return request
    }

    /// Lets MPI proceed with what is under way: it does so only within calls.
    public func proceed() throws(TrainError) {
        for request in underway { try test(request) }
        underway.removeAll { $0.isDone }
    }

    private func test(_ request: Request) throws(TrainError) {
        guard !request.isDone else { return }
        try Self.check(pf_mpi_test(&request.value, &request.isDone), "exchanging at step \(step)")
    }

    /// Waits until the operations are done.
    ///
    /// - Throws: `TrainError` that names the ranks which gave no answer where none of the operations was done for as long
    ///   as the patience lasts.
    public func wait(_ requests: [Request], patience: Duration? = nil) throws(TrainError) {
        let patience = patience ?? self.patience
        for request in requests {
            var wait = Wait()
            while !request.isDone {
                try proceed()
                if request.isDone { break }
                guard wait.isLong else { continue }
                try letters.answer()
                if wait.waited > patience / 2 { try letters.ask() }
                if wait.waited > patience { throw silence(patience) }
            }
            letters.forget()
        }
    }

    private func silence(_ patience: Duration) -> TrainError {
        let silent = letters.silent
        let seconds = Double(patience.components.seconds) + Double(patience.components.attoseconds) * 1e-18
        let duration = "for \(seconds == seconds.rounded() ? String(Int(seconds)) : String(seconds)) s at step \(step)"
        if silent.isEmpty {
            return TrainError("all ranks answer, but none got on \(duration): ending; do all run the same program?")
        }
        let who = (silent.count == 1 ? "rank " : "ranks ") + silent.map(String.init).joined(separator: ", ")
        return TrainError("\(who) of \(ranks) gave no answer \(duration): ending; is it stopped, or its node down?")
    }

    /// The one place where a code of MPI becomes an error.
    static func check(_ code: Int32, _ what: @autoclosure () -> String) throws(TrainError) {
        guard !pf_mpi_is_success(code) else { return }
        var length: Int32 = 0
        let text = [UInt8](unsafeUninitializedCapacity: Int(PF_MPI_MESSAGE_LENGTH)) { buffer, initialized in
            buffer.withMemoryRebound(to: CChar.self) { _ = MPI_Error_string(code, $0.baseAddress, &length) }
            initialized = Int(length)
        }
        throw TrainError("\(what()): \(String(decoding: text, as: UTF8.self))")
    }
}

@available(*, unavailable)
extension Communicator: Sendable {}

@available(*, unavailable)
extension Communicator.Request: Sendable {}

/// How long a rank has been waiting.
private struct Wait {
    private(set) var waited = Duration.zero
    private var last = ContinuousClock.now

    /// Lets others run; whether it has been long enough that looking for letters costs nothing.
    var isLong: Bool {
        mutating get {
            // What the wait is for is mostly computed on these same cores.
            if waited < .milliseconds(5) { sched_yield() } else { usleep(50) }
            let now = ContinuousClock.now
            // Where all processes were suspended, as batch systems do, that time is nobody's silence.
            waited += min(now - last, .seconds(1))
            last = now
            return waited >= .milliseconds(5)
        }
    }
}

/// Questions and answers by which a rank that waits finds out who else is there.
///
/// Half of the patience after it began to wait, a rank asks the others; those that wait too answer.
private final class Letters {
    private static let (question, answer): (Int32, Int32) = (1, 2)
    private let rank: Int
    private let ranks: Int
    /// The number of the question; an answer to an earlier one says nothing about now.
    private var number: Int64 = 0
    private var hasAsked = false
    private var answered: Set<Int> = []
    /// What MPI may still read of the last question and of the last answer to each rank: never freed before it ends.
    private let pages: UnsafeMutablePointer<Int64>

    init(rank: Int, ranks: Int) {
        (self.rank, self.ranks) = (rank, ranks)
        pages = .allocate(capacity: ranks + 1)
        pages.initialize(repeating: 0, count: ranks + 1)
    }

    /// Those who did not answer the last question.
    var silent: [Int] { (0..<ranks).filter { $0 != rank && !answered.contains($0) } }

    /// Asks all others, once a wait.
    func ask() throws(TrainError) {
        guard !hasAsked else { return }
        (hasAsked, number) = (true, number + 1)
        pages[ranks] = number
        for other in 0..<ranks where other != rank {
            try Communicator.check(pf_mpi_send(pages + ranks, Int32(other), Self.question), "asking rank \(other)")
        }
    }

    /// Reads what came and answers questions.
    func answer() throws(TrainError) {
        var (number, other, tag, found) = (Int64(0), Int32(0), Int32(0), true)
        while true {
            try Communicator.check(pf_mpi_receive(&number, &other, &tag, &found), "reading an answer")
            guard found else { return }
            if tag == Self.question {
                pages[Int(other)] = number
                try Communicator.check(pf_mpi_send(pages + Int(other), other, Self.answer), "answering rank \(other)")
            } else if number == self.number {
                answered.insert(Int(other))
            }
        }
    }

    /// Ends a wait.
    func forget() {
        hasAsked = false
        answered.removeAll(keepingCapacity: true)
    }
}
