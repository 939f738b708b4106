"""Runs for wandb's terminal viewer, with the curves of a project that `versus tui` drew.

usage: leet.py LOG FOLDER RUNS. LOG is one run's events.jsonl. Some runs are written by wandb itself, offline, the others are copies of them under
names of their own, which is what the viewer goes by: writing each would take wandb an hour.
"""

import json
import os
import shutil
import sys
from pathlib import Path

os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true", WANDB__DISABLE_STATS="true", WANDB_DISABLE_GIT="true")
import wandb  # noqa: E402

WRITTEN = 4


def points(log):
    """The points of each place, in order."""
    places = {}
    for line in log.read_text().splitlines():
        event = json.loads(line)
        if event["event"] == "point":
            places.setdefault(event["x"], {})[event["series"]] = float(event["value"])
    return places


def write(folder, number, places):
    run = wandb.init(project="curves", name=f"r-{number:04}", id=f"drawn{number:04}", dir=folder)
    for step, (x, values) in enumerate(sorted(places.items())):
        run.log({**values, "epoch": x}, step=step)
    run.finish()


def main():
    log, folder, runs = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    places = points(log)
    for number in range(min(WRITTEN, runs)):
        write(folder, number, places)
    made = sorted(path for path in (folder / "wandb").iterdir() if path.is_dir() and path.name.startswith("offline-run-"))
    for number in range(len(made), runs):
        of = made[number % len(made)]
        id = f"drawn{number:04}"
        to = of.parent / (of.name.rsplit("-", 1)[0] + "-" + id)
        shutil.copytree(of / "files", to / "files")
        for file in of.glob("run-*.wandb"):
            os.link(file, to / f"run-{id}.wandb")
    print(json.dumps({"folder": str(folder / "wandb"), "runs": runs, "wandb": wandb.__version__}))


if __name__ == "__main__":
    main()
