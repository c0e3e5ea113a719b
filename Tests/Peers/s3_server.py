#!/usr/bin/env python3
"""Serves a folder as a bucket of S3, by path, to requests that bear a right AWS Signature Version 4.

Keys begin with `sets/`. The signature is computed here from the specification, with nothing of AWS's libraries. As
range_server.py otherwise, and with its options.
"""

import datetime
import hashlib
import hmac
import urllib.parse

from range_server import Handler, parser, serve

EMPTY = hashlib.sha256(b"").hexdigest()


def signature(secret: str, date: str, region: str, text: str) -> str:
    key = ("AWS4" + secret).encode()
    for part in [date, region, "s3", "aws4_request"]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


class S3Handler(Handler):
    def do_GET(self) -> None:
        options = self.server.options
        parts = urllib.parse.urlsplit(self.path)
        _, bucket, folder, *_ = [*urllib.parse.unquote(parts.path).split("/"), "", ""]
        # S3 escapes all but letters, digits, "-._~" and the slashes between; other spellings sign as what they mean.
        if parts.path != urllib.parse.quote(urllib.parse.unquote(parts.path), safe="/~"):
            self.refuse(400, "InvalidURI")
        elif bucket != options.bucket:
            self.refuse(404, "NoSuchBucket")
        elif (wrong := None if options.public else self.wrong(parts)) == "Region":
            self.refuse(301, "PermanentRedirect", {"x-amz-bucket-region": options.region})
        elif wrong:
            self.refuse(403, wrong)
        elif folder != "sets":
            self.refuse(404, "NoSuchKey")
        else:
            super().do_GET()

    def refuse(self, status: int, code: str, headers: dict[str, str] | None = None) -> None:
        body = f"<?xml version='1.0'?>\n<Error><Code>{code}</Code><Message>No.</Message></Error>"
        self.reply(body.encode(), status, headers)

    def wrong(self, parts: urllib.parse.SplitResult) -> str:
        """What S3 would call the reason to refuse; empty where all is right."""
        options, headers = self.server.options, self.headers
        kind, _, rest = headers.get("Authorization", "").partition(" ")
        if kind != "AWS4-HMAC-SHA256":
            return "AccessDenied"
        fields = dict(field.strip().split("=", 1) for field in rest.split(","))
        key, date, region, service, end = fields["Credential"].split("/")
        if key != options.key:
            return "InvalidAccessKeyId"
        if region != options.region:
            return "Region"
        now, time = datetime.datetime.now(datetime.timezone.utc), headers.get("x-amz-date", "")
        signed = datetime.datetime.strptime(time + "+0000", "%Y%m%dT%H%M%SZ%z")
        if abs(now - signed) > datetime.timedelta(minutes=15) or not time.startswith(date):
            return "RequestTimeTooSkewed"
        names = fields["SignedHeaders"].split(";")
        owed = ["host", *sorted(name.lower() for name in headers if name.lower().startswith("x-amz-"))]
        if (service, end) != ("s3", "aws4_request") or names != sorted(names) or not set(owed) <= set(names):
            return "AuthorizationHeaderMalformed"
        if headers.get("x-amz-content-sha256") != EMPTY:
            return "XAmzContentSHA256Mismatch"
        if options.token and headers.get("x-amz-security-token") != options.token:
            return "InvalidToken"
        query = "&".join(sorted(f"{name}={value}" for name, value in urllib.parse.parse_qsl(parts.query)))
        lines = [f"{name}:{' '.join(headers[name].split())}\n" for name in names]
        request = "\n".join(["GET", parts.path, query, "".join(lines), ";".join(names), EMPTY])
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = "\n".join(["AWS4-HMAC-SHA256", time, f"{date}/{region}/s3/aws4_request", digest])
        is_right = hmac.compare_digest(signature(options.secret, date, region, text), fields["Signature"])
        return "" if is_right else "SignatureDoesNotMatch"


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("--bucket", default="bucket")
    options.add_argument("--key", default="AKIDEXAMPLE")
    options.add_argument("--secret", default="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    options.add_argument("--token", default="", help="that requests must bear")
    options.add_argument("--region", default="us-east-1")
    options.add_argument("--public", action="store_true", help="ask for no signature")
    serve(S3Handler, options.parse_args())
