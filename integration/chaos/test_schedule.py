"""The schedule comes out of the seed alone, has every kind, and lets one node at most lose what it had not synced."""
import itertools

from schedule import KINDS, SHORTEST_S, rounds


def some(seed, names=tuple(KINDS), count=500):
    return list(itertools.islice(rounds(seed, list(names)), count))


def test_a_seed_is_a_schedule():
    assert some(7) == some(7)
    assert some(7) != some(8)


def test_every_kind_comes():
    assert {each.kind for planned in some(1) for each in planned} == set(KINDS)


def test_only_what_was_asked_for():
    assert {each.kind for planned in some(1, ["kill", "pause"]) for each in planned} == {"kill", "pause"}


def test_one_at_most_loses_what_was_not_synced():
    rounds_ = some(2, ["power", "disk-fails"])
    assert all(len(planned) == 1 for planned in rounds_)


def test_lengths():
    lengths = [each.end_s - each.begin_s for planned in some(3) for each in planned if each.kind == "pause"]
    assert SHORTEST_S <= min(lengths) and max(lengths) <= KINDS["pause"].longest_s
    assert min(sum(length < 1.5 for length in lengths), sum(length > 1.5 for length in lengths)) > len(lengths) / 3
