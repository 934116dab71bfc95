"""Tokenizers that are made here, for models that start from random weights: no file is needed."""

import string
from typing import Any

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
"""What the vocabulary of a tokenizer made here begins with."""

_COLORS = ("black", "red", "green", "blue", "yellow", "magenta", "cyan", "white")
_TINY_VOCABULARY = 64


def tiny_tokenizer() -> Any:
    """A WordPiece tokenizer of the tiny presets: special tokens, colours, letters and digits."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    words = [*SPECIAL_TOKENS, *_COLORS, *string.ascii_lowercase, *string.digits]
    inner = string.ascii_lowercase[: _TINY_VOCABULARY - len(words)]
    words += [f"##{letter}" for letter in inner]
    vocabulary = {word: index for index, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return finished_tokenizer(tokenizer)


def finished_tokenizer(tokenizer: Any) -> Any:
    """A tokenizer of `tokenizers` as transformers takes it, each text between [CLS] and [SEP].

    Its vocabulary must begin with SPECIAL_TOKENS.
    """
    from tokenizers import processors
    from transformers import PreTrainedTokenizerFast

    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[(word, tokenizer.token_to_id(word)) for word in ("[CLS]", "[SEP]")],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
    )
