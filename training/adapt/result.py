"""The end of an adaptation: the chosen blend as a bundle with its card, or the start as it was."""

import shutil
from typing import Any

from cpd_model.bundles.bundle import save_bundle
from training.adapt.adaptation import Adaptation
from training.adapt.folds import num_judges
from training.run.folder import RunFolder
from training.run.model_card import model_card


def write_adapted(
    adaptation: Adaptation, *, folder: RunFolder, record: dict[str, Any]
) -> dict[str, Any]:
    """Write DIR/bundle and settle run.json; returns the figures before and after."""
    course = adaptation.course
    best = course.best
    figures: dict[str, Any] = {
        **best.figures,
        "start_mean_mrr": course.start.figures["mean_mrr"],
        "start_recall": course.start.figures["recall"],
        "chosen_step": best.candidate.step,
        "chosen_weight": best.candidate.weight,
    }
    model, processor = adaptation.result()
    record.update(
        chosen_step=best.candidate.step,
        chosen_weight=best.candidate.weight,
        num_judges=num_judges(adaptation.trials),
        before=course.start.figures,
        figures=figures,
        start_fingerprint=adaptation.built.start_fingerprint,
        finished=True,
    )
    making = folder.bundle.with_name(f"{folder.bundle.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    record["bundle_fingerprint"] = save_bundle(model, processor, making)
    card = model_card(record, None) + _adaptation(record, course.start.figures)
    (making / "README.md").write_text(card, encoding="utf-8")
    making.rename(folder.bundle)
    folder.write(record)
    return figures


def _adaptation(record: dict[str, Any], before: dict[str, float]) -> str:
    after, weight = record["figures"], record["chosen_weight"]
    rows = "\n".join(f"| {name} | {before[name]:.3f} | {after[name]:.3f} |" for name in before)
    chosen = (
        f"Weight {weight:g} of what {record['chosen_step']} steps changed, the rest is the start."
        if weight
        else "The start is kept as it was: nothing that was learned found them clearly better."
    )
    return f"""
## Adaptation

The start is `{record["settings"]["model"]["start"]}` (fingerprint
`{record["start_fingerprint"][:16]}`); its terms hold for this model too. {chosen}
Step and weight were chosen by {record["num_judges"]} held-back pairs, each found by weights
that had not learned from it; a gain of one standard error or less counts as none. So the figures
after are somewhat optimistic. They are of the trials; what is in this bundle learned from all
{record["data"]["num_train"]} pairs to learn from.

| held back | before | after |
|---|---|---|
{rows}
"""
