#!/usr/bin/env python3
"""Opens an HTML file in headless Chromium and prints what a reader would get, one line of JSON a view.

usage: open_page.py CHROMIUM PAGE.html SCREENSHOTS WIDTH[-dark|-print] ...

Speaks the DevTools protocol over Chromium's pipe, so that it needs nothing but Python's own library. Screenshots of the
whole page are SCREENSHOTS/NAME-WIDTH[-dark|-print].png.
"""

import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile

MEASURES = """(() => {
    const all = selector => [...document.querySelectorAll(selector)];
    const images = all('img');
    return {
        scrollWidth: document.documentElement.scrollWidth,
        height: document.documentElement.scrollHeight,
        wide: all('body *:not(.arrows path)').filter(e => e.getBoundingClientRect().right > innerWidth + 0.5).map(e =>
            e.tagName + '.' + e.getAttribute('class') + ' ' + e.textContent.slice(0, 60)),
        images: images.length,
        broken: images.filter(i => !i.naturalWidth).length,
        unnamed: images.filter(i => !i.alt).length,
        sheet: all('.sheet img').length,
        charts: all('svg.chart').length,
        scoreCharts: all('.score svg.chart').length,
        chartLabels: all('svg.chart').map(e => e.getAttribute('aria-label')),
        cutLabels: all('.score text.cut').map(e => e.textContent),
        droppedBars: all('rect.dropped').length,
        arrows: all('svg.arrows path').length,
        rules: all('tr.rule').map(e => e.textContent),
        problems: all('.problems li').map(e => e.textContent),
        scripts: all('script').length,
        handlers: all('body *').filter(e => [...e.attributes].some(a => a.name.startsWith('on'))).length,
        captions: [...new Set(all('.caption').map(e => e.textContent))],
        titles: [...new Set(all('.caption').map(e => e.title))],
        heading: document.querySelector('h1').textContent,
        sections: all('main > section').map(e => e.id),
        smallest: Math.min(...all('.chart text').map(e => parseFloat(getComputedStyle(e).fontSize)
            * e.ownerSVGElement.getBoundingClientRect().width / 360)),
        ran: window.ran === true,
        paper: getComputedStyle(document.body).backgroundColor,
    };
})()"""


class Browser:
    """A Chromium that listens on a pipe."""

    def __init__(self, program, profile):
        commands, self.commands = os.pipe()
        self.answers, answers = os.pipe()

        def connect():
            # Chromium reads descriptor 3 and writes 4; either may be in use by the other pipe.
            source, sink = os.dup(commands), os.dup(answers)
            while min(source, sink) < 5:
                source, sink = os.dup(source), os.dup(sink)
            os.dup2(source, 3)
            os.dup2(sink, 4)

        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
             "--disable-dev-shm-usage", f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=False,
            preexec_fn=connect)
        os.close(commands)
        os.close(answers)
        self.buffer = b""
        self.number = 0
        self.events = []

    def message(self):
        """The next message from the browser."""
        while b"\0" not in self.buffer:
            piece = os.read(self.answers, 1 << 20)
            if not piece:
                raise SystemExit("chromium ended")
            self.buffer += piece
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, session=None, **parameters):
        """The result of a method; events meanwhile are kept."""
        self.number += 1
        request = {"id": self.number, "method": method, "params": parameters}
        if session:
            request["sessionId"] = session
        data = json.dumps(request).encode() + b"\0"
        while data:
            data = data[os.write(self.commands, data):]
        while True:
            message = self.message()
            if message.get("id") == self.number:
                if "error" in message:
                    raise SystemExit(f"{method}: {message['error']}")
                return message["result"]
            self.events.append(message)

    def wait(self, method):
        """Waits for an event."""
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.message())


def complaints(events, page):
    """What the console, the network and the page's scripts had to say."""
    found = []
    for event in events:
        method, parameters = event.get("method"), event.get("params", {})
        if method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
            found.append(json.dumps(parameters)[:300])
        elif method == "Network.loadingFailed":
            found.append("failed: " + parameters.get("errorText", ""))
        elif method == "Network.requestWillBeSent":
            address = parameters["request"]["url"]
            if address != page and not address.startswith("data:"):
                found.append("requested: " + address[:200])
    return found


def measured(browser, page, width, expression, screenshot, scheme=""):
    """What an expression gives, a promise awaited, on a page that was loaded in a new tab; and a picture of all of it.

    The events since are in `browser.events`.
    """
    target = browser.call("Target.createTarget", url="about:blank")["targetId"]
    session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    browser.call("Emulation.setDeviceMetricsOverride", session, width=width, height=900, deviceScaleFactor=1,
                 mobile=False)
    browser.call("Emulation.setEmulatedMedia", session, media="print" if scheme == "print" else "", features=[
        {"name": "prefers-color-scheme", "value": "dark" if scheme == "dark" else "light"}])
    for domain in ("Page", "Network", "Log", "Runtime"):
        browser.call(domain + ".enable", session)
    browser.events = []
    browser.call("Page.navigate", session, url=page.as_uri())
    browser.wait("Page.loadEventFired")
    answer = browser.call("Runtime.evaluate", session, expression=expression, returnByValue=True, awaitPromise=True)
    result = answer["result"]["value"]
    picture = browser.call("Page.captureScreenshot", session, format="png", captureBeyondViewport=True, clip={
        "x": 0, "y": 0, "width": width, "height": min(result["height"], 16000), "scale": 1})
    screenshot.write_bytes(base64.b64decode(picture["data"]))
    browser.call("Target.closeTarget", targetId=target)
    return result


def view(browser, page, name, folder):
    """Opens the page in a new tab of the width that the view's name says."""
    width, _, scheme = name.partition("-")
    result = measured(browser, page, int(width), MEASURES, folder / f"{page.stem}-{name}.png", scheme)
    result["complaints"] = complaints(browser.events, page.as_uri())
    result["view"] = name
    return result


def each(view, names, program, page, folder):
    """Prints what `view` gives in one browser for each name."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(program, profile)
        try:
            for name in names:
                print(json.dumps(view(browser, page, name, folder)), flush=True)
        finally:
            browser.process.kill()
            browser.process.wait()


def main():
    program, page, folder = sys.argv[1], pathlib.Path(sys.argv[2]).resolve(), pathlib.Path(sys.argv[3])
    each(view, sys.argv[4:], program, page, folder)


if __name__ == "__main__":
    main()
