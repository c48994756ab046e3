"""README.md of a converted folder: what it is, how it is loaded, what differs."""

from __future__ import annotations

from fairseq_xling import __version__
from fairseq_xling.data.language_tokens import LanguageTokens
from fairseq_xling.languages import language_token

_TRANSLATING = """    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(".")
    model = AutoModelForSeq2SeqLM.from_pretrained(".")
    batch = tokenizer(lines, return_tensors="pt", padding=True, truncation=True)
    tokens = model.generate(**batch, num_beams=1, forced_bos_token_id=tokenizer.convert_tokens_to_ids("{token}"))
    tokenizer.batch_decode(tokens, skip_special_tokens=True)

The decoder begins with `</s>` (`decoder_start_token_id`), then comes the target language's token
(`forced_bos_token_id`). The language tokens are `{tokens}`.
"""

_SUFFIX = """
The tokenizer puts the token of one source language behind every line, `{token}`. For another language:

    from tokenizers.processors import TemplateProcessing
    code = "{other}"
    ends = [(token, tokenizer.convert_tokens_to_ids(token)) for token in ("</s>", code)]
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single=["$A", "</s>", code], special_tokens=ends)
"""

_MASKED = """    from transformers import AutoModelForMaskedLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(".")
    model = AutoModelForMaskedLM.from_pretrained(".")       # or AutoModel, with a pooler of its own that is new
"""

_TOKENIZER = """
`tokenizer.json` cuts text as `sentencepiece.bpe.model` does, with the ids of `dict.txt`. They differ where letters are
written as several characters that Unicode has no single one for, or that are not composed: bring text to NFC first.
"""

_LEFT_OUT = """
{count} pieces of the SentencePiece model are not in the dictionary. They are missing in `tokenizer.json`, too, which
therefore cuts words that have one of them in another way than SentencePiece, whose pieces become `<unk>`.
"""

_PIECES = """
There are no tokenizer files: the model reads pieces between spaces, numbered as in `dict.txt` (line 1 is number 4).
"""

_SENTENCES = """    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(".", trust_remote_code=True)
    vectors = model.encode(lines)

This needs the package fairseq-xling, which made the folder. `trust_remote_code` is asked for because the class that
reads it, `{module}`, is of that package; no code lies in the folder. The class cuts lines into pieces, runs the encoder
alone and pools its states ({pooling}), as `fairseq-xling encode` does, with the same vectors. They are not of unit
length.
"""


def huggingface_card(translates: bool, tokens: LanguageTokens, pieces: bool, left_out: int) -> str:
    """For a folder that transformers loads."""
    named = [language_token(code) for code in tokens.languages]
    parts = [_TRANSLATING.format(token=named[-1], tokens=" ".join(named)) if translates else _MASKED]
    if tokens.source_style == "suffix" and pieces:
        parts.append(_SUFFIX.format(token="[src]", other=named[-1]))
    parts.append(_TOKENIZER if pieces else _PIECES)
    if left_out:
        parts.append(_LEFT_OUT.format(count=left_out))
    return _headed("", parts)


def sentence_transformers_card(module: str, pooling: str, language: str | None) -> str:
    """For a folder that sentence-transformers loads with this package."""
    parts = [_SENTENCES.format(module=module, pooling=pooling)]
    if language is not None:
        parts.append(f"\nEvery line is read as one of the language `{language}`, whose token stands behind it.\n")
    return _headed("pipeline_tag: sentence-similarity\ntags: [sentence-transformers]\n", parts)


def _headed(fields: str, parts: list[str]) -> str:
    front = f"---\n{fields}---\n\n" if fields else ""
    return f"{front}Converted by fairseq-xling {__version__} from a fairseq checkpoint.\n\n{''.join(parts)}"
