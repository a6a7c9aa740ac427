"""Which files of an archive or a folder a corpus takes: globs over paths written with `/`.

`**/` crosses folders, `*` and `?` stay inside one, `[a-m]` is a class, a leading `!` excludes; the last
pattern that matches decides, as in a .gitignore file. (pathlib learns `**` matching in Python 3.13.)
"""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import PurePosixPath

_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[[^\]]+\]|[^*?\[]+|\[")


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    meaning = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = (
        meaning.get(token)
        or (token.replace("[!", "[^") if token[0] == "[" and len(token) > 1 else re.escape(token))
        for token in _TOKEN.findall(pattern)
    )
    return re.compile("".join(parts), re.DOTALL)


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Whether `path` (relative, `/` between folders) is taken by `patterns`."""
    taken = False
    for pattern in patterns:
        excludes = pattern.startswith("!")
        if excludes == taken and _expression(pattern.removeprefix("!")).fullmatch(path):
            taken = not excludes
    return taken


def is_unsafe(path: str) -> bool:
    """Whether a member's name is absolute or climbs out of its archive (`..`, a drive, a backslash)."""
    return path.startswith("/") or "\\" in path or ":" in path[:2] or ".." in PurePosixPath(path).parts
