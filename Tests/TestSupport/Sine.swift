/// A sine without libm, whose last bit differs between machines: Bhaskara's approximation is smooth enough here.
package func sine(_ angle: Double) -> Double {
    let turns = angle / (2 * Double.pi)
    let phase = (turns - turns.rounded(.down)) * 2
    let half = phase < 1 ? phase : phase - 1
    let value = 16 * half * (1 - half) / (5 - 4 * half * (1 - half))
    return phase < 1 ? value : -value
}
