"""Requests that are wrong, each from random numbers of a seed.

HTTP can tell where a whole one ends: many go over one connection. It cannot for a broken one, which is the last of its
connection. Each kind says which answers are right; where a random change may leave a request right, 200 is one."""

import json
import random
import struct
from dataclasses import dataclass

ADDRESSES = [
    b"/v1/images",
    b"/v1/interpolate",
    b"/v1/latents",
    b"/v1/models",
    b"/v2",
    b"/metrics",
    b"/openapi.json",
    b"/",
]
HUGE = ["18446744073709551616", "9" * 25, "9" * 400, "-1", "-9223372036854775809", "1e9", "1.5", "NaN", "inf", "0x10"]
WRONG = ["", "%20", "x", "%00", "%ff%fe", "%EF%BC%91", "null", "[]", "{}", "1;2", "'", "%22", "../..", "%25s%25n"]
# Parameters of each address, and values beside HUGE and WRONG that are none for them.
PARAMETERS = {
    "/v1/images": {
        "seed": [],
        "n": ["0", "257", "4294967297"],
        "seeds": ["1,,2", "5-", "-", "0-18446744073709551615", ",", "0-300"],
        "columns": ["0"],
        "scale": ["0", "65"],
        "padding": ["1025"],
        "format": ["gif", "bmp", "PNG", "png%00"],
        "truncation": ["0", "0.01", "-2", "1e-400", "1e9999"],
    },
    "/v1/interpolate": {"from": [], "to": [], "frames": ["0", "257"], "fps": ["0", "51"], "scale": ["0", "65"]},
    "/v1/latents": {"seed": [], "n": ["0", "257"], "seeds": [",", "0-300"], "truncation": ["0", "0.09"]},
}
LONG_NUMBERS = {"truncation": ["1e9", "1.5", "9" * 25, "18446744073709551616", "9" * 400]}


# fmt: off
PATHS = [
    b"/../../etc/passwd", b"//v1/images", b"/v1//images", b"/%2e%2e/%2e%2e/x", b"/v1/images/7/", b"/v1/images%00",
    b"/V1/IMAGES", b"/v1/images/7.png", b"/v1", b"/v2/models", b"/v2/models/", b"/.git/config", b"/v2/health",
    b"/\\..\\..", b"/v1/images;n=2", b"/" + b"a/" * 2000, b"/" + b"%41" * 2000, b"/v2/health/live/..",
]
VALUES = [
    -1, 0, 2**63, 2**64, 1e308, "", "x", None, [], {}, [[]], [0], [-1], [2**32, 2**32], [2**63, 2], "INT8", "fp32",
    True, "\ud800", "\0", "9" * 1000,
]
METHODS = [
    b"PUT", b"DELETE", b"PATCH", b"TRACE", b"OPTIONS", b"get", b"FOO", b"X" * 30, b"PROPFIND", b"!#$%&'*+-.^_`|~",
]
TYPES = [
    b"application/json", b"Application/JSON; charset=utf-8", b"text/plain", b"", b"x", b"application/json; charset=utf-16",
    b"application/x-www-form-urlencoded", b"\xff",
]
RIGHT_TYPES = TYPES[:2]
HEADER_LENGTHS = [b"-1", b"", b"x", b"1e3", b"99999999", b"9" * 40, b"0", b"1", b"-0", b"0x10", b"\xff"]
HOSTS = [
    (b"", 400), (b"Host: localhost\r\nHost: localhost\r\n", 400), (b"Host: \r\n", 400), (b"Host: a b\r\n", 400),
    (b"Host: x@localhost\r\n", 400), (b"Host: \xff\r\n", 400), (b"Host: bench.example\r\n", 403),
    (b"Host: localhost.bench.example:80\r\n", 403),
]
REQUEST_LINES = [
    b"", b"GET", b"GET /", b"GET / HTTP/9.9", b"GET / HTTP/1.1 x", b"GET  / HTTP/1.1", b"GET\t/\tHTTP/1.1",
    b"G\0T / HTTP/1.1", b"GET / http/1.1", b"GET /\xff HTTP/1.1", b"GET http:// HTTP/1.1", b"GET * HTTP/1.1",
    b"CONNECT x:1 HTTP/1.1", b"GET /" + b"a" * 70_000 + b" HTTP/1.1", b" GET / HTTP/1.1", b"/ GET HTTP/1.1",
]
FIELDS = [
    b"no colon", b": x", b"a b: c", b"a\0: b", b"a: \0", b"a: b\rc", b"a: b\nc: d", b" folded: x", b"a:\r\n folded",
    b"Host", b"\xff: x", b"Expect: 200-ok", b"Connection: \xff", b"If-None-Match: " + b'"x",' * 3000,
]
LENGTHS = [
    b"Content-Length: -1", b"Content-Length: x", b"Content-Length: 1\r\nContent-Length: 2", b"Content-Length:",
    b"Content-Length: " + b"9" * 30, b"Content-Length: 5, 6", b"Content-Length: +5", b"Content-Length: 0x5",
    b"Content-Length: 5 5", b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked, gzip",
    b"Transfer-Encoding: xchunked",
]
CHUNKS = [
    b"x\r\n", b"-1\r\n", b"ffffffffffffffffff\r\nx", b"5\r\nabc\r\n0\r\n\r\n", b"5\nabcde\r\n0\r\n\r\n",
    b"\r\n\r\n", b"5 5\r\nabcde", b"1;" + b"a" * 20_000 + b"\r\nx\r\n", b"0\r\n" + b"a: b\r\n" * 2000 + b"\r\n",
]
NOISE = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"SSH-2.0-x\r\n", b"\r\n" * 50, b"\0" * 200, b"{}\n", b"EHLO x\r\n",
]
# fmt: on


