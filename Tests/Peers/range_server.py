#!/usr/bin/env python3
"""Serves a folder over HTTP on a free port of this machine, with ranges of bytes, as well or badly as asked.

Prints the port on a line of its own. Ends when standard input does, so that no server outlives who started it.
"""

import argparse
import http.server
import re
import sys
import threading
import time
import urllib.parse
from pathlib import Path


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        options = self.server.options
        name = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path).rsplit("/", 1)[-1]
        path = options.folder / name
        if options.hang and name.endswith(".tar"):
            time.sleep(60)
        if not name or not path.is_file():
            self.send_error(404)
            return
        size = path.stat().st_size
        first, last, status = 0, size - 1, 200
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked and not options.no_ranges:
            first, last, status = int(asked[1]), min(int(asked[2] or last), last), 206
            if first > last:
                self.send_error(416)
                return
        self.send_response(status)
        self.send_header("Content-Length", str(last - first + 1))
        if status == 206:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        if not options.no_ranges:
            self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        with path.open("rb") as file:
            file.seek(first)
            body = file.read(last + 1 - first)
        with self.server.lock:
            drop = options.drop > 0 and name.endswith(".tar") and len(body) > 2000
            options.drop -= drop
        if drop:
            body = body[: len(body) // 2]
            self.close_connection = True
        pieces = range(0, len(body), 1500) if options.slow else [0]
        for start in pieces:
            self.wfile.write(body[start : start + 1500] if options.slow else body)
            if options.slow:
                time.sleep(0.001)

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--drop", type=int, default=0, metavar="N", help="break N replies off in the middle")
    parser.add_argument("--slow", action="store_true", help="send small pieces with pauses")
    parser.add_argument("--hang", action="store_true", help="never answer a request for an archive")
    parser.add_argument("--no-ranges", action="store_true", help="always send the whole file")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.options, server.lock = parser.parse_args(), threading.Lock()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
