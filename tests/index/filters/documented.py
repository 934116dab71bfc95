"""What docs/filters.md shows: every example, every error, the JSON."""

import re
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "filters.md").read_text()
_BLOCKS = re.findall(r"^```filter\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
EXAMPLES = [
    *(line for block in _BLOCKS for line in block.splitlines()),
    *re.findall(r"^\|.*\| `([^`]+)` \|$", PAGE, re.MULTILINE),
]
ERRORS = re.findall(r"^\| `(.+)` \| (cannot read .*) \|$", PAGE, re.MULTILINE)
(JSON,) = re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
