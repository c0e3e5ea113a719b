import Storage
import Testing
import Train

@Suite struct DeviceChoiceTests {
    private static let two = ["OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"]

    @Test(arguments: ["cpu", "cuda", "cuda:0", "cuda:17"]) func reads(text: String) throws {
        #expect(try #require(DeviceChoice(text)).description == text)
    }

    @Test(arguments: ["", "meta", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:+1", "cuda:x", "cuda:1:2", "cpu:0"])
    func readsNothingElse(text: String) { #expect(DeviceChoice(text) == nil) }

    /// The first of the variables counts; a process alone takes the first GPU, whatever they say.
    @Test(
        arguments: [
            ([:], 0), (["LOCAL_RANK": "1"], 0), (["SLURM_LOCALID": "1", "SLURM_NTASKS": "1"], 0),
            (two.merging(["OMPI_COMM_WORLD_LOCAL_RANK": "1"]) { $1 }, 1),
            (two.merging(["OMPI_COMM_WORLD_LOCAL_RANK": "0", "SLURM_LOCALID": "2", "LOCAL_RANK": "3"]) { $1 }, 0),
            (["PMI_RANK": "3", "PMI_SIZE": "4", "MPI_LOCALRANKID": "3", "LOCAL_RANK": "0"], 3),
            (["SLURM_PROCID": "6", "SLURM_NTASKS": "8", "SLURM_STEP_ID": "0", "SLURM_LOCALID": "2"], 2),
            (["RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"], 1),
        ] as [([String: String], Int)])
    func takesTheGPUOfTheLocalRank(variables: [String: String], index: Int) throws {
        let choice = try #require(DeviceChoice("cuda"))
        let device = try choice.device(variables: variables) { 4 }
        #expect(device == Device(cuda: index) && device.description == "cuda:\(index)")
    }

    @Test func takesTheGPUThatIsNamed() throws {
        let variables = Self.two.merging(["OMPI_COMM_WORLD_LOCAL_RANK": "1"]) { $1 }
        #expect(try DeviceChoice("cuda:3")?.device(variables: variables) { 4 } == Device(cuda: 3))
        // A process to which the launcher shows one GPU of its own.
        #expect(try DeviceChoice("cuda:0")?.device(variables: variables) { 1 } == .cuda)
    }

    @Test func theProcessorNeedsNoCount() throws {
        let device = try DeviceChoice.cpu.device(variables: Self.two) { () throws(PFrameError) in
            throw PFrameError("nobody counts")
        }
        #expect(device == .cpu)
    }

    @Test(
        arguments: [
            ("cuda:4", [:], 4, "there is no cuda:4: this process sees 4 GPUs, cuda:0 to cuda:3"),
            ("cuda:1", [:], 1, "there is no cuda:1: this process sees one GPU, cuda:0"),
            (
                "cuda", two.merging(["OMPI_COMM_WORLD_LOCAL_RANK": "1"]) { $1 }, 1,
                "there is no GPU for process 1 of this machine (OMPI_COMM_WORLD_LOCAL_RANK): this process sees one GPU, "
                    + "cuda:0. Start at most as many processes per machine as it has GPUs; where each process sees a GPU of "
                    + "its own, ask for cuda:0"
            ),
            (
                "cuda", two, 4,
                "OMPI_COMM_WORLD_RANK and OMPI_COMM_WORLD_SIZE tell of 2 processes, but no variable says which process of "
                    + "its machine this is (OMPI_COMM_WORLD_LOCAL_RANK, MPI_LOCALRANKID, SLURM_LOCALID, LOCAL_RANK): ask "
                    + "for a GPU by its number, such as cuda:0"
            ),
        ] as [(String, [String: String], Int, String)])
    func refusesWhatIsNotThere(choice: String, variables: [String: String], count: Int, message: String) throws {
        let error = #expect(throws: PFrameError.self) {
            _ = try DeviceChoice(choice)?.device(variables: variables) { count }
        }
        #expect(error?.message == message && error?.code == .missing)
    }
}
