"""Find moments in your own video by describing them, label actions with your own words.

    import cpd

    with cpd.open("my-library") as library:
        library.add("~/Videos")
        for hit in library.search("a dog catching a frisbee", limit=3):
            print(hit.path, hit.start_seconds, hit.stop_seconds)

`cpd.load_encoder` gives a model alone, `cpd.train` makes new ones, `cpd.evaluate` measures them.
The names and where they live stand in __init__.pyi; each is loaded on first use, so that importing
this package loads neither PyTorch nor FAISS.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
