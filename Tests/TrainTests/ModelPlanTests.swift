import Storage
import Testing
import Train

@Suite struct ModelPlanTests {
    /// 15 weights of 20 bytes, and a clip that keeps 4,000 bytes.
    private static func plan() throws -> ModelPlan {
        let store = ParameterStore(device: .meta)
        let weight = try store.root.parameter("weight", [3, 5], .constant(1))
        return try ModelPlan(store) { () throws(PFrameError) in
            _ = try weight.sum() * Tensor.zeros([1000], device: .meta)
        }
    }

    @Test func findsTheLargestBatch() throws {
        let plan = try Self.plan()
        // The sum of the weights is kept, too.
        #expect(plan.stateBytes == 300 && plan.clipBytes == 4004)
        #expect(plan.largestBatch(memory: 100_000) == (80_000 - 300) / 4004)
        #expect(plan.largestBatch(memory: 300) == 0 && plan.largestBatch(memory: 0) == 0)
    }

    @Test func findsASmallerBatch() throws {
        let plan = try Self.plan()
        let smaller = try #require(plan.smallerBatch(than: 64, memory: 100_000))
        #expect(smaller == (19, 4))
        // What the plan takes to fit did not: one less.
        let less = try #require(plan.smallerBatch(than: 8, accumulation: 3, memory: 100_000))
        #expect(less == (7, 4))
        let half = try #require(plan.smallerBatch(than: 8, accumulation: 2, memory: nil))
        #expect(half == (4, 4))
        #expect(plan.smallerBatch(than: 8, memory: 4000) == nil && plan.smallerBatch(than: 1, memory: nil) == nil)
    }

    /// Memory that no machine has.
    @Test func knowsErrorsOfMemory() throws {
        let error = #expect(throws: PFrameError.self) { _ = try Tensor.zeros([1 << 50]) }
        #expect(error?.code == .full && error?.isOutOfMemory == true, "\(String(describing: error))")
        #expect(error?.message.hasSuffix("take a smaller batch") == true)
        #expect(!PFrameError(.full, "the disk is full").isOutOfMemory)
    }
}
