"""A local HTTP server that behaves as badly as the real hosts do."""

import contextlib
import gzip
import hashlib
import http.server
import io
import threading
import time
import zipfile

QUOTA = b"<!DOCTYPE html><html><title>Google Drive - Quota exceeded</title></html>"


def archive_bytes(size=300_000):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("images/a.bin"), bytes(i * 7919 % 251 for i in range(size)))
    return buffer.getvalue()


CONTENT = archive_bytes()
MD5 = hashlib.md5(CONTENT).hexdigest()
COMPRESSED = gzip.compress(CONTENT)


class Host(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT under paths named after what goes wrong; `requests` records (path, Range)."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def send(self, status, body, length=None, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def do_GET(self):
        log = self.server.requests
        path, wanted = self.path.split("?")[0].strip("/"), self.headers.get("Range")
        log.append((path, wanted))
        getattr(self, path)(len([1 for name, _ in log if name == path]), wanted)

    def ranged(self, wanted, limit=None, tag='"one"', content=CONTENT):
        """Answer a Range request as RFC 9110 says; `limit` breaks the connection after that many bytes."""
        matches = self.headers.get("If-Range") in (None, tag)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and matches else 0
        if start >= len(content):
            return self.send(416, b"", Content_Range=f"bytes */{len(content)}")
        body = content[start:]
        headers = {"ETag": tag, "Accept_Ranges": "bytes"}
        if start:
            headers["Content_Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self.send(206 if start else 200, body[:limit], len(body), **headers)

    def good(self, count, wanted):
        self.ranged(wanted)

    def redirects(self, count, wanted):
        self.send(302, b"", Location="/hop")

    def hop(self, count, wanted):
        self.send(307, b"", Location="/good")

    def circles(self, count, wanted):
        self.send(302, b"", Location="/circles")

    def breaks(self, count, wanted):
        self.ranged(wanted, 100_000)

    def breaks_without_ranges(self, count, wanted):
        self.send(200, CONTENT[:100_000] if count < 3 else CONTENT, len(CONTENT))

    def always_breaks(self, count, wanted):
        self.send(200, CONTENT[:100_000], len(CONTENT))

    def stalls(self, count, wanted):
        self.ranged(wanted, 70_000 if count == 1 else None)
        if count == 1:
            self.wfile.flush()
            end = time.monotonic() + 20
            while len(self.server.requests) == 1:  # a client that waits for ever gets all of it from this one
                if time.monotonic() > end:
                    return self.wfile.write(CONTENT[70_000:])
                time.sleep(0.02)

    def changes(self, count, wanted):
        content = CONTENT if count == 1 else archive_bytes(200_000)
        self.ranged(wanted, 100_000 if count == 1 else None, f'"{min(count, 2)}"', content)

    def changes_silently(self, count, wanted):
        """No validator at all: only the length tells that the file is another one."""
        content = CONTENT if count == 1 else archive_bytes(200_000)
        if wanted:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            extent = f"bytes {start}-{len(content) - 1}/{len(content)}"
            return self.send(206, content[start:], Content_Range=extent)
        self.send(200, content[:100_000] if count == 1 else content, len(content))

    def wrong_range(self, count, wanted):
        if wanted:
            return self.send(206, CONTENT[7:], Content_Range=f"bytes 7-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.send(200, CONTENT[:100_000] if count == 1 else CONTENT, len(CONTENT), ETag='"one"')

    def says_too_much(self, count, wanted):
        self.send(200, CONTENT, len(CONTENT) + 1000)

    def says_too_little(self, count, wanted):
        self.send(200, CONTENT, len(CONTENT) - 1000)

    def quota(self, count, wanted):
        self.send(200, QUOTA, Content_Type="text/html; charset=utf-8")

    def hidden_quota(self, count, wanted):
        self.send(200, QUOTA, Content_Type="application/zip")

    def announced_as_gzip(self, count, wanted):
        """A .tar.gz with the header that would have a client decompress it on arrival."""
        self.send(200, COMPRESSED, Content_Encoding="x-gzip", Content_Type="application/x-tar")

    def missing(self, count, wanted):
        self.send(404, b"no")

    def busy(self, count, wanted):
        self.send(503, b"busy") if count < 3 else self.send(200, CONTENT)

    def drive_file(self, count, wanted):
        self.ranged(wanted, 100_000 if count == 1 else None)

    def drive_quota(self, count, wanted):
        self.send(200, QUOTA, Content_Type="text/html; charset=utf-8")


@contextlib.contextmanager
def serve():
    """A running server with its `url` and the list `requests` of (path, Range) it was asked for."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host)
    server.requests = []
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    server.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
