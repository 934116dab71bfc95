"""The text in a file that some program wrote in some encoding."""

from charset_normalizer import from_bytes

_ENCODINGS = [
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258"),
    *("koi8_r", "gb18030", "big5", "cp932", "euc_jp", "cp949", "cp874"),
]
"""What subtitles and captions are written in where not in Unicode; of equals the first is taken."""

_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)

_JUDGED_BYTES = 1 << 16
"""The encoding is guessed from the beginning."""


def decode_text(content: bytes) -> str:
    """The text, lines ended by newlines; bytes that fit no encoding become U+FFFD.

    A byte order mark decides; without one it is UTF-8 where it can be, else the likeliest of the
    encodings that were common before it. NUL characters, which SQLite's search cannot hold, go.
    """
    marked = (name for mark, name in _MARKS if content.startswith(mark))
    encoding = next(marked, "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = content.decode(_likeliest(content) if encoding == "utf-8" else encoding, "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _likeliest(content: bytes) -> str:
    # From the first byte that tells: the judge looks at samples, and most of a text is ASCII.
    first = next((place for place, byte in enumerate(content) if byte > 127), 0)
    sample = content[max(0, first - 256) : first + _JUDGED_BYTES]
    matches = from_bytes(sample, cp_isolation=_ENCODINGS)
    if not len(matches):
        return "cp1252"
    least = min((match.chaos, -match.coherence) for match in matches)
    alike = {match.encoding for match in matches if (match.chaos, -match.coherence) == least}
    return next(encoding for encoding in _ENCODINGS if encoding in alike)
