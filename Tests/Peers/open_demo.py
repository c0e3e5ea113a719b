#!/usr/bin/env python3
"""Opens the page of a demonstration in headless Chromium, plays its videos, and prints what a reader would get.

usage: open_demo.py CHROMIUM DEMO/index.html SCREENSHOTS WIDTH ...

One line of JSON a width. Screenshots of the whole page are SCREENSHOTS/demo-WIDTH.png.
"""

import json
import pathlib
import sys

from open_page import Browser, each, measured

MEASURES = """(async () => {
    const all = selector => [...document.querySelectorAll(selector)];
    const wait = milliseconds => new Promise(done => setTimeout(done, milliseconds));
    const videos = all('video');
    const played = await Promise.all(videos.map(async video => {
        video.loop = true;
        try { await video.play(); } catch (error) { return {source: video.src, error: String(error)}; }
        let times = [];
        for (let step = 0; step < 40 && new Set(times).size < 3; step++) {
            await wait(100);
            times.push(video.currentTime);
        }
        video.pause();
        return {source: video.src, width: video.videoWidth, height: video.videoHeight, duration: video.duration,
                moments: new Set(times).size, label: video.getAttribute('aria-label')};
    }));
    const links = all('a').map(link => link.getAttribute('href'));
    return {
        played, links, scrollWidth: document.documentElement.scrollWidth, height: document.documentElement.scrollHeight,
        wide: all('body *').filter(e => e.getBoundingClientRect().right > innerWidth + 0.5 && !e.closest('.scroll'))
            .map(e => e.tagName + ' ' + e.textContent.slice(0, 60)),
        heading: document.querySelector('h1').textContent, sections: all('h2').map(e => e.textContent),
        tables: all('table').map(e => e.rows.length), prompts: all('.card h3').map(e => e.textContent),
        scripts: all('script').length,
    };
})()"""


def complaints(events: list[dict], folder: str) -> list[str]:
    """What the console said, what did not load, and what was asked for outside the folder."""
    found = []
    for event in events:
        method, parameters = event.get("method"), event.get("params", {})
        if method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
            found.append(json.dumps(parameters)[:300])
        elif method == "Network.requestWillBeSent":
            address = parameters["request"]["url"]
            if not address.startswith((folder, "data:")):
                found.append("requested: " + address[:200])
    return found


def view(browser: Browser, page: pathlib.Path, width: str, folder: pathlib.Path) -> dict:
    result = measured(browser, page, int(width), MEASURES, folder / f"demo-{width}.png")
    result["complaints"] = complaints(browser.events, page.parent.as_uri())
    result["width"] = int(width)
    return result


if __name__ == "__main__":
    each(view, sys.argv[4:], sys.argv[1], pathlib.Path(sys.argv[2]).resolve(), pathlib.Path(sys.argv[3]))
