"""`scan3d demo`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scan3d.cli.evaluate import table
from scan3d.cli.options import Debug, Json, Threads
from scan3d.cli.session import Outcome, Session, run
from scan3d.cli.words import duration


def demo(
    out: Annotated[Path, typer.Argument(help="The folder to make.")] = Path("demo"),
    subject: Annotated[int, typer.Option(help="Who is scanned: every number is somebody else.", min=0)] = 2,
    threads: Threads = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Watch it work: a virtual person is photographed, becomes a textured mesh and an avatar that can be posed.

    All of it is compared with the truth.

    Needs no data and no cameras. A stopped run goes on where it was.
    """

    def work(session: Session) -> Outcome:
        from scan3d.pipeline.executor import cpu_count
        from scan3d.workflows.demo import plan_demo, run_demo
        from scan3d.workflows.evaluate import as_json
        from scan3d.workflows.fit import lines

        options, total_s = plan_demo(subject, workers=threads)
        session.say(f"A person in front of 16 cameras: about {duration(total_s)} on {threads or cpu_count()} cores.")
        done = run_demo(out, options, progress=session.progress, workers=threads)
        results = done.reconstruction.results_dir
        return Outcome(
            data={
                "take": str(done.take),
                "results": str(results),
                "fit": done.fit.summary,
                "avatar": str(done.avatar.path),
                "pictures": [str(picture.files[0]) for picture in done.pictures],
                **as_json(done.evaluation),
            },
            lines=[
                *table(done.evaluation),
                "",
                "The body fitted to the scan:",
                *lines(done.fit)[:-1],
                "",
                "Look at:",
                f"  {done.take / 'images'}           the photographs",
                f"  {results / 'evaluation.jpg'}   photograph, twin, difference, shape, where no camera stood",
                f"  {done.reconstruction.report_path}      the report: open it in a browser",
                f"  {results / 'model.glb'}        the twin: Blender, File > Import > glTF",
                f"  {done.fit.folder / 'distances.png'}   the fitted body, and how far the scan lies from it",
                f"  {done.avatar.path}   the avatar, in another pose: Blender, File > Import > glTF",
                *(f"  {picture.files[0]}   a picture of it in the studio" for picture in done.pictures),
                f"  {done.take / 'truth' / 'model.glb'}          the true person",
            ],
        )

    run(work, as_json=json, debug=debug)
