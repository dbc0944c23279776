"""Opens a page of another origin in a real browser while `serve` runs, and looks what it could read, write or delete.

Usage: browser.py [--chromium PROGRAM]. The page tries what pages can: fetch with and without preflight, forms,
beacons, images, scripts, frames, event sources, WebSockets, and a name that was made to lead here. Then it does the
same to a copy without the guard: a proxy that takes away what browsers say of themselves. There it must get through,
or this proves nothing.
"""

import argparse
import contextlib
import http.client
import http.server
import json
import pathlib
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import servers  # noqa: E402

BUCKET = "auth0-logs"
PREFIX = "logs/2026/11/20/13/"
PAGE = pathlib.Path(__file__).with_name("page.html")
PAGE_SECONDS_MAX = 120
# What a browser says of itself and of the page.
BROWSER_HEADERS = ("origin", "referer", "access-control-", "sec-", "host", "connection", "content-length")
# What has to get through to the copy without the guard.
THROUGH = {
    "read_simple", "list", "image", "script", "frame", "rebound_image", "rebound_script", "rebound_read",
    f"wrote {PREFIX}form.gz", f"wrote {PREFIX}put.gz", f"deleted {PREFIX}seen.gz",
}
# What the bucket holds, as a browser could show, run or read it.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000 1f15c4890000000d49444154789c6360000002000001e221bc33"
    "0000000049454e44ae426082".replace(" ", "")
)
OBJECTS = {
    "seen.gz": (b"a row of the log", "application/gzip"),
    "pixel.png": (PIXEL, "image/png"),
    "leak.js": (b"window.leaked = 'a row of the log';", "text/javascript"),
    "page.html": (b"<script>parent.postMessage('a row of the log', '*')</script>", "text/html"),
}


def main() -> int:
    """Runs both, and says how many attacks got through."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--chromium", default=shutil.which("chromium") or "chromium", help="the browser")
    chromium = parser.parse_args().chromium
    guarded = attacked(chromium, guard=True)
    open_copy = attacked(chromium, guard=False)
    print(f"{len(guarded)} of the page's attacks got through to `serve`: {', '.join(sorted(guarded)) or 'none'}")
    print(f"{len(open_copy)} to a copy without the guard: {', '.join(sorted(open_copy))}")
    missing = THROUGH - open_copy
    if missing:
        print(f"these should get through to the copy, or the page has become harmless: {', '.join(sorted(missing))}")
    return 0 if not guarded and not missing else 1


def attacked(chromium: str, *, guard: bool) -> set[str]:
    """Which attacks of the page got through."""
    with tempfile.TemporaryDirectory(prefix="browser-") as folder, contextlib.ExitStack() as stack:
        endpoint = stack.enter_context(servers.local_aws(pathlib.Path(folder) / "data"))
        s3 = servers.client("s3", endpoint)
        for name, (body, content_type) in OBJECTS.items():
            s3.put_object(Bucket=BUCKET, Key=PREFIX + name, Body=body, ContentType=content_type)
        server = endpoint if guard else stack.enter_context(unguarded(endpoint))
        port = server.rsplit(":", 1)[1]
        read = opened(chromium, server, f"http://evil.example:{port}", pathlib.Path(folder) / "profile")
        print(f"the page tries {len(read)} ways")
        through = {name for name, text in read.items() if text}
        keys = {it["Key"] for it in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])}
        through |= {f"wrote {key}" for key in keys - {PREFIX + name for name in OBJECTS}}
        through |= {f"deleted {PREFIX}{name}" for name in OBJECTS if PREFIX + name not in keys}
        return through


def opened(chromium: str, server: str, rebound: str, profile: pathlib.Path) -> dict[str, str]:
    """Opens the page, and returns what each of its attacks has read."""
    page = PAGE.read_text().replace("%(server)s", server).replace("%(rebound)s", rebound)
    done: dict[str, str] = {}
    finished = threading.Event()

    class Attacker(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:  # noqa: N802
            self.answer(page.encode())

        def do_POST(self) -> None:  # noqa: N802
            done.update(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.answer(b"")
            finished.set()

        def answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with running(Attacker) as address:
        options = [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", f"--user-data-dir={profile}",
            "--host-resolver-rules=MAP evil.example 127.0.0.1", "--disable-features=LocalNetworkAccessChecks",
        ]
        with servers.logged("chromium") as log, servers.running([chromium, *options, address], stdout=log, stderr=log):
            if not finished.wait(PAGE_SECONDS_MAX):
                raise TimeoutError("the page did not come to its end")
    return done


@contextlib.contextmanager
def unguarded(endpoint: str) -> Iterator[str]:
    """A proxy that passes requests on as if no browser had sent them, and lets every page read the answers."""
    host = endpoint.removeprefix("http://")

    class Proxy(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {
                name: value for name, value in self.headers.items() if not name.lower().startswith(BROWSER_HEADERS)
            }
            if self.headers.get("Content-Type", "").startswith("multipart/form-data"):
                # `serve` takes no forms from anybody; what S3 makes of one is an object.
                self.command, self.path, body = "PUT", f"/{BUCKET}/{PREFIX}form.gz", b"rows"
                del headers["Content-Type"]
            connection = http.client.HTTPConnection(host)
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers.get("Content-Type", "text/plain"))
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = pass_on

        def do_OPTIONS(self) -> None:  # noqa: N802
            self.send_response(200)
            for name in ("Origin", "Methods", "Headers"):
                self.send_header(f"Access-Control-Allow-{name}", "*")
            self.send_header("Content-Length", "0")
            self.end_headers()

    with running(Proxy) as address:
        yield address


@contextlib.contextmanager
def running(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    """Runs an HTTP server on a port of the loopback address, and yields its URL."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


if __name__ == "__main__":
    sys.exit(main())
