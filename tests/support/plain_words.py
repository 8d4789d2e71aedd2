"""What a client may be shown when a job failed."""

import re

_SENTENCE = re.compile(r"[a-z][\w ,.;:'()%-]{15,200}")
_JARGON = re.compile(
    r"/|\\|libav|ffmpeg|pyav|opencv|cv2|errno|error|exception|traceback|\bnone\b|0x[0-9a-f]", re.IGNORECASE
)


def is_plain(message: str) -> bool:
    """Whether the message is one line of plain text, with no path, no code and no library in it."""
    return bool(_SENTENCE.fullmatch(message)) and not _JARGON.search(message)
