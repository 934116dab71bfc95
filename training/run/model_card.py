"""README.md of a trained bundle: what it is, of what it was made, and how good it was."""

import json
from typing import Any

PIPELINE_TAG = "feature-extraction"
"""The Hub's word for models that give vectors. It has none for zero-shot labels of video;
`video-text-to-text` is for models that write text, `video-classification` for fixed classes.

Source: packages/tasks/src/pipelines.ts of huggingface/huggingface.js.
"""


def model_card(record: dict[str, Any], figures: dict[str, Any] | None) -> str:
    """The card of a finished run, Markdown.

    Args:
        record: what run.json says.
        figures: of the weights that the bundle holds; None: a part of its own tells them.
    """
    data, settings = record["data"], record["settings"]
    start = settings["model"]["start"] or f"random weights ({settings['model']['preset']})"
    return f"""---
library_name: cpd
pipeline_tag: {PIPELINE_TAG}
tags: [video, retrieval, contrastive-learning]
---

# A CPD model, recipe {settings["recipe"]}

A video tower and a text tower that end in one space, trained by pair discrimination
(arXiv 2001.05691). Search with it: `cpd index add --model FOLDER VIDEOS`.

## Data

{data["num_train"]} pairs of `{data["name"]}` (fingerprint `{data["fingerprint"][:16]}`).
Terms: those under which the videos and captions were given; they are not known here.

## Figures

{_measured(data["num_val"], figures)}
## Training

- start: {start}
- steps: {record["steps"]} of {record["total_steps"]}, chosen: step {record["chosen_step"]}
- seconds: {record["seconds"]:.0f} on {record["device"]}
- seed: {settings["seed"]}, commit: {record["commit"] or "unknown"}
- versions: {", ".join(f"{name} {version}" for name, version in record["versions"].items())}

    {record["command"]}

All settings:

```json
{json.dumps(settings, indent=2)}
```
"""


def _measured(num_val: int, figures: dict[str, Any] | None) -> str:
    if figures is None:
        return "See Adaptation, below.\n"
    if not num_val:
        return "No pairs were held back, so nothing was measured.\n"
    table = "\n".join(f"| {name} | {_shown(value)} |" for name, value in figures.items())
    return (
        f"On {num_val} held-back videos that training did not see:\n\n"
        f"| figure | value |\n|---|---|\n{table}\n"
    )


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
