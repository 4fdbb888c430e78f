"""Writes a bbolt database as containerd's snapshotter has it: bolt_truth.py OUT {flat,tree,shared} [NAME=ID:PARENT...].

flat: each bucket stands in its parent's page. tree: the snapshots have a branch page of their own over leaves of one each.
shared: the fields of all snapshots are one page, which has as many others before them.
Written after bbolt's description of its format, with nothing of kanshiki.
"""
import struct
import sys

PAGE = 4096


def fnv(data):
    h = 0xcbf29ce484222325
    for octet in data:
        h = ((h ^ octet) * 0x100000001b3) & (1 << 64) - 1
    return h


def varint(n):
    out = b""
    while n > 0x7f:
        out += bytes([n & 0x7f | 0x80])
        n >>= 7
    return out + bytes([n])


def page(number, flags, elements, data, count):
    body = elements + data
    overflow = (16 + len(body) - 1) // PAGE
    return struct.pack("<QHHI", number, flags, count, overflow) + body


def leaf(number, entries):
    """entries: (key, value, is_bucket), sorted."""
    entries = sorted(entries)
    elements, data = b"", b""
    for i, (key, value, is_bucket) in enumerate(entries):
        pos = (len(entries) - i) * 16 + len(data)
        elements += struct.pack("<IIII", int(is_bucket), pos, len(key), len(value))
        data += key + value
    return page(number, 2, elements, data, len(entries))


def branch(number, children):
    elements, data = b"", b""
    for i, (key, child) in enumerate(children):
        pos = (len(children) - i) * 16 + len(data)
        elements += struct.pack("<IIQ", pos, len(key), child)
        data += key
    return page(number, 1, elements, data, len(children))


def in_place(entries):
    return struct.pack("<QQ", 0, 0) + leaf(0, entries)


def meta(number, root, last, txid):
    fixed = struct.pack("<IIIIQQQQQ", 0xED0CDAED, 2, PAGE, 0, root, 0, 2, last, txid)
    return struct.pack("<QHHI", number, 4, 0, 0) + fixed + struct.pack("<Q", fnv(fixed))


def snapshot(words):
    name, rest = words.split("=", 1)
    number, parent = rest.split(":", 1)
    fields = [(b"id", varint(int(number)), False), (b"kind", b"\x03", False)]
    if parent:
        fields.append((b"parent", parent.encode(), False))
    return name.encode(), in_place(fields), True


def main():
    out, mode, *words = sys.argv[1:]
    snapshots = sorted(map(snapshot, words))
    pages = {}
    if mode == "tree":
        for i, one in enumerate(snapshots):
            pages[5 + i] = leaf(5 + i, [one])
        pages[4] = branch(4, [(one[0], 5 + i) for i, one in enumerate(snapshots)])
        bucket = struct.pack("<QQ", 4, 0)
    elif mode == "shared":
        fields = [(b"a%d" % i, b"", False) for i in range(len(words))] + [(b"id", b"\1", False)]
        size = len(leaf(4, [(key, bytes(16), True) for key, _, _ in snapshots]))
        below = 4 + (size + PAGE - 1) // PAGE
        pages[4] = leaf(4, [(key, struct.pack("<QQ", below, 0), True) for key, _, _ in snapshots])
        pages[below] = leaf(below, fields)
        bucket = struct.pack("<QQ", 4, 0)
    else:
        bucket = in_place(snapshots)
    v1 = in_place([(b"parents", in_place([]), True), (b"snapshots", bucket, True)])
    root = leaf(3, [(b"v1", v1, True)])
    if len(root) > PAGE:
        sys.exit("too many for one page: take tree")
    pages.update({0: meta(0, 3, 99, 7), 1: meta(1, 3, 99, 6), 2: page(2, 16, b"", b"", 0), 3: root})
    with open(out, "wb") as stream:
        for number in sorted(pages):
            stream.seek(number * PAGE)
            stream.write(pages[number] + bytes(-len(pages[number]) % PAGE))


main()
