import re
import subprocess
import sys
from itertools import pairwise

import pytest

from transferlaws.corpora import TIERS, Wheel, recipes
from transferlaws.errors import TransferLawsError


def wheels(tier: str) -> dict[str, dict[str, Wheel]]:
    return {
        name: {source.sha256: source for source in recipe.origins if isinstance(source, Wheel)}
        for name, recipe in recipes(tier).items()
    }


def test_tiers_add_up() -> None:
    tiers = [wheels(tier) for tier in TIERS]
    for smaller, larger in pairwise(tiers):
        for name in ("english", "python", "othercode"):
            assert smaller[name].keys() < larger[name].keys()


def test_every_wheel_is_pinned_and_says_its_licence() -> None:
    for corpus in wheels("workstation").values():
        for sha256, wheel in corpus.items():
            assert re.fullmatch("[0-9a-f]{64}", sha256)
            assert wheel.filename.endswith(".whl")
            assert wheel.version in wheel.filename
            assert wheel.licence
            assert wheel.takes


@pytest.mark.parametrize("tier", TIERS)
def test_whole_projects_are_held_out_at_every_tier(tier: str) -> None:
    for name, corpus in wheels(tier).items():
        splits: dict[str, set[str]] = {}
        for wheel in corpus.values():
            for take in wheel.takes:
                splits.setdefault(take.split, set()).add(take.project)
        assert set(splits) == {"train", "validation", "test"}
        assert sum(map(len, splits.values())) == len(set.union(*splits.values())), name


def test_equal_recipes_have_equal_fingerprints_and_tiers_do_not() -> None:
    prints = {tier: recipes(tier)["english"].fingerprint for tier in TIERS}
    assert prints == {tier: recipes(tier)["english"].fingerprint for tier in TIERS}
    assert len(set(prints.values())) == 3


def test_an_unknown_tier() -> None:
    with pytest.raises(TransferLawsError, match="a tier is smoke, laptop, workstation, not 'huge'"):
        recipes("huge")


def test_this_room_knows_nothing_of_models_or_laws() -> None:
    code = (
        "import sys, transferlaws.corpora, transferlaws.corpora.card, transferlaws.tokens;"
        "print([name for name in sys.modules if name in ('torch', 'transformers', 'datasets', 'pandas')"
        " or name.startswith(('transferlaws.models', 'transferlaws.laws', 'transferlaws.training'))])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
