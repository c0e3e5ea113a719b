import ArgumentParser
import SystemPackage
import ToolOptions
import Train

/// The words behind `pframe train`, in which the model need not stand first, and may be left out where a run says it.
enum TrainWords {
    /// The arguments of the process with the model as the first word after `train`, where it is known; and instead of
    /// an option that the model does not read, what is to be said about it.
    static func completed(_ arguments: [String]) -> [String] {
        guard arguments.first == "train", var words = Optional(arguments.dropFirst()), !words.isEmpty,
            !words.contains("-h"), !words.contains("--help")
        else { return arguments }
        if ModelRegistry.family(named: words[1]) == nil {
            if let place = words.indices.first(where: { isModel(words, $0) }) {
                words.insert(words.remove(at: place), at: 1)
            } else if !words.contains("--plan"), let model = runModel(words) {
                words.insert(model, at: 1)
            }
        }
        guard let family = ModelRegistry.family(named: words[1]) else { return arguments }
        if let message = refusal(words.dropFirst(), family) { return ["train", family.name, "--not-read", message] }
        return ["train"] + words
    }

    /// Whether the word at a place is the name of a model, and not the value of an option.
    private static func isModel(_ words: ArraySlice<String>, _ place: Int) -> Bool {
        guard let family = ModelRegistry.family(named: words[place]) else { return false }
        guard place > words.startIndex, case let before = words[place - 1], before.hasPrefix("-") else { return true }
        return before.contains("=") || flags(of: family).contains(before)
    }

    /// The model of the run in the folder that `--output` names.
    private static func runModel(_ words: ArraySlice<String>) -> String? {
        var output: String?
        for (index, word) in zip(words.indices, words) {
            if ["--output", "-o"].contains(word), words.indices.contains(index + 1) { output = words[index + 1] }
            if word.hasPrefix("--output=") { output = String(word.dropFirst("--output=".count)) }
        }
        guard let output, !output.isEmpty, case let folder = RawArguments.path(output),
            RunFolder.hasCheckpoint(folder)
        else { return nil }
        // What is wrong with the run is said where it is opened.
        return (try? RunFolder(folder))?.model
    }

    /// What is to be said of the first option that other models read and this one does not; nil if there is none.
    private static func refusal(_ words: ArraySlice<String>, _ family: any ModelFamily.Type) -> String? {
        for word in words.prefix(while: { $0 != "--" }) where word.hasPrefix("--") {
            let name = String(word.prefix { $0 != "=" })
            guard !options(of: family).contains(name) else { continue }
            let readers = ModelRegistry.families.filter { options(of: $0).contains(name) }.map { $0.name }
            guard let last = readers.last else { continue }
            let list = readers.count > 1 ? readers.dropLast().joined(separator: ", ") + " and " + last : last
            return "\(name) is for \(list): \(family.name) does not read it"
        }
        return nil
    }

    /// The options that a family reads beside those of all.
    private static func options<Family: ModelFamily>(of family: Family.Type) -> Set<String> {
        Set(entries(Family.Arguments.helpMessage()).map { String($0.prefix { $0 != " " }) })
    }

    /// The options of a family's command that take no value.
    private static func flags<Family: ModelFamily>(of family: Family.Type) -> Set<String> {
        Set(
            entries(FamilyCommand<Family>.helpMessage()).filter { !$0.contains("<") }.map {
                String($0.prefix { $0 != " " })
            })
    }

    /// The lines of a help text that begin with a long option.
    private static func entries(_ help: String) -> [Substring] {
        help.split(separator: "\n").map { $0.drop { $0 == " " } }.filter { $0.hasPrefix("--") }
    }
}