@dataclass
class Request:
    kind: str
    data: bytes
    right: tuple
    # Whether the next request may follow on its connection.
    is_whole: bool = True
    # Whether its end does not come: the client says that it sends no more.
    is_cut: bool = False
    # Whether a connection that closes without an answer is right, too.
    may_be_silent: bool = False
    has_body: bool = True


class Maker:
    """Makes requests for a model of a server."""

    def __init__(self, model, latent, seed):
        self.model, self.latent, self.random = model, latent, random.Random(seed)
        self.whole = [
            self.numbers, self.parameters, self.paths, self.methods, self.heads, self.changed_json, self.wrong_json,
            self.no_json, self.tensors, self.encodings, self.chunks, self.versions, self.oversized, self.hosts,
        ]  # fmt: skip
        self.broken = [
            self.request_lines, self.headers, self.many_headers, self.lengths, self.broken_chunks, self.cut, self.noise,
        ]  # fmt: skip
        numbers = [round(self.random.gauss(0, 1), 3) for _ in range(latent)]
        tensor = {"name": "z", "shape": [1, latent], "datatype": "FP32", "data": numbers}
        self.infer_json = json.dumps({"id": "7", "inputs": [tensor], "outputs": [{"name": "image"}]}).encode()
        self.images_json = json.dumps({"latents": [numbers], "columns": 1, "scale": 1, "format": "png"}).encode()

    def request(self, broken_part):
        kinds = self.broken if self.random.random() < broken_part else self.whole
        return self.random.choice(kinds)()

    # Whole ones

    def get(self, kind, target, right, headers=b"", method=b"GET"):
        data = b"%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n" % (method, target, headers)
        return Request(kind, data, right, has_body=method != b"HEAD")

    def post(self, kind, target, body, right, headers=b""):
        head = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n%s\r\n" % (target, len(body), headers)
        return Request(kind, head + body, right)

    def typed(self, kind, target, body, right):
        """A body of some type: what is not JSON is told so."""
        of = self.random.choice(TYPES)
        right = right if of in RIGHT_TYPES else (415,)
        return self.post(kind, target, body, right, b"Content-Type: %s\r\n" % of)

    def infer(self):
        return b"/v2/models/%s/infer" % self.model.encode()

    def numbers(self):
        path = self.random.choice(list(PARAMETERS))
        name = self.random.choice(list(PARAMETERS[path]))
        # Any number will do for some.
        values = [value for value in HUGE + WRONG if value not in LONG_NUMBERS.get(name, [])]
        value = self.random.choice(values + PARAMETERS[path][name])
        others = "" if path != "/v1/interpolate" else "".join(f"&{n}=1" for n in ("from", "to") if n != name)
        return self.get("numbers", f"{path}?{name}={value}{others}".encode(), (400,))

    def parameters(self):
        path = self.random.choice(list(PARAMETERS))
        letters = lambda: "".join(self.random.choices("abxyz_%0123456789.[]~", k=self.random.randrange(1, 40)))
        pairs = [f"zz{letters()}={letters()}" for _ in range(self.random.randrange(1, 8))]
        pairs += self.random.choice([[], ["seed=1", "seed=2"], ["n=1"] * 50, ["&&&"], ["=", "=="]])
        self.random.shuffle(pairs)
        return self.get("parameters", f"{path}?{'&'.join(pairs)}".encode(), (400,))

    def paths(self):
        path = self.random.choice(PATHS)
        if self.random.random() < 0.5:
            path += b"%%%02x" % self.random.randrange(256) + b"%d" % self.random.randrange(10**6)
        return self.get("paths", path, (400, 404))

    def methods(self):
        return self.get("methods", self.random.choice(ADDRESSES), (405,), method=self.random.choice(METHODS))

    def heads(self):
        target = self.random.choice([b"/v1/images?n=0", b"/nothing", b"/v1/interpolate", b"/v2/models/nothing"])
        return self.get("HEAD", target, (400, 404), method=b"HEAD")

    def changed_json(self):
        target, body = self.random.choice([(self.infer(), self.infer_json), (b"/v1/images", self.images_json)])
        return self.typed("changed JSON", target, self.change(body), (200, 400))

    def wrong_json(self):
        """One value in a right body is of another type or size."""
        tensor = {"name": "z", "shape": [1, self.latent], "datatype": "FP32", "data": [0.5] * self.latent}
        value = self.random.choice([*VALUES, [1, self.latent + 1], [1, 1, self.latent], [257, self.latent]])
        key = self.random.choice([*tensor, "inputs", "outputs", "latents"])
        if key == "latents":
            return self.typed("wrong JSON", b"/v1/images", json.dumps({key: value}).encode(), (400,))
        body = {"inputs": [{**tensor, key: value}]} if key in tensor else {"inputs": [tensor], key: [value]}
        return self.typed("wrong JSON", self.infer(), json.dumps(body).encode(), (400,))

    def no_json(self):
        """Numbers that are none, and brackets without an end."""
        number = self.random.choice(["1e999", "NaN", "-", "00", "1e", "Infinity", "0.5.5", '"0"', "0x1", "."])
        deep = self.random.choice(["[", '{"a":', "[[],"]) * self.random.randrange(1, 20_000)
        data = self.random.choice([f"[{number}]", deep])
        tensor = f'{{"name": "z", "shape": [1, 1], "datatype": "FP32", "data": {data}}}'
        return self.typed("no JSON", self.infer(), f'{{"inputs": [{tensor}]}}'.encode(), (400,))

    def tensors(self):
        """Binary tensors whose sizes or numbers are wrong."""
        binary = struct.pack(f"<{self.latent}f", *(self.random.gauss(0, 1) for _ in range(self.latent)))
        size, rows, length = len(binary), 1, None
        what = self.random.randrange(6)
        if what == 0:
            length = self.random.choice(HEADER_LENGTHS)
        elif what == 1:
            size = self.random.choice([0, 1, size - 1, size + 1, 2**32, 2**63])
        elif what == 2:
            binary = binary[: self.random.randrange(size)]
        elif what == 3:
            binary += self.random.randbytes(self.random.randrange(1, 4000))
        elif what == 4:
            binary = struct.pack("<f", self.random.choice([float("nan"), float("inf"), -float("inf")])) + binary[4:]
        else:
            rows = self.random.choice([0, 2, 257, 2**32, 2**61])
        about = {"name": "z", "shape": [rows, self.latent], "datatype": "FP32"}
        text = json.dumps({"inputs": [{**about, "parameters": {"binary_data_size": size}}]}).encode()
        header = b"Inference-Header-Content-Length: %s\r\n" % (b"%d" % len(text) if length is None else length)
        return self.post("tensors", self.infer(), text + binary, (400,), header)

    def encodings(self):
        encoding = self.random.choice([b"gzip", b"br", b"x" * 500, b"gzip, gzip", b"\xff"])
        body = self.change(self.images_json)[:2000]
        return self.post("encodings", b"/v1/images", body, (415,), b"Content-Encoding: %s\r\n" % encoding)

    def chunks(self):
        body, parts = self.change(b'{"latents": [[1, 2]], "columns": 1}'), []
        while body:
            size = self.random.randrange(1, 12)
            extension = self.random.choice([b"", b"", b";a=b", b';a="\xff"'])
            parts.append(b"%x%s\r\n%s\r\n" % (len(body[:size]), extension, body[:size]))
            body = body[size:]
        head = b"POST /v1/images HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        return Request("chunks", head + b"".join(parts) + b"0\r\n\r\n", (400,))

    def versions(self):
        rest = self.random.choice([b"", b"/ready", b"/versions/2", b"/versions/-1/ready", b"/versions/%ff"])
        name = self.random.choice([b"nothing", b"%ff", b"..", b"%2e%2e%2fg", b"a" * 3000, b"%00", b"g%20"])
        if rest.startswith(b"/versions"):
            name = self.random.choice([name, self.model.encode()])
        return self.get("models", b"/v2/models/" + name + rest, (400, 404))

    def oversized(self):
        """More than a body may have is refused by what its head says: the rest need not come."""
        length = self.random.choice([17_000_000, 2**31, 2**32 + 5, 2**63 - 1])
        data = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (self.infer(), length)
        return Request("oversized", data, (413,), is_whole=False)

    # Broken ones

    def right(self):
        return b"GET /v1/models?x=%d HTTP/1.1\r\nHost: localhost\r\nAccept: */*" % self.random.randrange(100)

    def request_lines(self):
        line, rest = self.right().split(b"\r\n", 1)
        other = self.random.choice([*REQUEST_LINES, self.change(line)])
        right = (200, 400, 403, 404, 405, 414, 431)
        return Request("request lines", other + b"\r\n" + rest + b"\r\n\r\n", right, is_whole=False)

    def hosts(self):
        """Another host than this one, none, or several."""
        fields, right = self.random.choice(HOSTS)
        return Request("hosts", b"GET /v1/models HTTP/1.1\r\n%s\r\n" % fields, (right,))

    def headers(self):
        line, rest = self.right().split(b"\r\n", 1)
        other = self.random.choice([*FIELDS, self.change(rest)])
        return Request("headers", line + b"\r\n" + other + b"\r\n\r\n", (200, 400, 403, 431), is_whole=False)

    def many_headers(self):
        count, size = self.random.choice([(101, 5), (1000, 5), (90, 9000), (1, 500_000)])
        fields = b"".join(b"h%d: %s\r\n" % (k, b"x" * size) for k in range(count))
        return Request("many headers", b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n" + fields + b"\r\n", (404, 431), is_whole=False)

    def lengths(self):
        fields = self.random.choice(LENGTHS)
        data = b"POST /v1/images HTTP/1.1\r\nHost: localhost\r\n" + fields + b"\r\n\r\nabcde"
        return Request("lengths", data, (400,), is_whole=False)

    def broken_chunks(self):
        part = self.random.choice([*CHUNKS, self.change(b"3\r\nabc\r\n0\r\n\r\n")])
        both = self.random.choice([b"", b"", b"Content-Length: 3\r\n"])
        head = b"POST /v1/images HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n%s\r\n" % both
        # Some have no end: then it is the client's turn.
        return Request("broken chunks", head + part, (400,), is_whole=False, is_cut=True, may_be_silent=True)

    def cut(self):
        whole = self.post("", self.infer(), self.infer_json, ()).data
        data = whole[: self.random.randrange(1, len(whole) - 1)]
        return Request("cut off", data, (400,), is_whole=False, is_cut=True, may_be_silent=True)

    def noise(self):
        data = self.random.choice([*NOISE, self.random.randbytes(self.random.randrange(1, 300))])
        # Nothing but line ends is no request yet, and HTTP/2 has other answers.
        return Request("noise", data + b"\r\n\r\n", (400,), is_whole=False, is_cut=True, may_be_silent=True)

    def change(self, data):
        """The bytes with a few of them others, more or fewer."""
        data, number = bytearray(data), self.random
        for _ in range(number.randrange(1, 5)):
            place, what = number.randrange(len(data) + 1), number.randrange(3)
            if what == 0 and data:
                data[place % len(data)] = number.randrange(256)
            elif what == 1:
                pieces = [b"\0", b"%", b"[", b"}", b'"', b"9" * 30, b"-1", b"1e999", b"null", b",", b"\\u", b"\xf0\x9f"]
                data[place:place] = number.choice([*pieces, number.randbytes(number.randrange(1, 9))])
            else:
                del data[place : place + number.randrange(1, 9)]
        return bytes(data)
