"""What an answer has to look like, whatever was asked."""

import json
import re

STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3}) [\x20-\x7e]*")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9a-z-]+): ?([\x20-\x7e\x80-\xff\t]*)", re.IGNORECASE)
# Statuses without a body.
EMPTY = {204, 304}


class Malformed(Exception):
    """An answer that is none."""


class Answers:
    """Takes answers off a connection, one after the other."""

    def __init__(self, connection):
        self.connection, self.buffer = connection, b""

    def more(self):
        """False at the end. A connection that is reset has given what it gave."""
        try:
            data = self.connection.recv(1 << 16)
        except ConnectionError:
            data = b""
        self.buffer += data
        return bool(data)

    def next(self, has_body=True):
        """Status, body, and whether the connection closes; None if it has. What says "go on" is passed over."""
        while True:
            while b"\r\n\r\n" not in self.buffer:
                if not self.more():
                    if self.buffer:
                        raise Malformed(f"a head without an end: {self.buffer[:200]!r}")
                    return None
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            status, fields = parse(head)
            if status != 100:
                break
        if not has_body or status in EMPTY:
            return status, None, fields.get(b"connection") == b"close"
        if not fields.get(b"content-length", b"").isdigit():
            raise Malformed(f"no content-length: {head!r}")
        length = int(fields[b"content-length"])
        while len(self.buffer) < length:
            if not self.more():
                raise Malformed(f"{len(self.buffer)} bytes of a body of {length}: {head!r}")
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        check(status, fields, body)
        return status, body, fields.get(b"connection") == b"close"


def parse(head):
    line, *lines = head.split(b"\r\n")
    status = STATUS_LINE.fullmatch(line)
    fields = [FIELD.fullmatch(text) for text in lines]
    if not status or not all(fields):
        raise Malformed(f"no head: {head[:500]!r}")
    return int(status[1]), {field[1].lower(): field[2] for field in fields}


def check(status, fields, body):
    """An error says what is wrong."""
    if status < 400:
        return
    if fields.get(b"content-type") != b"application/json":
        raise Malformed(f"{status} is no JSON: {fields}")
    try:
        error = json.loads(body)
    except ValueError:
        raise Malformed(f"{status} is no JSON: {body[:500]!r}") from None
    if set(error) != {"error"} or not isinstance(error["error"], str) or not error["error"]:
        raise Malformed(f"{status} does not say what is wrong: {body[:500]!r}")
