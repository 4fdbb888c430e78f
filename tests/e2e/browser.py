"""Headless Chromium by its DevTools pipe: opens one file, records every request and console message, takes pictures."""
import base64
import json
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import time

MAX_SECONDS = 60
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def program():
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


class Browser:
    def __enter__(self):
        self.profile = tempfile.mkdtemp(prefix="kan-chromium-")
        to_read, to_write = os.pipe()
        from_read, from_write = os.pipe()
        os.set_inheritable(to_read, True)
        os.set_inheritable(from_write, True)

        def descriptors():
            # Chromium reads commands from descriptor 3 and writes to 4; move out of the way first.
            reader, writer = os.dup(to_read), os.dup(from_write)
            high = [os.dup2(reader, 100), os.dup2(writer, 101)]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        argv = [program(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-extensions", "--hide-scrollbars",
                "--mute-audio", f"--user-data-dir={self.profile}", "--remote-debugging-pipe", "about:blank"]
        self.log = open(os.path.join(self.profile, "log"), "wb")
        self.process = subprocess.Popen(argv, close_fds=False, preexec_fn=descriptors, stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log)
        os.close(to_read)
        os.close(from_write)
        self.output, self.input, self.buffer, self.number, self.events = to_write, from_read, b"", 0, []
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        for descriptor in (self.output, self.input):
            os.close(descriptor)
        self.log.close()
        shutil.rmtree(self.profile, ignore_errors=True)

    def receive(self):
        end = time.monotonic() + MAX_SECONDS
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.input], [], [], max(0, end - time.monotonic()))
            block = os.read(self.input, 1 << 16) if ready else b""
            if not block:
                raise AssertionError("Chromium does not answer: " + pathlib.Path(self.log.name).read_text(errors="replace")[-2000:])
            self.buffer += block
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if hasattr(self, "session"):
            message["sessionId"] = self.session
        os.write(self.output, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def open(self, path):
        self.events.clear()
        self.call("Page.navigate", url=pathlib.Path(path).as_uri())
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.events.append(self.receive())
        self.evaluate("1")

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise AssertionError(result["exceptionDetails"])
        return result["result"].get("value")

    def requests(self):
        return [e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]

    def messages(self):
        return [e for e in self.events if e.get("method") in ("Runtime.consoleAPICalled", "Log.entryAdded", "Runtime.exceptionThrown")]

    def view(self, width, height, scheme, media="screen"):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self, path):
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(data))

    def pdf_bytes(self):
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])
