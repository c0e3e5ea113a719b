import Dataset
import Foundation
import Storage
import Testing

/// `Codable` values as JSON, compared with Foundation's encoder and decoder.
@Suite struct JSONCodingTests {
    private enum Shape: String, Codable { case round, square }

    private struct Inner: Codable, Equatable {
        var beta1 = 0.9
        var names = ["a", "b"]
    }

    private struct Options: Codable, Equatable {
        var shape = Shape.square
        var unetWidth = 32
        var zeroTerminalSNR = true
        var minSNR: Double?
        var small: UInt8 = 7
        var single: Float = 0.5
        var lists = [[1, 2], [], [3]]
        var inner = Inner()
        var byName = ["x": Inner(beta1: 1, names: [])]
    }

    @Test func equalsFoundation() throws {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        for options in [Options(), Options(shape: .round, minSNR: 5, lists: [])] {
            let found = try JSONValue(encoding: options)
            var expected = try JSONValue(Array(encoder.encode(options)), path: nil).members ?? [:]
            // Foundation leaves nil out, and writes 1.0 as 1.
            expected["min_snr"] = options.minSNR.map { .number($0) } ?? .null
            expected["by_name"] = .object(["x": .object(["beta1": .number(1), "names": .list([])])])
            #expect(found == .object(expected))
            #expect(try found.decoded(as: Options.self) == options)
        }
    }

    @Test func wholeNumbersAreNumbersToo() throws {
        #expect(try JSONValue.integer(3).decoded(as: Double.self) == 3)
        #expect(throws: PFrameError.self) { try JSONValue.number(3).decoded(as: Int.self) }
        #expect(throws: PFrameError.self) { try JSONValue.integer(300).decoded(as: UInt8.self) }
        #expect(throws: PFrameError.self) { try JSONValue(encoding: UInt64.max) }
    }

    @Test(arguments: [
        ("unet_width", JSONValue?.none, "unet_width"), ("unet_width", .text("wide"), "unet_width"),
        ("shape", .text("flat"), "shape"), ("inner", .object(["names": .list([])]), "inner.beta1"),
        ("lists", .list([.list([.integer(1)]), .list([.null])]), "lists.1.0"),
    ])
    func namesWhatIsWrong(_ member: String, _ value: JSONValue?, _ name: String) throws {
        var members = try #require(try JSONValue(encoding: Options()).members)
        members[member] = value
        let error = #expect(throws: PFrameError.self) { try JSONValue.object(members).decoded(as: Options.self) }
        #expect(error?.message.contains("has no valid \"\(name)\"") == true, "\(error?.message ?? "")")
    }

    @Test func missingReadsAsNil() throws {
        var members = try #require(try JSONValue(encoding: Options(minSNR: 5)).members)
        members["min_snr"] = nil
        #expect(try JSONValue.object(members).decoded(as: Options.self).minSNR == nil)
    }
}
