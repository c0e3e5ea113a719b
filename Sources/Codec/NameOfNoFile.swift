public import SystemPackage

extension FilePath {
    /// What is wrong with a name that cannot be that of a local file, with the remedy; nil for every other name.
    ///
    /// To be asked where there is no file of the name. A path keeps one `/` of `https://host/clip.mp4`.
    public var nameOfNoFile: String? {
        if string == "-" { return "stands for standard input, which PFrame does not read: name a file" }
        guard isRelative, components.count > 1, let first = components.first?.string, first.hasSuffix(":"),
            first.count > 2, first.dropLast().allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "+") })
        else { return nil }
        return "is an address, and PFrame reads local files: download it first"
    }
}
