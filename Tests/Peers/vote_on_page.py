#!/usr/bin/env python3
"""Votes on a page of `pframe compare` in headless Chromium, as several voters, and counts the votes by itself.

usage: vote_on_page.py CHROMIUM PAGE VOTES SCREENSHOTS FIRST SECOND VOTER ...

Each voter answers half of the pairs, closes the tab, opens the page again, answers the rest, and saves the votes into
the folder VOTES. Which set a video is from is told by its bytes, those of a file in FIRST or SECOND. Prints one object:
`voters` with what each saw, and `counts`, for each question what the votes come to.
"""

import base64
import collections
import csv
import hashlib
import itertools
import json
import pathlib
import random
import sys
import tempfile
import time

from open_page import Browser

HELPERS = """
const wait = milliseconds => new Promise(done => setTimeout(done, milliseconds));
const seen = element => element.offsetParent !== null;
const fieldsets = () => [...document.querySelectorAll('fieldset')].filter(seen);
"""
STATE = """(async () => {
    for (let turn = 0; turn < 100; turn++) {
        const videos = [...document.querySelectorAll('video')];
        if (videos.every(video => video.videoWidth > 0 && video.currentTime > 0) || !seen(videos[0])) break;
        await wait(50);
    }
    return {
        place: document.getElementById('place').textContent, text: document.getElementById('text').textContent,
        widths: [...document.querySelectorAll('video')].map(video => video.videoWidth),
        sources: [...document.querySelectorAll('video')].map(video => video.getAttribute('src')),
        questions: fieldsets().map(set => ({name: set.id,
            reasons: [...set.querySelectorAll('[type=checkbox]')].map(box => box.value)})),
        starting: seen(document.getElementById('start')), ended: seen(document.getElementById('end')),
        scrollWidth: document.documentElement.scrollWidth, ran: window.ran === true,
    };
})()"""


class Tab:
    """The page in a tab of a width."""

    def __init__(self, browser, page, width):
        self.browser = browser
        self.target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        browser.call("Emulation.setDeviceMetricsOverride", self.session, width=width, height=900, deviceScaleFactor=1,
                     mobile=False)
        for domain in ("Page", "Log", "Runtime"):
            browser.call(domain + ".enable", self.session)
        browser.events = []
        browser.call("Page.navigate", self.session, url=page.as_uri())
        browser.wait("Page.loadEventFired")
        self.run(HELPERS.replace("const ", "globalThis.") + "true")

    def run(self, expression):
        answer = self.browser.call("Runtime.evaluate", self.session, expression=expression, returnByValue=True,
                                   awaitPromise=True)
        if "exceptionDetails" in answer:
            raise SystemExit(json.dumps(answer["exceptionDetails"])[:600])
        return answer["result"].get("value")

    def picture(self, path):
        data = self.browser.call("Page.captureScreenshot", self.session, format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(data["data"]))

    def close(self):
        found = [event for event in self.browser.events
                 if event.get("method") in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")]
        self.browser.call("Target.closeTarget", targetId=self.target)
        return [json.dumps(event["params"])[:300] for event in found]


def submit(form):
    return f"document.getElementById('{form}').requestSubmit()"


def answer(tab, state, choices):
    """Tries to go on without an answer, then answers."""
    tab.run(submit("vote"))
    refused = [tab.run("document.getElementById('hint').textContent")]
    for question in state["questions"]:
        side = choices.choice(["left", "right"])
        tab.run(f"document.querySelector('[name={question['name']}][value={side}]').click()")
    tab.run(submit("vote"))
    refused.append(tab.run("document.getElementById('hint').textContent"))
    for question in state["questions"]:
        for reason in choices.sample(question["reasons"], choices.randint(1, 2)):
            tab.run(f"document.querySelector('[name={question['name']}-reason][value=\"{reason}\"]').click()")
    tab.run(submit("vote"))
    return refused


def vote(browser, page, votes, screenshots, voter):
    """All answers of a voter; what the voter saw."""
    choices = random.Random(voter)
    tab = Tab(browser, page, 390)
    tab.run(f"document.getElementById('rater').value = {json.dumps(voter)}")
    tab.run(submit("start"))
    count = len(json.loads(tab.run("document.getElementById('data').textContent"))["pairs"])
    states, refusals, complaints = [], [], []
    for index in range(count):
        if index == count // 2:
            complaints += tab.close()
            tab = Tab(browser, page, 1280)
        state = tab.run(STATE)
        states.append(state)
        if index in (0, count // 2):
            tab.picture(screenshots / f"compare-{index}.png")
        refusals += answer(tab, state, choices)
    end = tab.run(STATE)
    before = set(votes.iterdir())
    tab.run("document.getElementById('save').click()")
    for _ in range(200):
        new = [file for file in set(votes.iterdir()) - before if file.suffix == ".csv"]
        if new:
            break
        time.sleep(0.05)
    complaints += tab.close()
    return {"states": states, "refusals": refusals, "ended": end["ended"], "complaints": complaints,
            "files": [str(file) for file in new]}


def counts(page, votes, sets):
    """What the votes of all files come to: the set of a video is the one that has a file of the same bytes."""
    owner = {hashlib.sha256(file.read_bytes()).digest(): number for number, folder in enumerate(sets)
             for file in folder.glob("*.mp4")}
    videos = {tuple(file.stem.split("-")): owner[hashlib.sha256(file.read_bytes()).digest()]
              for file in (page.parent / "videos").iterdir()}
    rows = [row for file in sorted(votes.glob("*.csv")) for row in csv.DictReader(file.open(newline="", encoding="utf-8"))]
    result = {}
    for question in sorted({row["question"] for row in rows}):
        given = collections.defaultdict(list)
        reasons = collections.defaultdict(lambda: [0, 0])
        for row in rows:
            if row["question"] == question:
                chosen = videos[(row["pair"].zfill(4), row["choice"])]
                given[row["pair"]].append(chosen)
                for reason in row["reasons"].split(";"):
                    reasons[reason][chosen] += 1
        every = [chosen for pair in given.values() for chosen in pair]
        agreeing = [[one == other for one, other in itertools.combinations(pair, 2)] for pair in given.values()]
        observed = sum(sum(pair) / len(pair) for pair in agreeing) / len(agreeing)
        chance = sum((every.count(number) / len(every)) ** 2 for number in (0, 1))
        result[question] = {
            "votes": [every.count(0), every.count(1)], "reasons": reasons,
            "won": [sum(pair.count(number) * 2 > len(pair) for pair in given.values()) for number in (0, 1)],
            "tied": sum(pair.count(0) * 2 == len(pair) for pair in given.values()),
            "unanimous": sum(all(pair) for pair in agreeing), "pairs": len(given),
            "kappa": (observed - chance) / (1 - chance) if chance < 1 else None,
            "left": sum(row["choice"] == "left" for row in rows if row["question"] == question) / len(every),
        }
    return result


def main():
    program, (page, votes, screenshots, first, second) = sys.argv[1], map(pathlib.Path, sys.argv[2:7])
    votes.mkdir(parents=True, exist_ok=True)
    screenshots.mkdir(parents=True, exist_ok=True)
    page = page.resolve() / "index.html"
    voters = {}
    for voter in sys.argv[7:]:
        # Each voter has a browser of their own.
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            browser = Browser(program, profile)
            try:
                browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(votes.resolve()))
                voters[voter] = vote(browser, page, votes, screenshots, voter)
            finally:
                browser.process.kill()
                browser.process.wait()
    print(json.dumps({"voters": voters, "counts": counts(page, votes, (first, second))}))


if __name__ == "__main__":
    main()
