import Storage

/// The markup, the style and the script of a ``ComparisonPage``.
///
/// Nothing but the page's own script runs, whatever a prompt says. Votes are kept in the browser's storage under the
/// page's name, so a closed tab loses none.
enum ComparisonMarkup {
    /// The whole file.
    ///
    /// - Parameters:
    ///   - name: the page's name, which its votes bear.
    ///   - pairs: `[{"left": FILE, "right": FILE, "text": TEXT or null}]`.
    static func page(_ name: String, pairs: [JSONValue]) -> HTML {
        let data = JSONValue.object(["page": .text(name), "pairs": .list(pairs)])
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="\(policy) 'nonce-\(name)'">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <link rel="icon" href="data:,">
            <title>Which video is better?</title>
            <style>
            \(style)</style>
            </head>
            <body>
            <main>
            <h1>Which video is better?</h1>
            <form id="start">
            <p>You see two videos at a time. For each question choose one of them, and tick what made you choose it.</p>
            <p><label>Your name or number <input id="rater" required maxlength="60" autocomplete="off"></label>
            <button>Start</button></p>
            </form>
            <form id="vote" hidden>
            <p class="soft"><span id="place"></span> <progress id="progress"></progress></p>
            <p id="text" dir="auto"></p>
            <div class="pair">
            <figure><video id="left" muted loop autoplay playsinline></video><figcaption>Left</figcaption></figure>
            <figure><video id="right" muted loop autoplay playsinline></video><figcaption>Right</figcaption></figure>
            </div>
            <div id="questions">\(ComparisonQuestion.allCases.map(fieldset))</div>
            <p id="hint" role="status"></p>
            <p><button type="button" id="back">Back</button> <button id="next">Next</button></p>
            </form>
            <section id="end" hidden>
            <p>That was the last pair. Save your votes, and send the file to whoever sent you this page.</p>
            <p><button type="button" id="save">Save votes</button> <button type="button" id="again">Back</button>
            <button type="button" id="other">Next voter</button></p>
            </section>
            </main>
            <script type="application/json" id="data">\(HTML(json: data))</script>
            <script nonce="\(name)">\(script)</script>
            </body>
            </html>

            """
    }

    /// Only the page's own script, and videos beside the page.
    private static let policy =
        "default-src 'none'; img-src data:; media-src 'self' file:; style-src 'unsafe-inline'; script-src"

    private static func fieldset(_ question: ComparisonQuestion) -> HTML {
        let sides = ["left", "right"].map { side -> HTML in
            "<label><input type=\"radio\" name=\"\(question.rawValue)\" value=\"\(side)\"> \(side)</label>"
        }
        let reasons = question.reasons.map { reason -> HTML in
            "<label><input type=\"checkbox\" name=\"\(question.rawValue)-reason\" value=\"\(reason)\"> \(reason)</label>"
        }
        return """
            <fieldset id="\(question.rawValue)">
            <legend>\(question.words)</legend>
            <p class="sides">\(sides)</p>
            <p class="reasons"><span class="soft">because of</span> \(reasons)</p>
            </fieldset>

            """
    }

    private static let style: HTML = """
        :root { color-scheme: light dark; --paper: #fff; --card: #f5f7f9; --ink: #1a1f25; --soft: #59636e; --line: #d6dce2;
          --mark: #1f5fa8; }
        @media (prefers-color-scheme: dark) { :root { --paper: #12161a; --card: #1b2127; --ink: #e5e9ed; --soft: #9aa6b2;
          --line: #343d46; --mark: #86b9f0; } }
        * { box-sizing: border-box; }
        [hidden] { display: none !important; }
        body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI",
          Roboto, "Noto Sans", sans-serif; overflow-wrap: anywhere; }
        main { max-width: 1040px; margin: 0 auto; padding: 20px; }
        h1 { font-size: 24px; line-height: 1.2; margin: 0 0 12px; }
        p { margin: 0 0 12px; }
        .soft, figcaption { color: var(--soft); }
        progress { width: 160px; accent-color: var(--mark); vertical-align: middle; }
        #text { font-size: 19px; }
        .pair { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 12px; margin-bottom: 16px; }
        figure { margin: 0; text-align: center; }
        video { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; background: var(--card); border-radius: 6px; }
        fieldset { margin: 0 0 14px; padding: 10px 14px; background: var(--card); border: 1px solid var(--line);
          border-radius: 8px; }
        legend { font-weight: 600; padding: 0 6px; }
        fieldset p { display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 4px 0; }
        .sides label { font-weight: 600; }
        input[type=radio], input[type=checkbox] { accent-color: var(--mark); }
        button, input:not([type]) { font: inherit; padding: 6px 16px; border: 1px solid var(--line); border-radius: 6px;
          background: var(--card); color: inherit; }
        #next, #save, #start button { background: var(--mark); border-color: var(--mark); color: var(--paper); }
        #hint { min-height: 1.5em; color: var(--mark); }

        """

    /// The page's program: shows one pair after the other, keeps the answers, saves them as CSV.
    private static let script: HTML = #"""

        "use strict";
        const { page, pairs } = JSON.parse(document.getElementById("data").textContent);
        const at = id => document.getElementById(id);
        const questions = [...document.querySelectorAll("fieldset")].map(e => e.id);
        const place = "pframe-compare-" + page;
        let state = { rater: "", index: 0, answers: {} };
        try { state = JSON.parse(localStorage.getItem(place)) || state; } catch { /* the browser keeps nothing */ }
        const keep = () => { try { localStorage.setItem(place, JSON.stringify(state)); } catch { /* likewise */ } };
        const asked = pair => questions.filter(question => question !== "faithfulness" || pair.text !== null);
        const checked = name => [...document.querySelectorAll(`input[name="${name}"]:checked`)].map(e => e.value);

        function show() {
          const started = state.rater !== "", ended = state.index >= pairs.length;
          at("start").hidden = started;
          at("vote").hidden = !started || ended;
          at("end").hidden = !started || !ended;
          if (!started || ended) return;
          const pair = pairs[state.index];
          at("place").textContent = `Pair ${state.index + 1} of ${pairs.length}`;
          at("progress").max = pairs.length;
          at("progress").value = state.index;
          at("text").textContent = pair.text === null ? "" : `“${pair.text}”`;
          at("text").hidden = pair.text === null;
          for (const side of ["left", "right"]) at(side).src = pair[side];
          at("vote").reset();
          at("hint").textContent = "";
          for (const question of questions) at(question).hidden = !asked(pair).includes(question);
          for (const [question, answer] of Object.entries(state.answers[state.index] || {})) {
            for (const input of at(question).querySelectorAll("input")) {
              input.checked = input.value === answer.choice || answer.reasons.includes(input.value);
            }
          }
          at("back").disabled = state.index === 0;
        }

        function take() {
          const answer = {};
          for (const question of asked(pairs[state.index])) {
            const [choice] = checked(question), reasons = checked(question + "-reason");
            if (!choice) return "Choose left or right for each question.";
            if (!reasons.length) return "Tick at least one reason for each choice.";
            answer[question] = { choice, reasons };
          }
          state.answers[state.index] = answer;
          return "";
        }

        function table() {
          const field = text => '"' + String(text).replaceAll('"', '""') + '"';
          const rows = [["page", "rater", "pair", "question", "choice", "reasons"]];
          pairs.forEach((pair, index) => {
            for (const [question, { choice, reasons }] of Object.entries(state.answers[index] || {})) {
              rows.push([page, state.rater, index + 1, question, choice, reasons.join(";")]);
            }
          });
          return rows.map(row => row.map(field).join(",") + "\r\n").join("");
        }

        at("start").addEventListener("submit", event => {
          event.preventDefault();
          state.rater = at("rater").value.trim();
          if (state.rater === "") at("rater").value = "";
          at("start").reportValidity();
          keep();
          show();
        });
        at("vote").addEventListener("submit", event => {
          event.preventDefault();
          const missing = take();
          at("hint").textContent = missing;
          if (missing) return;
          state.index += 1;
          keep();
          show();
        });
        const back = () => { state.index -= 1; keep(); show(); };
        at("back").addEventListener("click", back);
        at("again").addEventListener("click", back);
        at("other").addEventListener("click", () => {
          if (!confirm("Have you saved the votes? The page forgets them now.")) return;
          state = { rater: "", index: 0, answers: {} };
          at("rater").value = "";
          keep();
          show();
        });
        at("save").addEventListener("click", () => {
          const link = document.createElement("a");
          link.href = URL.createObjectURL(new Blob([table()], { type: "text/csv" }));
          link.download = `votes-${page}-${state.rater.replace(/[^\p{L}\p{N}_-]+/gu, "_")}.csv`;
          link.click();
          setTimeout(() => URL.revokeObjectURL(link.href), 10000);
        });
        show();

        """#
}

extension HTML {
    /// JSON within a `script` element: `<` is written so that no text in it ends the element.
    init(json: JSONValue) {
        let pieces = json.json().split(separator: "<", omittingEmptySubsequences: false)
        self.init(stringLiteral: pieces.joined(separator: "\\u003c"))
    }
}
