"""Twenty processes on two devices, kills at random: never two owners, never a device lost."""

import lease_under_fire
import pytest


@pytest.mark.slow
@pytest.mark.parametrize("slots", [[1], [1, 2, 3]], ids=["alone", "shared"])
def test_no_device_has_two_owners_and_none_is_lost(tmp_path, slots):
    outcome = lease_under_fire.fire(tmp_path, 20, 8, slots)
    assert (outcome.overlaps, outcome.lost) == (0, [])
    assert outcome.tenures > 20 and outcome.kills_of_holders > 2, outcome  # it was under fire
    assert outcome.most_at_once == {"GPU-aaa": max(slots), "GPU-bbb": max(slots)} or len(slots) > 1
    assert outcome.files_left <= 1 + 2 * max(slots) + 2


def test_the_record_shows_overlaps():
    """What the test above would see if locks failed: two owners for an instant, and a guest too many."""
    tenure = lease_under_fire.Tenure
    apart = [tenure("0", 0, 5, 1), tenure("0", 5, 9, 1), tenure("1", 1, 9, 1)]
    assert lease_under_fire.most_at_once(apart, "0") == (1, 0)
    assert lease_under_fire.most_at_once([*apart, tenure("0", 8, 9, 1)], "0") == (2, 1)
    shared = [tenure("0", 0, 9, 2), tenure("0", 1, 9, 3)]
    assert lease_under_fire.most_at_once(shared, "0") == (2, 0)
    assert lease_under_fire.most_at_once([*shared, tenure("0", 2, 3, 3)], "0") == (3, 1)
