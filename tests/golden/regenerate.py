"""Write tests/golden/openapi.json anew; review the difference like code.

python tests/golden/regenerate.py
"""

import json
from pathlib import Path

from service.http.app import create_app
from service.settings import Settings
from tests.service.fakes import FakeEngine

GOLDEN = Path(__file__).parent / "openapi.json"


def main() -> None:
    """Overwrite the golden file with what the code says now; the version is left out."""
    app = create_app(FakeEngine().open, Settings(library=Path("library")))
    document = app.openapi()
    document["info"]["version"] = "x"
    GOLDEN.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
