"""How much of a text looks like code: a line counts if it is shaped like code or dense in code's symbols.

The question is the paper's (appendix F): part of what "text" teaches may be code that hides in it. The
measure is known on both sides: the share found in Python (what it catches) and in novels (false alarms).
"""

import re

DENSE = 0.1  # share of symbols from which a line counts; English prose has about 0.01, Python 0.15

_SHAPE = re.compile(
    r"""(?x)
      [{}\[(\\]$ | ^[})\]]+[,;]?$ | [(=\[_{+].*;$               # opens or closes a block, ends a statement
    | ^(?:def|class|async|elif|while|for|if|with|try|except|else|finally)\b[^.]*:$
    | ^(?:import\s[\w.]+|from\s[\w.]+\simport\s|raise\s\w+\(|assert\s\w|pass$)
    | ^return\b(?!\sto\b)[^.]*[\w)\]"']$
    | ^(?:@\w+|\#include|\#define|\#!|//|/\*|\*/|\.\.\s\w+::|>>>\s|\$\s|aws\s[a-z0-9-]+\s|--[a-z])
    | ^(?:function|var|let|const|public|private|static|template|namespace|using|typedef)\b.*[;{(>]
    | ^[\w.\[\]"']+\s*(?:[-+*/|&:]?=)\s*\S                      # an assignment
    | ^["'][\w.:-]+["']\s*:                                     # a JSON field
    | ^[\w.]+\([^ ].*\)$ | ^[\w.]+\(\)                          # a call
    """
)
_SYMBOL = re.compile(r"[{}\[\]()<>=_;\\/|&$#@*+^~`%]|::|\w\.\w")


def looks_like_code(line: str) -> bool:
    """Whether one line (stripped) is shaped like code or dense in its symbols."""
    return bool(_SHAPE.search(line)) or len(_SYMBOL.findall(line)) > DENSE * len(line)


def code_chars(text: str) -> tuple[int, int]:
    """Characters on lines that look like code, and characters on all lines (without blanks at their ends)."""
    code = total = 0
    for line in text.split("\n"):
        stripped = line.strip()
        total += len(stripped)
        if stripped and looks_like_code(stripped):
            code += len(stripped)
    return code, total
