// Times the C kernels against Swift, fast against full block search, and content values: KernelBenchmark [--quick]
// Nothing is asserted about time; implementations that disagree stop the run.

import Glibc

let arguments = CommandLine.arguments.dropFirst()
guard arguments.isEmpty || Array(arguments) == ["--quick"] else {
    print("usage: KernelBenchmark [--quick]")
    exit(64)
}
let isQuick = !arguments.isEmpty

let stopwatch = isQuick ? Stopwatch(repetitions: 3, duration: 100_000) : Stopwatch()
let texture = Texture(width: 1280, height: 720)
texture.withFrame(0) { KernelTimes(stopwatch: stopwatch, texture: $0).printAll() }
print()
SearchTimes(stopwatch: stopwatch, texture: texture, frames: isQuick ? 1 : 5).printAll()
print()
try ContentTimes(stopwatch: stopwatch).printAll()
