import Storage

/// Value noise of two scales: a texture that repeats nowhere and whose likeness to itself falls with distance.
package func clouds(_ x: Int, _ y: Int) -> Int {
    func lattice(_ u: Int, _ v: Int, _ scale: Int) -> Int {
        var hash = SplitMix64(seed: UInt64(truncatingIfNeeded: (v * 65_537 + u) * 64 + scale))
        return Int(hash.next() & 255)
    }
    func noise(_ scale: Int) -> Int {
        // Offset, so that division rounds down on both sides of zero alike.
        let (s, t) = (x + 1024 * scale, y + 1024 * scale)
        let (u, v, fx, fy) = (s / scale, t / scale, s % scale, t % scale)
        let top = lattice(u, v, scale) * (scale - fx) + lattice(u + 1, v, scale) * fx
        let bottom = lattice(u, v + 1, scale) * (scale - fx) + lattice(u + 1, v + 1, scale) * fx
        return (top * (scale - fy) + bottom * fy) / (scale * scale)
    }
    return (3 * noise(24) + noise(6)) / 4
}
