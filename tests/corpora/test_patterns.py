import pytest

from transferlaws.corpora.patterns import is_unsafe, matches


@pytest.mark.parametrize(
    ("path", "patterns", "expected"),
    [
        ("a.py", ["**/*.py"], True),
        ("deep/down/a.py", ["**/*.py"], True),
        ("deep/down/a.pyc", ["**/*.py"], False),
        ("data/en/words_A.json", ["data/en/words_?.json"], True),
        ("data/en/words_AB.json", ["data/en/words_?.json"], False),
        ("data/x/y.txt", ["data/*.txt"], False),
        ("lib/adc/x.h", ["lib/[a-m]*/**/*.h"], True),
        ("lib/uart/deep/x.h", ["lib/[a-m]*/**/*.h"], False),
        ("static/lib.min.js", ["static/**/*.js", "!**/*.min.js"], False),
        ("static/lib.js", ["static/**/*.js", "!**/*.min.js"], True),
        ("static/a/b.js", ["static/**/*.js", "!static/a/**", "static/a/b.js"], True),
        ("notes (1).txt", ["notes (1).txt"], True),
    ],
)
def test_globs(path: str, patterns: list[str], expected: bool) -> None:
    assert matches(path, patterns) is expected


@pytest.mark.parametrize("path", ["/etc/passwd", "../up.py", "a/../../up.py", "C:/x.py", "a\\b.py"])
def test_paths_that_leave_the_archive_are_unsafe(path: str) -> None:
    assert is_unsafe(path)


def test_ordinary_paths_are_safe() -> None:
    assert not is_unsafe("package/..data/file..txt")
