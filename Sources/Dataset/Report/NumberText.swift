import Glibc
import Storage

/// Numbers as the report shows them, the same on every machine.
package enum NumberText {
    /// `1,234,567`.
    package static func count(_ value: Int) -> String {
        let digits = Array(String(value.magnitude))
        var text = value < 0 ? "−" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text += "," }
            text.append(digit)
        }
        return text
    }

    /// `1 clip`, `1,234 clips`.
    package static func count(_ value: Int, _ noun: String) -> String {
        "\(count(value)) \(noun)\(value == 1 ? "" : "s")"
    }

    /// Decimals that do not end in zeros: three significant digits, `0.0123`, `27`, `12,300`, `1.2e-6`.
    package static func short(_ value: Double, digits: Int = 3) -> String {
        guard value.isFinite else { return "–" }
        guard value != 0 else { return "0" }
        let exponent = Int(log10(abs(value)).rounded(.down))
        guard (-4...14).contains(exponent) else {
            return "\(trimmed(fixed(value / pow(10, Double(exponent)), digits - 1)))e\(exponent)"
        }
        let decimals = digits - 1 - exponent
        return decimals > 0 ? trimmed(fixed(value, decimals)) : fixed(value, 0)
    }

    /// A number with so many decimals, its whole part in groups of three.
    package static func fixed(_ value: Double, _ decimals: Int) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return value.description }
        let scale = (0..<decimals).reduce(1) { scale, _ in scale * 10 }
        let (whole, fraction) = abs(value).splitWhole(scale)
        let sign = value < 0 && (whole, fraction) != (0, 0) ? "−" : ""
        guard decimals > 0 else { return sign + count(whole) }
        let digits = String(fraction)
        return sign + count(whole) + "." + String(repeating: "0", count: decimals - digits.count) + digits
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
        return (share < 10 ? trimmed(fixed(share, 1)) : fixed(share, share < 99.5 || part == whole ? 0 : 1)) + " %"
    }

    /// `3.2 MB`.
    package static func bytes(_ value: Int) -> String {
        let units = ["bytes", "kB", "MB", "GB", "TB"]
        var (scaled, unit) = (Double(value), 0)
        while scaled >= 1000, unit + 1 < units.count { (scaled, unit) = (scaled / 1000, unit + 1) }
        return unit == 0 ? count(value, "byte") : "\(short(scaled)) \(units[unit])"
    }

    /// `48.2 s`, `3.8 min`, `12.4 h`.
    package static func duration(_ seconds: Double) -> String {
        if seconds < 120 { return "\(short(seconds)) s" }
        return seconds < 7200 ? "\(short(seconds / 60)) min" : "\(short(seconds / 3600)) h"
    }

    /// A coordinate of a drawing: one decimal at most.
    package static func coordinate(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        let text = tenths % 10 == 0 ? "\(tenths.magnitude / 10)" : "\(tenths.magnitude / 10).\(tenths.magnitude % 10)"
        return tenths < 0 ? "-" + text : text
    }

    private static func trimmed(_ text: String) -> String {
        guard text.contains(".") else { return text }
        var text = text
        while text.hasSuffix("0") { text.removeLast() }
        if text.hasSuffix(".") { text.removeLast() }
        return text
    }
}

extension Double {
    /// The whole part and the fraction in units of `1 / scale`, rounded.
    fileprivate func splitWhole(_ scale: Int) -> (whole: Int, fraction: Int) {
        let whole = Int(rounded(.down))
        let fraction = Int(((self - rounded(.down)) * Double(scale)).rounded())
        return fraction == scale ? (whole + 1, 0) : (whole, fraction)
    }
}
