"""The short form of two long trials: the server is killed, and its database is stopped, under load."""

from tests.soak import postgres_restarts, sqlite_kills


def test_no_acknowledged_note_is_lost_when_the_server_is_killed() -> None:
    row = sqlite_kills.run(1)
    assert (row.times, row.lost) == (1, 0), row.seen


def test_callers_see_503_at_worst_when_postgresql_is_stopped_and_it_comes_back() -> None:
    row = postgres_restarts.run(1, 0.3)
    assert (row.times, row.lost) == (1, 0), row.seen
