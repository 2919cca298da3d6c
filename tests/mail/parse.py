"""Reads every message as an independent parser does: Python's `email`, strictest policy, and the raw bytes.

    python3 parse.py MAILS

Counts as a defect: what `email` calls one; a bare CR or LF; a line of more than 998 octets (RFC 5322, 2.1.1); an octet
beyond ASCII; a header that is not one of ours, or twice; a control or direction character in a header; a date, an
address or a Message-ID that is not understood; a body that is not the text or the page that was written beside it.
"""

import email
import email.policy
import pathlib
import re
import sys

ALWAYS = {
    "Date", "From", "To", "Message-ID", "Subject", "List-Id", "List-Unsubscribe", "Auto-Submitted",
    "X-Auto-Response-Suppress", "X-Wirewatch-Kind", "MIME-Version", "Content-Type",
}
ONE_CLICK = {"List-Unsubscribe-Post"}
UPDATE = {"In-Reply-To", "References"}
HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def defects(raw: bytes, kind: str, text: str, page: str):
    """Yields what is wrong with one message."""
    if re.search(rb"(?<!\r)\n|\r(?!\n)", raw):
        yield "a bare CR or LF"
    longest = max(map(len, raw.split(b"\r\n")))
    if longest > 998:
        yield f"a line of {longest} octets"
    if not raw.isascii() or b"\0" in raw:
        yield "an octet beyond ASCII"
    message = email.message_from_bytes(raw, policy=email.policy.default)
    yield from (f"defect {d!r}" for d in message.defects)
    want = ALWAYS | (set() if kind == "operator" else ONE_CLICK) | (UPDATE if kind == "update" else set())
    if sorted(message.keys()) != sorted(want):
        yield f"headers {sorted(set(message.keys()) ^ want)}, {len(message.keys())} in all"
        return
    for name, value in message.items():
        yield from (f"{name}: {d!r}" for d in value.defects)
        if HIDDEN.search(str(value)):
            yield f"{name}: a hidden character in {str(value)!r}"
    if message["Date"].datetime is None or message["Date"].datetime.utcoffset() is None:
        yield "Date is not understood"
    if [a.addr_spec for a in message["To"].addresses] != ["desk@example.com"]:
        yield f"To is {message['To']}"
    for name in {"Message-ID", "In-Reply-To", "References"} & want:
        if not re.fullmatch(r"<[0-9A-Za-z-]+@example\.com>", message[name]):
            yield f"{name} is {message[name]}"
    leave = re.sub(r"\s", "", message["List-Unsubscribe"])
    address = r"<mailto:[^<>]+>" if kind == "operator" else r"<https://[^<>]+>,<mailto:[^<>]+>"
    if not re.fullmatch(address, leave):
        yield f"List-Unsubscribe is {leave}"
    if kind != "operator" and message["List-Unsubscribe-Post"] != "List-Unsubscribe=One-Click":
        yield "List-Unsubscribe-Post"
    if message.get_content_type() != "multipart/alternative":
        yield message.get_content_type()
    parts = list(message.iter_parts())
    if [part.get_content_type() for part in parts] != ["text/plain", "text/html"]:
        yield "parts are not text and HTML"
        return
    for part, wanted in zip(parts, [text, page]):
        yield from (f"part: {d!r}" for d in part.defects)
        if part.get_content().replace("\r\n", "\n").rstrip("\n") != wanted.rstrip("\n"):
            yield f"{part.get_content_type()} is not what was written"


def check_the_check():
    """Each kind of defect is found in a message that has it."""
    good = b"Subject: a\r\n\r\nb\r\n"
    for bad, what in [(good + b"c\n", "bare"), (good + b"d" * 999, "999"), (good + b"\xff", "ASCII"), (good, "headers")]:
        assert any(what in found for found in defects(bad, "alert", "", "")), what


def main() -> int:
    check_the_check()
    folder = pathlib.Path(sys.argv[1])
    mails = sorted(folder.glob("*.eml"))
    found = 0
    for mail in mails:
        text, page = (mail.with_suffix(s).read_text(encoding="utf-8") for s in (".txt", ".html"))
        for defect in defects(mail.read_bytes(), mail.stem.split("-")[0], text, page):
            found += 1
            print(f"{mail.name}: {defect}", file=sys.stderr)
    print(f"parse: {len(mails)} messages, {found} defects")
    return 1 if found or not mails else 0


sys.exit(main())
