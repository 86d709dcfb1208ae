"""What an unknown name may have meant."""

from __future__ import annotations

from contextseg.system.suggestions import did_you_mean


def test_the_closest_names_or_what_to_say_otherwise():
    known = ("train", "evaluate", "export")
    assert did_you_mean("trian", known, "none") == "Did you mean train?"
    assert did_you_mean("trian", iter(known), "none", prefix="--") == "Did you mean --train?"
    assert did_you_mean("xyz", known, "none") == "none"
