"""Reads a project's exports with the tools that they are for, and compares the numbers with what `toji … --json` said: read.py PROJECT OLDER, the folder of a wandb that has its
reader in Python."""

import glob
import importlib.metadata
import json
import math
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq

import viewer
from host import Host

project = pathlib.Path(sys.argv[1])
out = project / "out"
rows, faults = [], []


def version(*names):
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)


def compared(what, tool, count, difference=0.0, limit=0.0):
    """One row of the table: how many values, and by how much the worst differs."""
    rows.append((what, tool, count, difference))
    if not difference <= limit:
        faults.append(f"{what} by {tool}: differs by {difference}, more than {limit}")


def alike(a, b):
    """Whether two values are equal. Of a number that went through the run's log the last bit may have been rounded when the log was read."""
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(alike, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return a == b or (math.isnan(a) and math.isnan(b)) or abs(a - b) <= 4e-16 * abs(b)
    return a == b


def equal(what, tool, found, wanted):
    """Two lists that must be equal, NaN to NaN."""
    found, wanted = list(found), list(wanted)
    compared(what, tool, len(wanted))
    if not alike(found, wanted):
        worst = next((pair for pair in zip(found, wanted) if not alike(*pair)), (len(found), len(wanted)))
        faults.append(f"{what} by {tool}: {worst[0]!r} is not {worst[1]!r}")


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


# What the program itself says.
names = sorted(path.stem for path in (project / "recipes").glob("*.md"))
said = {name: lines(out / f"{name}.run.jsonl") for name in names}
result = {name: said[name][-1] for name in names}
queries = {name: lines(out / f"{name}.queries.jsonl")[:-1] for name in names}


def number(value):
    return float(value)  # NaN and infinities are written as text


def told(name):
    """Points by series: what was told last at each place counts."""
    found, per_epoch = {}, 1
    for event in (line["event"] for line in said[name] if "event" in line):
        if event["event"] == "steps":
            per_epoch = event["per_epoch"]
        if event["event"] == "point":
            found.setdefault(event["series"], {})[number(event["x"])] = number(event["value"])
    series = {name: sorted(points.items()) for name, points in found.items()}
    # The finest loss is the loss.
    if "batch loss" in series:
        series["loss"] = series.pop("batch loss")
    return series, per_epoch


points = {name: told(name) for name in names}
trained = [name for name in names if points[name][0]]

# Runs.
score = [result[name]["score"] for name in names]
low = [result[name]["interval"][0] for name in names]
parquet, csv = str(out / "runs.parquet"), str(out / "runs.csv")
readers = {
    version("polars"): (pl.read_parquet(parquet).to_dict(as_series=False), pl.read_csv(csv).to_dict(as_series=False)),
    version("pandas", "pyarrow"): (pd.read_parquet(parquet).to_dict("list"), pd.read_csv(csv).to_dict("list")),
    version("duckdb"): (
        duckdb.sql(f"from '{parquet}'").df().to_dict("list"),
        duckdb.sql(f"from '{csv}'").df().to_dict("list"),
    ),
}
for tool, tables in readers.items():
    for form, table in zip(("Parquet", "CSV"), tables):
        equal(f"runs, {form}: recipe, score, low", tool, table["recipe"] + table["score"] + table["low"], names + score + low)
        settings = [json.loads(text)["backbone"]["name"] for text in table["settings"]]
        made = [json.loads((out / f"{name}.backbone.json").read_text())["architecture"] for name in names]
        equal(f"runs, {form}: settings as JSON", tool, settings, made)

# Curves.
wanted = []
for name in trained:
    series, per_epoch = points[name]
    for own in sorted(series):
        wanted += [(name, own, round(x * per_epoch), x, value) for x, value in series[own]]
columns = ["recipe", "series", "step", "epoch", "value"]
parquet, csv = str(out / "curves.parquet"), str(out / "curves.csv")
select = ", ".join(columns)
for form, file in (("Parquet", parquet), ("CSV", csv)):
    own = pl.read_parquet(file) if form == "Parquet" else pl.read_csv(file, infer_schema_length=None)
    equal(f"curves, {form}: points", version("polars"), own.select(columns).rows(), wanted)
    frame = pd.read_parquet(file) if form == "Parquet" else pd.read_csv(file)
    equal(f"curves, {form}: points", version("pandas", "pyarrow"), frame[columns].itertuples(index=False, name=None), wanted)
    equal(f"curves, {form}: points", version("duckdb"), duckdb.sql(f"select {select} from '{file}'").fetchall(), wanted)

# Ranks.
wanted = [
    (name, query["id"], query["label"], query["first"], np.float32(query["value"]), [answer["id"] for answer in query["answers"]])
    for name in names
    for query in queries[name]
]
ranks = pl.read_parquet(out / "ranks.parquet", glob=False)
found = zip(ranks["recipe"], ranks["query"].cast(pl.String), ranks["label"], ranks["first"], map(np.float32, ranks["score"]), ranks["answers"].to_list())
equal("ranks, Parquet: first hit, score, answers", version("polars"), found, wanted)
frame = pd.read_parquet(out / "ranks.parquet")
first = [None if math.isnan(value) else int(value) for value in frame["first"]]
found = zip(frame["recipe"], frame["query"], frame["label"], first, map(np.float32, frame["score"]), map(list, frame["answers"]))
equal("ranks, Parquet: first hit, score, answers", version("pandas", "pyarrow"), found, wanted)
found = duckdb.sql(f"select recipe, query, label, first, score, answers from '{out / 'ranks.parquet'}'").fetchall()
equal("ranks, Parquet: first hit, score, answers", version("duckdb"), [(*row[:4], np.float32(row[4]), row[5]) for row in found], wanted)
text = pl.read_csv(out / "ranks.csv", schema_overrides={"query": pl.String})
found = zip(text["recipe"], text["query"], text["label"], text["first"], map(np.float32, text["score"]), map(json.loads, text["answers"]))
equal("ranks, CSV: first hit, score, answers", version("polars"), found, wanted)

# Embeddings: the three read one thing, CSV is Parquet, and a recipe without steps answers by their cosine.
vectors = {}
for name in names:
    parquet, csv = str(out / f"{name}.embeddings.parquet"), str(out / f"{name}.embeddings.csv")
    table = pq.read_table(parquet)
    own = np.array(table["vector"].to_pylist(), dtype=np.float32)
    vectors[name] = dict(zip(table["id"].to_pylist(), own))
    frame = pl.read_parquet(parquet)
    equal("embeddings, Parquet: vectors", version("polars"), np.array(frame["vector"].to_list(), dtype=np.float32).ravel(), own.ravel())
    row = duckdb.sql(f"select vector::FLOAT[{own.shape[1]}] from '{parquet}'").fetchall()
    equal("embeddings, Parquet: vectors", version("duckdb"), np.array(row, dtype=np.float32).ravel(), own.ravel())
    text = pd.read_csv(csv, dtype={f"e{i}": np.float32 for i in range(own.shape[1])})
    equal("embeddings, CSV: vectors", version("pandas"), text[[f"e{i}" for i in range(own.shape[1])]].to_numpy().ravel(), own.ravel())
    if "純米" != name:
        unit = {id: vector.astype(np.float64) / np.linalg.norm(vector.astype(np.float64)) for id, vector in vectors[name].items()}
        pairs = [(query["id"], answer["id"], answer["similarity"]) for query in queries[name] for answer in query["answers"]]
        worst = max(abs(unit[a] @ unit[b] - similarity) for a, b, similarity in pairs)
        compared("embeddings: the answers' cosines", "numpy", len(pairs), worst, 5e-6)


# TensorBoard: the server that people look at.
def server(folder):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", folder, "--port", str(port), "--host", "127.0.0.1", "--samples_per_plugin", "scalars=100000"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ask(path, body=None, **arguments):
        address = f"http://127.0.0.1:{port}/data/{path}?{urllib.parse.urlencode(arguments)}"
        kind = {"Content-Type": "application/json"} if body is not None else {}
        data = json.dumps(body).encode() if body is not None else None
        with urllib.request.urlopen(urllib.request.Request(address, data=data, headers=kind), timeout=30) as answer:
            return json.loads(answer.read())

    return process, ask


process, ask = server(str(out / "tensorboard"))
try:
    tags = {}
    for _ in range(120):
        time.sleep(0.5)
        try:
            tags = ask("plugin/scalars/tags")
        except OSError:
            continue
        if len(tags) == len(trained) and all(f"score/{result[name]['metric']}" in tags.get(run, {}) for name in trained for run in tags if run.startswith(f"{name}/")):
            break
    tool = version("tensorboard")
    equal("TensorBoard: runs", tool, sorted(run.split("/")[0] for run in tags), trained)
    count, worst = 0, 0.0
    for run in tags:
        series, per_epoch = points[run.split("/")[0]]
        for name, own in series.items():
            found = ask("plugin/scalars/scalars", run=run, tag=name)
            wanted = [[round(x * per_epoch), np.float32(value)] for x, value in own]
            count += len(wanted)
            if [[step, np.float32(value)] for _, step, value in found] != wanted:
                faults.append(f"TensorBoard: {run} {name}: {found[:2]} is not {wanted[:2]}")
            # The log's time of each point, to what the axis keeps.
            log = {}
            for line in lines(project / ".toji/runs" / run.split("/")[1] / "events.jsonl"):
                if line["event"] == "point" and line["series"] in (name, "batch loss" if name == "loss" else name):
                    log[round(number(line["x"]) * per_epoch)] = line["at"]
            worst = max([worst] + [abs(wall - log[step]) for wall, step, _ in found])
    compared("TensorBoard: steps and values", tool, count)
    compared("TensorBoard: wall times, seconds", tool, count, worst, 2.0)
    about = ask("plugin/hparams/experiment", body={})
    flat = {info["name"] for info in about["hparamInfos"]}
    groups = ask("plugin/hparams/session_groups", body={"colParams": [], "allowedStatuses": ["STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING", "STATUS_UNKNOWN"], "startIndex": 0, "sliceSize": 100})
    found = sorted((group["hparams"]["recipe"], group["hparams"]["train.epochs"], group["sessions"][0]["status"]) for group in groups["sessionGroups"])
    equal("TensorBoard: HPARAMS", tool, found, [(name, 3, "STATUS_SUCCESS") for name in trained])
    if not {"loss.margin", "backbone.name", "train.optimizer.lr"} <= flat:
        faults.append(f"TensorBoard: HPARAMS lacks settings: {sorted(flat)}")
finally:
    process.terminate()
    process.wait()

# wandb: its program's reader of its own files, and the one in Python that older versions have.
def records(command, **environment):
    text = subprocess.run(command, check=True, cwd=out, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=os.environ | environment).stdout
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


binaries = pathlib.Path(sys.executable).parent
older = sys.argv[2]
here = pathlib.Path(__file__).parent
folders = sorted(glob.glob(str(out / "offline/wandb/offline-run-*/run-*.wandb")))
datastore = next(pathlib.Path(older).glob("wandb-*.dist-info")).name.removesuffix(".dist-info").replace("-", " ")
readers = {
    version("wandb"): lambda file: records([binaries / "wandb", "leet", "inspect", "--json", file], WANDB_ERROR_REPORTING="false"),
    f"{datastore}, DataStore": lambda file: records([sys.executable, here / "records.py", file], PYTHONPATH=older),
}
for tool, read in readers.items():
    count, met = 0, []
    for file in folders:
        kinds = {}
        for place, record in enumerate(read(file)):
            kinds.setdefault(record["type"], []).append(record.get(record["type"], {}))
            if int(record["num"]) != place + 1:
                faults.append(f"wandb: {file}: record {place + 1} is number {record['num']}")
        run, config = kinds["run"][0], kinds["run"][0]["config"]["update"]
        name = config["toji"]["recipe"]
        met.append(name)
        series, per_epoch = points[name]
        history = [record["item"] for record in kinds["history"]]
        for own, values in series.items():
            found = [(row["_step"], row["epoch"], row[own]) for row in history if own in row]
            wanted = [(round(x * per_epoch), x, value) for x, value in values]
            count += len(wanted)
            if not alike([(step, *map(float, row)) for step, *row in found], wanted):
                faults.append(f"wandb: {name} {own}: {found[:2]} is not {wanted[:2]}")
        summary = kinds["summary"][0]["update"]
        if summary["score"] != result[name]["score"] or kinds["exit"][0].get("exit_code", 0) != 0:
            faults.append(f"wandb: {name}: {summary} {kinds['exit']}")
        if config["loss"]["margin"] != 17.2 or run["run_id"] not in file or run["display_name"] != f"{name} fold 0":
            faults.append(f"wandb: {name}: {run}")
    equal("wandb: runs", tool, sorted(met), trained)
    compared("wandb: history, config, summary, exit", tool, count)
command = [binaries / "wandb", "sync", "--dry-run"]
listed = subprocess.run(command, cwd=out / "offline", stdin=subprocess.DEVNULL, capture_output=True, text=True, env=os.environ | {"WANDB_ERROR_REPORTING": "false"})
listed = [line.split()[-1] for line in (listed.stdout + listed.stderr).splitlines() if line.endswith(".wandb")]
equal("wandb sync --dry-run: runs", version("wandb"), sorted(listed), sorted(os.path.relpath(file, out / "offline") for file in folders))

# What `wandb sync` sends, to a stand-in for wandb's host on this machine: that it goes through the client's whole way.
with Host() as host:
    key = {"WANDB_BASE_URL": host.address, "WANDB_API_KEY": "0" * 40, "WANDB_ERROR_REPORTING": "false"}
    # A copy: the client notes beside each run that it was sent.
    shutil.copytree(out / "offline", out / "sent", dirs_exist_ok=True)
    command = [binaries / "wandb", "sync", "--yes", *map(str, sorted((out / "sent/wandb").iterdir()))]
    done = subprocess.run(command, cwd=out, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, env=os.environ | key)
    if done.returncode != 0:
        faults.append(f"wandb sync: {done.stdout}{done.stderr}")
    count = 0
    for id, run in host.runs.items():
        name = run["config"]["toji"]["recipe"]
        series, per_epoch = points[name]
        history = [row for _, row in sorted(run["history"].items())]
        for own, values in series.items():
            found = [(row["_step"], float(row["epoch"]), float(row[own])) for row in history if own in row]
            count += len(values)
            if not alike(found, [(round(x * per_epoch), x, value) for x, value in values]):
                faults.append(f"wandb sync: {name} {own}: {found[:2]} is not {values[:2]}")
        if run["summary"].get("score") != result[name]["score"] or run["exit"] != 0 or run["config"]["loss"]["margin"] != 17.2:
            faults.append(f"wandb sync: {name}: {run['summary']} {run['exit']}")
    equal("wandb sync: runs", version("wandb"), sorted(run["groupName"] for run in host.runs.values()), trained)
    compared("wandb sync: history, config, summary, exit", version("wandb"), count)

# What wandb's own program shows of them, where it has one: LEET, a viewer for terminals.
shown = viewer.shown(os.path.dirname(sys.executable), folders[0])
if shown is None:
    print("wandb leet is not to be had here: not looked at", file=sys.stderr)
else:
    series, _ = points[met[0]]
    equal("wandb leet: charts on the screen", version("wandb"), sorted(name for name in ("loss", "lr") if name in shown), ["loss", "lr"])

# timm.
import timm
import torch
from PIL import Image
from safetensors import safe_open

tool = version("timm", "torch")
labels = pl.read_csv(project / "data/sample/train.csv", schema_overrides={"gid": pl.String})
for name in names:
    file = str(out / f"{name}.safetensors")
    with safe_open(file, "pt") as opened:
        about = json.loads(opened.metadata()["pretrained_cfg"])
        keys = len(list(opened.keys()))
    cut = about["pretrained_cfg"]
    special = {"dynamic_img_size": True} if about["architecture"].startswith("vit") else {}
    # create_model is strict: a key too many or too few is an error.
    network = timm.create_model(about["architecture"], num_classes=0, checkpoint_path=file, **special).eval()
    if cut["input_size"] != [3, 64, 64]:
        faults.append(f"timm: {name}: {cut}")
    if not about["toji"]["is_plain"]:
        compared(f"timm {about['architecture']}: strict load", tool, keys)
        continue
    mean, std = np.array(cut["mean"], np.float32), np.array(cut["std"], np.float32)
    files = dict(labels.select("gid", "filename").iter_rows())
    ids = sorted(id for id in vectors[name] if id in files)[:64]
    pictures = [np.asarray(Image.open(project / "data/sample/images" / files[id])) for id in ids]
    x = torch.from_numpy(np.stack([(picture.astype(np.float32) / 255 - mean) / std for picture in pictures]).transpose(0, 3, 1, 2)).contiguous()
    with torch.inference_mode():
        theirs = network(x).numpy().astype(np.float64)
    ours = np.stack([vectors[name][id] for id in ids]).astype(np.float64)
    worst = float(np.max(np.linalg.norm(theirs - ours, axis=1) / np.linalg.norm(theirs, axis=1)))
    how = "trained" if name in trained else "as drawn"
    compared(f"timm {about['architecture']}, {how}: forward, relative", tool, ours.size, worst, 1e-5)

seen = {}
for what, tool, count, difference in rows:
    known = seen.get((what, tool), (0, 0.0))
    seen[(what, tool)] = (known[0] + count, max(known[1], difference))
print("| what | by | values | largest difference |\n|---|---|---|---|")
for (what, tool), (count, difference) in seen.items():
    print(f"| {what} | {tool} | {count:,} | {'none' if difference == 0 else f'{difference:.1e}'} |")
for fault in faults:
    print(fault, file=sys.stderr)
sys.exit(1 if faults else 0)
