"""The rules of a kanshiki-bag/1, checked without any of our C: names, modes, labels, manifests, digests, closed world."""
import hashlib
import os
import re
import stat

BAGIT = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
TAGS = {"README-verify.txt": 64 << 10, "bag-info.txt": 64 << 10, "bagit.txt": len(BAGIT), "capture.json": 16 << 20,
        "gaps.ndjson": 16 << 20, "journal.ndjson": 16 << 20, "manifest-sha256.txt": 16 << 20}
TAG_MANIFEST = "tagmanifest-sha256.txt"
LABELS = ["Bagging-Date", "Bag-Software-Agent", "Payload-Oxum", "External-Identifier", "Kanshiki-Format", "Kanshiki-Case",
          "Kanshiki-Host", "Kanshiki-Container", "Kanshiki-Gaps", "Kanshiki-Status"]
FORMS = {"Bagging-Date": r"\d{4}-\d\d-\d\d", "Payload-Oxum": r"(0|[1-9]\d*)\.(0|[1-9]\d*)", "Kanshiki-Format": r"kanshiki-bag/1",
         "Kanshiki-Container": r"[0-9a-f]{64}", "Kanshiki-Gaps": r"(0|[1-9]\d*)", "Kanshiki-Status": r"complete|partial"}
BUNDLE = re.compile(r"\d{8}t\d{6}z-[0-9a-f]{12}-[0-9a-f]{4}")
COMPONENT = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
TAG_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
RESERVED = re.compile(r"(con|nul|aux|prn|com[0-9]|lpt[0-9])(\..*)?")
SEAL_NAME = re.compile(r"tagmanifest-sha256\.txt\.([2-9]\.|[1-9]\d\.)?(sig|p7s|tsq|tsr)|\d{6}-dispose\.(json|sig|json\.sig)")
LINE = re.compile(rb"([0-9a-f]{64})  ([^\n]+)\n")
MAX_FILES, MAX_PATH, MAX_PARTS, MAX_VALUE = 20000, 200, 8, 256
MAX_PROOFS, MAX_PROOF = 64, 1 << 20


def sha256_file(path):
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


