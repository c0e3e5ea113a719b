import Glibc

/// Numbers as people read them, in figures, reports and messages: the same on every machine.
package enum NumberText {
    /// `1,234,567`.
    package static func count(_ value: Int) -> String { (value < 0 ? "−" : "") + grouped(String(value.magnitude)) }

    /// `1 clip`, `1,234 clips`.
    package static func count(_ value: Int, _ noun: String) -> String {
        "\(count(value)) \(noun)\(value == 1 ? "" : "s")"
    }

    /// A number with the given number of decimals, as programs read it too: `-1234.50`.
    package static func plain(_ value: Double, _ decimals: Int) -> String {
        let scale = (0..<decimals).reduce(1) { scale, _ in scale * 10 }
        guard value.isFinite, abs(value) < 1e15, abs(value) * Double(scale) < 9e18 else { return "\(value)" }
        let scaled = Int((value * Double(scale)).rounded())
        let sign = scaled < 0 ? "-" : ""
        guard decimals > 0 else { return sign + String(scaled.magnitude) }
        return "\(sign)\(abs(scaled) / scale).\((abs(scaled) % scale).zeroPadded(decimals))"
    }

    /// A number with the given number of decimals, its whole part in groups of three: `−1,234.50`.
    package static func fixed(_ value: Double, _ decimals: Int) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return value.description }
        let text = plain(abs(value), decimals)
        let whole = text.prefix { $0 != "." }
        let sign = value < 0 && text.contains { ("1"..."9").contains($0) } ? "−" : ""
        return sign + grouped(whole) + text.dropFirst(whole.count)
    }

    /// A number with at most the given number of decimals: `1.5`, `20`.
    package static func trimmed(_ value: Double, _ decimals: Int) -> String { trimmed(fixed(value, decimals)) }

    /// Decimals that do not end in zeros: three significant digits, `0.0123`, `27`, `12,300`, `1.2e-6`.
    package static func short(_ value: Double, digits: Int = 3) -> String {
        guard value.isFinite else { return "–" }
        guard value != 0 else { return "0" }
        let exponent = Int(log10(abs(value)).rounded(.down))
        guard (-4...14).contains(exponent) else {
            return "\(trimmed(value / pow(10, Double(exponent)), digits - 1))e\(exponent)"
        }
        return trimmed(value, max(0, digits - 1 - exponent))
    }

    /// A count as an axis has it: `1,200` or `12k`, `3M`.
    package static func tick(_ value: Int) -> String {
        let units = [(1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")]
        guard value >= 10_000, let (size, unit) = units.first(where: { value >= $0.0 }) else { return count(value) }
        return short(Double(value) / Double(size)) + unit
    }

    /// `12 %`, `0.3 %`, `100 %` only for all of them.
    package static func percent(_ part: Int, of whole: Int) -> String {
        guard whole > 0 else { return "–" }
        let share = 100 * Double(part) / Double(whole)
        if part < whole, share >= 99.95 { return "> 99.9 %" }
        if part > 0, share < 0.05 { return "< 0.1 %" }
        return (share < 10 ? trimmed(share, 1) : fixed(share, share < 99.5 || part == whole ? 0 : 1)) + " %"
    }

    /// `3.2 MB`: three significant digits, or so many decimals.
    package static func bytes(_ value: Int, decimals: Int? = nil) -> String {
        let units = ["bytes", "kB", "MB", "GB", "TB"]
        var (scaled, unit) = (Double(value), 0)
        while scaled >= 1000, unit + 1 < units.count { (scaled, unit) = (scaled / 1000, unit + 1) }
        guard unit > 0 else { return count(value, "byte") }
        return "\(decimals.map { plain(scaled, $0) } ?? short(scaled)) \(units[unit])"
    }

    /// `48.2 s`, `3.8 min`, `12.4 h`.
    package static func duration(_ seconds: Double) -> String {
        if seconds < 120 { return "\(short(seconds)) s" }
        return seconds < 7200 ? "\(short(seconds / 60)) min" : "\(short(seconds / 3600)) h"
    }

    /// `1:02:03` or `2:03`.
    package static func clock(_ seconds: Double) -> String {
        let total = Int(max(0, seconds.isFinite ? seconds : 0).rounded())
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let (hours, minutes) = (total / 3600, total / 60 % 60)
        return hours > 0 ? "\(hours):\(two(minutes)):\(two(total % 60))" : "\(minutes):\(two(total % 60))"
    }

    /// A coordinate of a drawing: one decimal at most.
    package static func coordinate(_ value: Double) -> String {
        let text = plain(value, 1)
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    /// Digits in groups of three.
    private static func grouped(_ digits: some StringProtocol) -> String {
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text += "," }
            text.append(digit)
        }
        return text
    }

    private static func trimmed(_ text: String) -> String {
        guard text.contains(".") else { return text }
        var text = text
        while text.hasSuffix("0") { text.removeLast() }
        if text.hasSuffix(".") { text.removeLast() }
        return text
    }
}
