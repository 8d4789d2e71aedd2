"""Map language codes to OCR models.

Codes are those of ISO 639-1, and of ISO 639-2 for languages without one. Source: the languages that PaddleOCR 3.7
documents for each model ("Text Recognition Module": PP-OCRv6, and the PP-OCRv5 models of single scripts).
"""

from collections.abc import Iterable, Mapping

BUNDLED = ""
"""The recognition model that comes with the worker."""

_LATIN = (
    "af az bs cs cy da de es et eu fi fr ga gl hr hu id is it ku la lb lt lv mi ms mt nl no oc pi pl pt qu rm ro sk sl"
    " sq sv sw tl tr uz vi ca"
)

LANGUAGES_OF: Mapping[str, frozenset[str]] = {
    name: frozenset(languages.split())
    for name, languages in {
        BUNDLED: f"zh en ja {_LATIN}",
        "korean_PP-OCRv5_mobile_rec": "ko en",
        "eslav_PP-OCRv5_mobile_rec": "ru be uk en",
        "cyrillic_PP-OCRv5_mobile_rec": "ru be uk bg mk mn kk ky tg tt cv ba",
        "arabic_PP-OCRv5_mobile_rec": "ar fa ug ur ps sd",
        "devanagari_PP-OCRv5_mobile_rec": "hi mr ne bh mai sa",
        "th_PP-OCRv5_mobile_rec": "th en",
        "el_PP-OCRv5_mobile_rec": "el en",
        "te_PP-OCRv5_mobile_rec": "te",
        "ta_PP-OCRv5_mobile_rec": "ta",
    }.items()
}
"""The languages of each recognition model; where several models read a language, the first is chosen."""


def recognition_model_for(languages: Iterable[str]) -> str:
    """Return the first recognition model that reads all of these languages; `BUNDLED` is tried first.

    Raises:
        ValueError: A language is unknown, or no single model reads them all.
    """
    wanted, known = set(languages), frozenset().union(*LANGUAGES_OF.values())
    if unknown := wanted - known:
        raise ValueError(
            f"{', '.join(sorted(unknown))} is no language that a model reads; there are {', '.join(sorted(known))}"
        )
    for name, readable in LANGUAGES_OF.items():
        if wanted <= readable:
            return name
    raise ValueError(f"no one model reads {', '.join(sorted(wanted))}: make a pipeline for each script")
