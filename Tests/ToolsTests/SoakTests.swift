import Foundation
import Glibc
import Testing

/// Whether tests may take as long as `make soak` lets them.
enum Soak {
    static let isOn = ProcessInfo.processInfo.environment["PFRAME_SOAK"] != nil
}

/// Processes killed without warning: what is there afterwards is nothing or everything, and running again completes it.
///
/// Four kills in every test run; `make soak` does thirty.
@Suite struct SoakTests {
    @Test func survivesKills() throws {
        let kills = Soak.isOn ? 30 : 3
        let scratch = try Scratch()
        try Programs.ffmpeg(
            ["-v", "error", "-stream_loop", "60", "-i", Programs.fixture("bframes-4refs.mp4"), "-c", "copy"]
                + [scratch.path("long.mp4")])
        let arguments = ["extract", scratch.path("long.mp4"), "--residual", "--field", "16", "--output"]
        let started = Date()
        #expect(try Programs.run(Programs.pframe.path, arguments + [scratch.path("whole")]).status == 0)
        let duration = Date().timeIntervalSince(started)
        let names = try scratch.names(in: "whole/long")
        #expect(names.count == 8)

        var interrupted = 0
        // The first so soon that it interrupts, however fast the machine has become.
        for share in [0.05] + (1...kills).map({ Double($0) / Double(kills + 1) }) {
            if try Programs.kill(arguments + [scratch.path("killed")], after: duration * share) { interrupted += 1 }
            let visible = try scratch.exists("killed/long") ? scratch.names(in: "killed/long") : []
            let finished = visible.filter { !$0.hasPrefix(".") }
            #expect(finished == names || !finished.contains("stream.json"), "complete by name only: \(finished)")
            if finished == names { try FileManager.default.removeItem(atPath: scratch.path("killed")) }
        }
        #expect(interrupted > 0, "no run was killed")
        #expect(try Programs.run(Programs.pframe.path, arguments + [scratch.path("killed")]).status == 0)
        #expect(try scratch.names(in: "killed/long") == names, "nothing is left of the killed runs")
        for name in names where name != "stream.json" {
            #expect(try scratch.data("killed/long/\(name)") == scratch.data("whole/long/\(name)"), "\(name)")
        }
    }
}
