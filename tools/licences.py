"""Writes the table of the crates' licences that reports print: python3 tools/licences.py, in the repository's folder.

Takes what cargo knows of Cargo.lock (it fetches what is not there); writes src/session/errands/report/licences.tsv: name, version, licence,
and whether the program itself is built of the crate or only its tests, on any system.
"""

import json
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "src/session/errands/report/licences.tsv"

told = subprocess.run(
    ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"], cwd=ROOT, check=True, capture_output=True, text=True
).stdout
meta = json.loads(told)
packages = {package["id"]: package for package in meta["packages"]}
nodes = {node["id"]: node for node in meta["resolve"]["nodes"]}

# All that normal dependencies lead to.
program, open_ends = set(), [meta["resolve"]["root"]]
while open_ends:
    node = open_ends.pop()
    if node in program:
        continue
    program.add(node)
    for dependency in nodes[node]["deps"]:
        if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
            open_ends.append(dependency["pkg"])

# What a card needs is among them: it is a feature.
rows = {}
for package in packages.values():
    if package["source"] is not None:
        licence = (package["license"] or "see its file " + pathlib.Path(package["license_file"] or "LICENSE").name)
        use = "program" if package["id"] in program else "build"
        rows[(package["name"], package["version"])] = (licence.replace("/", " OR ").replace("  ", " "), use)
lines = ["crate\tversion\tlicence\tfor"]
lines += ["\t".join([*key, *rows[key]]) for key in sorted(rows)]
TABLE.write_text("\n".join(lines) + "\n")
print(f"{len(rows)} crates, {sum(use == 'program' for _, use in rows.values())} of them in the program")
