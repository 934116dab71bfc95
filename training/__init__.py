"""Models out of video/text pairs: train one, adapt one, measure one, and read the data for it.

    from training import RunRequest, find_recipe, run_adaptation, run_training    # train
    from training import evaluate_retrieval, evaluate_zero_shot                   # measure
    from training import evaluate_finetune, evaluate_linear
    from training import list_ucf101, read_manifest, read_pairs                   # data

The names and where they live stand in __init__.pyi; each is loaded on first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
