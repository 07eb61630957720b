"""The one error of this package: what is wrong with a policy, a folder of policies or an index."""

from __future__ import annotations


class KnowledgeError(Exception):
    """The message is one line, names the file or folder it is about, and is safe to show."""
