extension BinaryInteger {
    /// The number in at least `digits` digits, zeros in front: 7 is `007`.
    package func zeroPadded(_ digits: Int, radix: Int = 10) -> String {
        let text = String(self, radix: radix)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