class Bag:
    """One directory, walked once; check() gives the faults as lines of text."""

    def __init__(self, path):
        self.path = path
        self.faults = []
        self.files = {}    # path below the bundle -> size; seal/ left out
        self.listed = {}   # path -> digest, of manifest-sha256.txt
        self.info = {}

    def fault(self, text):
        self.faults.append(text)

    def read(self, name):
        """A tag file under its cap; b"" with a fault where it cannot be."""
        try:
            if os.path.getsize(self.path / name) > TAGS.get(name, 64 << 10):
                self.fault(f"{name}: over its cap")
                return b""
            return (self.path / name).read_bytes()
        except OSError as error:
            self.fault(f"{name}: {error.strerror}")
            return b""

    def check(self):
        self.walk()
        self.names()
        self.bag_info(self.read("bag-info.txt"))
        if self.read("bagit.txt") != BAGIT:
            self.fault("bagit.txt: not its two lines")
        self.listed = self.manifest("manifest-sha256.txt", self.read("manifest-sha256.txt"))
        tags = self.manifest(TAG_MANIFEST, self.read(TAG_MANIFEST))
        if set(tags) != set(TAGS):
            self.fault(f"{TAG_MANIFEST}: it lists {sorted(tags)}")
        self.closed_world()
        for name, digest in {**tags, **self.listed}.items():
            if name in self.files and sha256_file(self.path / name) != digest:
                self.fault(f"{name}: not the digest of its manifest")
        self.oxum()
        return self.faults

    def walk(self):
        for directory, names, files in os.walk(self.path):
            below = os.path.relpath(directory, self.path)
            below = "" if below == "." else below + "/"
            if not names and not files and below != "seal/":  # an empty seal/ is as none: whoever was to sign was stopped
                self.fault(f"{below}: an empty directory")
            if stat.S_IMODE(os.lstat(directory).st_mode) != 0o700:
                self.fault(f"{below or '.'}: mode {stat.S_IMODE(os.lstat(directory).st_mode):o}, not 700")
            for name in names:
                if os.path.islink(os.path.join(directory, name)):
                    self.fault(f"{below}{name}: a link")
            for name in files:
                self.one_file(below + name, os.lstat(os.path.join(directory, name)))

    def one_file(self, path, status):
        if not stat.S_ISREG(status.st_mode):
            self.fault(f"{path}: no regular file")
        elif path.startswith("seal/"):
            if not SEAL_NAME.fullmatch(path[5:]) or status.st_size > MAX_PROOF:
                self.fault(f"{path}: no proof's name or size")
        else:
            self.files[path] = status.st_size
            if stat.S_IMODE(status.st_mode) != 0o400:
                self.fault(f"{path}: mode {stat.S_IMODE(status.st_mode):o}, not 400")

    def names(self):
        if not BUNDLE.fullmatch(self.path.name):
            self.fault(f"{self.path.name}: no bundle's name")
        if len(self.files) > MAX_FILES:
            self.fault(f"{len(self.files)} files")
        for path in self.files:
            parts = path.split("/")
            grammar = COMPONENT if parts[0] == "data" else TAG_NAME
            bad = [p for p in parts if not grammar.fullmatch(p) or p.endswith(".") or RESERVED.fullmatch(p)]
            if bad or len(parts) > MAX_PARTS or len(path) > MAX_PATH:
                self.fault(f"{path}: no name of a bag")

    def bag_info(self, text):
        try:
            lines = text.decode().splitlines(keepends=True)
        except UnicodeDecodeError:
            self.fault("bag-info.txt: no UTF-8")
            return
        pairs = [line.rstrip("\n").split(": ", 1) for line in lines if line.endswith("\n") and ": " in line]
        self.info = dict(pairs)
        partial = self.info.get("Kanshiki-Status") == "partial"
        if [p[0] for p in pairs] != LABELS + (["Kanshiki-Partial-Reason"] if partial else []) or len(pairs) != len(lines):
            self.fault(f"bag-info.txt: labels {[p[0] for p in pairs]}")
        for label, value in self.info.items():
            if not re.fullmatch(FORMS.get(label, ".+"), value) or len(value.encode()) > MAX_VALUE:
                self.fault(f"bag-info.txt: {label}: {value!r}")
        if self.info.get("External-Identifier") != self.path.name:
            self.fault("bag-info.txt: External-Identifier is not the bundle's name")

    def manifest(self, name, text):
        listed, end = {}, 0
        for found in LINE.finditer(text):
            if found.start() != end:
                break
            end = found.end()
            path = found.group(2).decode(errors="replace")
            if path in listed:
                self.fault(f"{name}: {path} twice")
            listed[path] = found.group(1).decode()
        if end != len(text):
            self.fault(f"{name}: octet {end} is no line of digest, two blanks and path")
        if list(listed) != sorted(listed, key=str.encode):
            self.fault(f"{name}: not in the order of its paths' bytes")
        return listed

    def closed_world(self):
        known = set(self.listed) | set(TAGS) | {TAG_MANIFEST}
        for path in sorted(known ^ set(self.files)):
            self.fault(f"{path}: {'not there' if path in known else 'in no manifest'}")
        for path in self.listed:
            if not path.startswith("data/"):
                self.fault(f"manifest-sha256.txt: {path} is not below data/")
        proofs = list((self.path / "seal").iterdir()) if (self.path / "seal").is_dir() else []
        if len(proofs) > MAX_PROOFS:
            self.fault(f"seal: {len(proofs)} files")

    def oxum(self):
        payload = [size for path, size in self.files.items() if path.startswith("data/")]
        if self.info.get("Payload-Oxum") != f"{sum(payload)}.{len(payload)}":
            self.fault(f"bag-info.txt: Payload-Oxum {self.info.get('Payload-Oxum')}, counted {sum(payload)}.{len(payload)}")
