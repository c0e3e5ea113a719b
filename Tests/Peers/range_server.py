#!/usr/bin/env python3
"""Serves a folder over HTTP on a free port of this machine, with ranges of bytes, as well or badly as asked.

Prints the port on a line of its own. Ends when standard input does, so that no server outlives who started it.
`/counts` gives the numbers of connections and of requests for archives so far, and when each refusal was sent.
"""

import argparse
import http.server
import json
import re
import ssl
import sys
import threading
import time
import urllib.parse
from pathlib import Path


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without, a body waits for the acknowledgement of its headers.
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        with self.server.lock:
            self.server.counts["connections"] += 1

    def do_GET(self) -> None:
        options = self.server.options
        place = urllib.parse.urlsplit(self.path).path
        name = urllib.parse.unquote(place).rsplit("/", 1)[-1]
        below = options.folder / urllib.parse.unquote(place).lstrip("/")
        path = below if below.is_file() else options.folder / name
        if name == "counts":
            self.reply(json.dumps(self.server.counts).encode())
            return
        if options.redirect and not place.startswith("/moved/"):
            self.send_response(302)
            self.send_header("Location", options.redirect + "/moved" + self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        token = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query).get("token")
        if options.access and token != [options.access]:
            self.reply(b"", 403)
            return
        if options.password and self.headers.get("Authorization") != "Basic " + options.password:
            self.reply(b"", 401)
            return
        is_archive = name.endswith(options.ending)
        with self.server.lock:
            refuse = is_archive and options.refuse > 0
            options.refuse -= refuse
            number = self.server.counts["archives"]
            self.server.counts["archives"] += is_archive
            if refuse:
                self.server.counts["refusals"].append(time.monotonic())
        if options.hang and is_archive:
            time.sleep(60)
        if refuse:
            headers = {"Retry-After": options.retry_after} if options.retry_after else {}
            self.reply(b"<Error><Code>SlowDown</Code></Error>", options.status, headers)
            return
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
            told = options.told or size + (options.grow if is_archive and number > 0 else 0)
            self.send_header("Content-Range", f"bytes {first + options.shift}-{last + options.shift}/{told}")
        if not options.no_ranges:
            self.send_header("Accept-Ranges", "bytes")
        if options.retag:
            self.send_header("ETag", '"new"' if is_archive and number >= options.retag else '"old"')
        self.end_headers()
        with path.open("rb") as file:
            file.seek(first)
            body = file.read(last + 1 - first)
        with self.server.lock:
            fits = len(body) > 200 if options.drop_all else is_archive and len(body) > 2000
            drop = options.drop > 0 and fits
            options.drop -= drop
        if drop:
            body = body[: len(body) // 2]
            self.close_connection = True
        if options.stall and is_archive and len(body) > 2000:
            self.wfile.write(body[: len(body) // 2])
            time.sleep(60)
        pieces = range(0, len(body), 1500) if options.slow else [0]
        for start in pieces:
            self.wfile.write(body[start : start + 1500] if options.slow else body)
            if options.slow:
                time.sleep(0.001)

    def reply(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Clients that go away are no news."""


def parser(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--drop", type=int, default=0, metavar="N", help="break N replies off in the middle")
    parser.add_argument("--drop-all", action="store_true", help="break replies off that are no archives too")
    parser.add_argument("--slow", action="store_true", help="send small pieces with pauses")
    parser.add_argument("--stall", action="store_true", help="send half of an archive's bytes and then nothing")
    parser.add_argument("--hang", action="store_true", help="never answer a request for an archive")
    parser.add_argument("--no-ranges", action="store_true", help="always send the whole file")
    parser.add_argument("--refuse", type=int, default=0, metavar="N", help="refuse the first N requests for archives")
    parser.add_argument("--status", type=int, default=503, help="of refusals")
    parser.add_argument("--retry-after", default="", metavar="SECONDS", help="of refusals")
    parser.add_argument("--redirect", default="", metavar="URL", help="send requests on to URL/moved/…")
    parser.add_argument("--access", help="refuse (403) requests whose query has not this token")
    parser.add_argument("--told", type=int, help="the size that replies tell of every file")
    parser.add_argument("--grow", type=int, default=0, metavar="N", help="tell N bytes more after the first request")
    parser.add_argument("--shift", type=int, default=0, metavar="N", help="tell ranges N bytes behind those asked for")
    parser.add_argument("--retag", type=int, default=0, metavar="N", help="tell another tag after N requests")
    parser.add_argument("--password", default="", metavar="BASE64", help="of USER:PASSWORD that requests must bear")
    parser.add_argument("--ending", default=".tar", help="of the names that count as archives")
    parser.add_argument("--certificate", metavar="PEM", help="of a server over TLS, with its key")
    return parser


def serve(handler: type[Handler], options: argparse.Namespace) -> None:
    server = Server(("127.0.0.1", 0), handler)
    server.options, server.lock = options, threading.Lock()
    server.counts = {"connections": 0, "archives": 0, "refusals": []}
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    serve(Handler, parser(__doc__).parse_args())
