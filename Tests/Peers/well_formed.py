#!/usr/bin/env python3
"""Says what is wrong with HTML files by Python's own parser, one line each; exit status 1 where anything is.

usage: well_formed.py PAGE.html ...

Every element is closed, in order; ids are unique and references to them lead somewhere; nothing is loaded from elsewhere;
there are no scripts and no event handlers.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


class Checker(HTMLParser):
    """Collects problems."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.problems, self.ids, self.references = [], [], set(), set()

    def complain(self, text):
        self.problems.append(f"line {self.getpos()[0]}: {text}")

    def attributes(self, tag, pairs):
        names = [name for name, _ in pairs]
        if len(names) != len(set(names)):
            self.complain(f"<{tag}> has an attribute twice")
        for name, value in pairs:
            if name.startswith("on"):
                self.complain(f"<{tag}> has {name}")
            if name == "id":
                if value in self.ids:
                    self.complain(f"the id {value} occurs twice")
                self.ids.add(value)
            if name in ("src", "href", "xlink:href", "action", "srcset", "poster", "data"):
                if value.startswith("#"):
                    self.references.add(value[1:])
                elif not value.startswith("data:"):
                    self.complain(f"<{tag}> loads {value[:80]}")
        if tag == "img" and not dict(pairs).get("alt"):
            self.complain("an <img> without alternative text")
        if tag == "script":
            self.complain("a <script>")

    def handle_starttag(self, tag, attrs):
        self.attributes(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes(tag, attrs)
        if tag not in VOID and "svg" not in self.open:
            self.complain(f"<{tag}/> is not closed in HTML")

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            self.complain(f"</{tag}> where </{self.open[-1] if self.open else 'nothing'}> is due")
        else:
            self.open.pop()


def main():
    failed = False
    for name in sys.argv[1:]:
        text = Path(name).read_text(encoding="utf-8")
        checker = Checker()
        checker.feed(text)
        checker.close()
        problems = checker.problems + [f"<{tag}> is never closed" for tag in checker.open]
        problems += [f"nothing has the id {name}" for name in sorted(checker.references - checker.ids)]
        if "url(" in text or "@import" in text:
            problems.append("the style sheet loads something")
        for problem in problems:
            print(f"{name}: {problem}")
        failed |= bool(problems)
    sys.exit(failed)


main()
