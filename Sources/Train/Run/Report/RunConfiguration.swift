import Dataset
import Figures
import Storage
import SystemPackage

/// `config.json` of a run: whatever it holds, as a table, and a few members that the report speaks of.
struct RunConfiguration: Sendable {
    /// The file's name in the run's folder.
    static let fileName = "config.json"

    private let value: JSONValue

    /// Reads the configuration; an empty one where there is none.
    ///
    /// - Throws: `PFrameError` if it is damaged.
    init(run: FilePath) throws(PFrameError) {
        let path = run.appending(Self.fileName)
        value = fileSize(path) == nil ? .object([:]) : try JSONValue(readFile(path), path: path)
    }

    /// A member of the object itself.
    func member(_ name: String) -> JSONValue? { value[name] }

    /// Every value by its name, `optimiser.beta1` for a member of a member.
    private var rows: [(name: String, value: String)] {
        func flat(_ value: JSONValue, _ name: String) -> [(String, String)] {
            guard let members = value.members else { return [(name, value.string ?? value.json())] }
            let sorted = members.sorted {
                ($0.value.members == nil ? 0 : 1, $0.key) < ($1.value.members == nil ? 0 : 1, $1.key)
            }
            return sorted.flatMap { flat($0.value, name.isEmpty ? $0.key : "\(name).\($0.key)") }
        }
        return flat(value, "")
    }

    /// The section; empty without members.
    var html: HTML {
        guard value.members?.isEmpty == false else { return "" }
        let rows = rows.map { name, value -> HTML in
            "<tr><th scope=\"row\"><code>\(name)</code></th><td dir=\"auto\">\(value)</td></tr>\n"
        }
        let half = (rows.count + 1) / 2
        let tables = [rows.prefix(half), rows.dropFirst(half)].filter { !$0.isEmpty }.map { part -> HTML in
            "<table class=\"list\"><tbody>\n\(Array(part))</tbody></table>"
        }
        return """
            <section id="configuration"><h2>Configuration</h2>
            <div class="columns settings">\(tables)</div></section>

            """
    }
}
