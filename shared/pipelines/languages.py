"""Which text model reads which languages, for who thinks in languages and not in names of models.

Codes are those of ISO 639-1, and of 639-2 where it has none. What the models read is as PaddleOCR 3.7 publishes it
("Text Recognition Module": PP-OCRv6 and the PP-OCRv5 models of single scripts).
"""

from collections.abc import Iterable, Mapping

__all__ = ["BUNDLED", "LANGUAGES_OF", "recogniser_for"]

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
"""Recognition models and what each reads; where several read the same, the first is taken."""


def recogniser_for(languages: Iterable[str]) -> str:
    """Returns the recognition model that reads all of these languages; `BUNDLED` where no other is needed.

    Raises:
        ValueError: A language is not known, or no one model reads them all.
    """
    wanted = set(languages)
    if unknown := wanted - frozenset().union(*LANGUAGES_OF.values()):
        known = ", ".join(sorted(frozenset().union(*LANGUAGES_OF.values())))
        raise ValueError(f"{', '.join(sorted(unknown))} is no language that a model reads; there are {known}")
    for name, read in LANGUAGES_OF.items():
        if wanted <= read:
            return name
    raise ValueError(f"no one model reads {', '.join(sorted(wanted))}: make a pipeline for each script")
