"""The short form of two long trials: the server is killed, and its database is stopped, under load."""

from pathlib import Path

from tests.serving import REPOSITORY, free_port, serving
from tests.soak import postgres_restarts, sqlite_kills
from tests.soak.postgres_restarts import PASSWORD, SERVE


def test_no_acknowledged_note_is_lost_when_the_server_is_killed() -> None:
    row = sqlite_kills.run(1)
    assert (row.times, row.lost) == (1, 0), row.seen


def test_callers_see_503_at_worst_when_postgresql_is_stopped_and_it_comes_back() -> None:
    row = postgres_restarts.run(1, 0.3)
    assert (row.times, row.lost) == (1, 0), row.seen


def test_a_postgresql_that_is_away_at_the_start_ends_it_without_a_word_of_the_password(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://me:{PASSWORD}@127.0.0.1:{free_port()}/notes"
    with serving(SERVE, REPOSITORY, tmp_path / "log", {"COMPOSER_CORNERSTONES__DB__URL": url}) as server:
        assert server.process.wait(60) == 3
        assert "cornerstone db failed to start: " in server.output
        assert "connection" in server.output
        assert PASSWORD not in server.output
