"""The dual encoder: video clip -> unit vector, text -> unit vector.

    from cpd_model import load_encoder

    encoder = load_encoder()                      # the default model; "org/name" or a folder
    texts_BD = encoder.encode_text(["a dog catches a frisbee"])

The names and where they live stand in __init__.pyi. Each is loaded on first use, so that importing
this package loads neither torch nor transformers.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
