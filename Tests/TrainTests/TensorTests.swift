import Storage
import TestSupport
import Testing
import Train

@Suite struct TensorTests {
    @Test func keepsWhatItWasMadeOf() throws {
        let tensor = try Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
        #expect(tensor.shape == [2, 3] && tensor.type == .float32 && tensor.device == .cpu)
        #expect(try tensor.permuted([1, 0]).floats() == [1, 4, 2, 5, 3, 6])
        #expect(try tensor.to(.bfloat16).bytes().count == 12)
    }

    @Test func countsNoMemoryOfTheProcessor() throws {
        let tensor = try Tensor.zeros([1 << 20])
        #expect(withExtendedLifetime(tensor) { Device.cpu.highestMemory } == 0)
    }

    @Test(.requires(.cuda)) func countsMemoryOnCUDA() throws {
        let tensor = try Tensor.zeros([1 << 20], device: .cuda)
        #expect(withExtendedLifetime(tensor) { Device.cuda.highestMemory } >= 4 << 20)
    }

    @Test func errorsSayWhatDoesNotFit() throws {
        let (left, right) = (try Tensor.zeros([2, 3]), try Tensor.zeros([2, 3]))
        let error = #expect(throws: PFrameError.self) { try left.matmul(right) }
        #expect(error?.description.contains("product of [2, 3] and [2, 3]") == true)
    }
}
