import io

import pytest
from rich.console import Console

from scan3d.cli.progress import LineProgress, RichProgress
from scan3d.cli.words import duration
from scan3d.errors import CancelledError
from scan3d.pipeline import CancelToken


def console(terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=140)


def text_of(where: Console) -> str:
    assert isinstance(where.file, io.StringIO)
    return where.file.getvalue()


def test_bars_show_name_count_note_and_time_left() -> None:
    screen = console(terminal=True)
    with RichProgress(CancelToken(), screen) as progress, progress.task("depth maps", 4) as task:
        task.advance(3)
        task.note("camera cam02")
        progress._bars.refresh()
        shown = text_of(screen)
        progress.say("a word")
    for part in ("depth maps", "3/4", "75%", "left", "camera cam02"):
        assert part in shown
    assert "a word" in text_of(screen)
    assert "4/4" in text_of(screen)


def test_a_stopped_task_says_so() -> None:
    screen, token = console(terminal=True), CancelToken()
    progress = RichProgress(token, screen)
    with pytest.raises(CancelledError), progress, progress.task("depth maps", 4) as task:
        token.cancel()
        task.advance()
    assert "stopped" in text_of(screen)


def test_lines_for_logs() -> None:
    log, token = console(terminal=False), CancelToken()
    progress = LineProgress(token, log)
    with progress.task("depth maps", 2) as task:
        task.note("unseen")
        task.advance(2)
    token.cancel()
    with pytest.raises(CancelledError), progress.task("surface", 1):
        pass
    assert text_of(log) == "depth maps: 0.0 s\n"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "5 s"), (31, "30 s"), (89, "90 s"), (200, "3 min"), (3540, "59 min"), (4800, "1 h 20 min")],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
