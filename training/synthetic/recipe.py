"""The recipe `synthetic`: a small 3D network learns moving shapes from nothing, on a CPU."""

from training.config import (
    Curriculum,
    DataChoice,
    LossChoice,
    ModelChoice,
    OptimizerChoice,
    RunConfig,
)


def synthetic() -> RunConfig:
    """Shapes that move, drawn by the run itself; some 5 minutes on two cores.

    There are 168 pairs, one a scene, and each gets a new clip whenever it is seen. Both towers
    start at random, so the text encoder learns from the first step.
    """
    return RunConfig(
        recipe="synthetic",
        epochs=750.0,
        model=ModelChoice(preset="synthetic"),
        data=DataChoice(batch_size=84),
        loss=LossChoice(kind="nce", temperature=0.12, num_negatives=128),
        optimizer=OptimizerChoice(
            kind="adamw",
            learning_rate=2e-3,
            weight_decay=0.01,
            clip_norm=5.0,
            schedule="cosine",
            warmup_epochs=10.0,
        ),
        curriculum=Curriculum(unfreeze_epoch=0.0, text_learning_rate=1e-3),
        checkpoint_steps=200,
        evaluate_epochs=50.0,
    )
