"""What this user submitted to a server and what was read in it, kept on this host in plain files, so it can be found.

Nothing here is the truth: that is on the server. Text that is missing, damaged or of another version is read again.
"""

from job_client.search.forgetting import forgetting_gone
from job_client.search.history import History
from job_client.search.matching import Match, matches
from job_client.search.text_index import IndexedLine, TextIndex

__all__ = ["History", "IndexedLine", "Match", "TextIndex", "forgetting_gone", "matches"]
