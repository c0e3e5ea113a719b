import ArgumentParser
import SystemPackage
import ToolOptions
import Train

/// The words behind `pframe train`, in which the model need not stand first, and may be left out where a run says it.
enum TrainWords {
    /// The arguments of the process with the model as the first word after `train`; instead of what cannot be, what is to
    /// be said about it.
    static func completed(_ arguments: [String]) -> [String] {
        guard arguments.first == "train", !arguments.contains("-h"), !arguments.contains("--help") else {
            return arguments
        }
        var words = Array(arguments.dropFirst())
        if words.first.flatMap({ ModelRegistry.family(named: $0) }) == nil {
            if let place = words.indices.first(where: { isModel(words, $0) }) {
                words.insert(words.remove(at: place), at: 0)
            } else if !words.contains("--plan"), let output = output(of: words),
                case let folder = RawArguments.path(output), RunFolder.hasCheckpoint(folder)
            {
                // What is wrong with the run is said where the command opens it.
                guard let model = (try? RunFolder(folder))?.model, ModelRegistry.family(named: model) != nil else {
                    return ["train", "--unreadable=\(output)"]
                }
                words.insert(model, at: 0)
            } else {
                return ["train", "--missing=\(missing(words))"]
            }
        }
        guard let family = ModelRegistry.family(named: words[0]) else { return arguments }
        guard let message = refusal(words.dropFirst(), family) else { return ["train"] + words }
        return ["train", family.name, "--not-read=\(message)"]
    }

    /// What is to be said of words that name no model.
    private static func missing(_ words: [String]) -> String {
        if let word = words.first, !word.hasPrefix("-") {
            let names = TrainCommand.names { "'\($0)'" }
            return "The value '\(word)' is invalid for '<model>'. Please provide one of \(names)."
        }
        let names = TrainCommand.names()
        if words.contains("--plan") { return "--plan needs a model: \(names)" }
        guard let output = output(of: words) else { return "give a folder for the run with --output RUN" }
        return "which model: \(names)? Only a run with a checkpoint knows it, and \(output) holds none"
    }

    /// Whether the word at a place is the name of a model, and not the value of an option.
    private static func isModel(_ words: [String], _ place: Int) -> Bool {
        guard let family = ModelRegistry.family(named: words[place]) else { return false }
        guard place > words.startIndex, case let before = words[place - 1], before.hasPrefix("-") else { return true }
        return before.contains("=") || flags(of: family).contains(before)
    }

    /// The folder that `--output` names.
    private static func output(of words: [String]) -> String? {
        var output: String?
        for (index, word) in words.enumerated() {
            if ["--output", "-o"].contains(word), words.indices.contains(index + 1) { output = words[index + 1] }
            if word.hasPrefix("--output=") { output = String(word.dropFirst("--output=".count)) }
        }
        return output.flatMap { $0.isEmpty ? nil : $0 }
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
        Set(entries(Family.Arguments.helpMessage(columns: .max)).map { String($0.prefix { $0 != " " }) })
    }

    /// The options of a family's command that take no value.
    private static func flags<Family: ModelFamily>(of family: Family.Type) -> Set<String> {
        Set(
            entries(FamilyCommand<Family>.helpMessage(columns: .max)).filter { !$0.contains("<") }.map {
                String($0.prefix { $0 != " " })
            })
    }

    /// The lines of a help text, which is not wrapped, that begin with a long option.
    private static func entries(_ help: String) -> [Substring] {
        help.split(separator: "\n").map { $0.drop { $0 == " " } }.filter { $0.hasPrefix("--") }
    }
}
