import Dataset
import Shards
import Testing

/// Which share of the work a process takes, by option or launcher.
@Suite struct BuildPartTests {
    @Test(arguments: [("0/1", 0, 1), ("3/64", 3, 64), ("63/64", 63, 64)])
    func readsParts(_ text: String, _ index: Int, _ count: Int) throws {
        let part = try #require(BuildPart(text))
        #expect(part.index == index && part.count == count)
        #expect((0..<200).filter { part.contains($0) } == Array(stride(from: index, to: 200, by: count)))
    }

    @Test(arguments: ["", "3", "3/", "/3", "3/3", "-1/3", "1/0", "1/2/3", "a/b", "1.0/2"])
    func refusesWhatIsNoPart(_ text: String) { #expect(BuildPart(text) == nil) }

    @Test func asksTheLauncher() {
        func part(_ environment: [String: String]) -> [Int]? {
            BuildPart(environment: environment).map { [$0.index, $0.count] }
        }
        #expect(part(["OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"]) == [1, 2])
        #expect(part(["PMI_RANK": "3", "PMI_SIZE": "4"]) == [3, 4])
        #expect(part(["RANK": "0", "WORLD_SIZE": "8"]) == [0, 8])
        #expect(part(["SLURM_PROCID": "5", "SLURM_NTASKS": "6", "SLURM_STEP_ID": "0"]) == [5, 6])
        // The script of a batch job sees the numbers of the whole job; it is no task of it.
        #expect(part(["SLURM_PROCID": "0", "SLURM_NTASKS": "6"]) == nil)
        #expect(part([:]) == nil && part(["RANK": "0", "WORLD_SIZE": "1"]) == nil)
        #expect(part(["RANK": "9", "WORLD_SIZE": "8"]) == nil && part(["RANK": "x", "WORLD_SIZE": "8"]) == nil)
    }
}
