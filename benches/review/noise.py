"""Changes labels by a seed, and judges a list of wrong labels by it.

usage: noise.py change SEED MANIFEST NEW CHANGED     writes the table NEW with 5 % of the labels changed, and the changed files' names
       noise.py judge CHANGED DROP < lines of `toji review RECIPE --list wrong-label --json`
judge prints precision of the first 5 % of the photos, average precision, and precision and recall over the list's own threshold; the ids of
the first 5 % go to DROP.
"""

import csv
import json
import random
import sys

SHARE = 0.05


def change(seed, manifest, new, changed):
    rows = list(csv.DictReader(open(manifest, encoding="utf-8")))
    labels = sorted({row["label"] for row in rows})
    coarse = {row["label"]: row["coarse"] for row in rows}
    draws = random.Random(int(seed))
    chosen = draws.sample(range(len(rows)), round(SHARE * len(rows)))
    for place in chosen:
        other = draws.choice([label for label in labels if label != rows[place]["label"]])
        rows[place] |= {"label": other, "coarse": coarse[other]}
    with open(new, "w", newline="", encoding="utf-8") as out:
        table = csv.DictWriter(out, fieldnames=rows[0].keys())
        table.writeheader()
        table.writerows(rows)
    with open(changed, "w", encoding="utf-8") as out:
        out.write(f"{len(rows)}\n")
        out.writelines(rows[place]["image"] + "\n" for place in chosen)


def judge(changed, drop):
    photos, *names = open(changed, encoding="utf-8").read().split("\n")
    names = {name for name in names if name}
    rows = [row for row in map(json.loads, sys.stdin) if row.get("kind") == "wrong-label"]
    hits = [row["file"].rsplit("/", 1)[-1] in names for row in rows]
    first = round(SHARE * int(photos))
    met, total = 0, 0.0
    for rank, hit in enumerate(hits, 1):
        met += hit
        total += hit * met / rank
    over = [hit for row, hit in zip(rows, hits) if row["is_over"]]
    print(json.dumps({
        "changed": len(names),
        "first": first,
        "precision_of_the_first": round(sum(hits[:first]) / first, 4),
        "average_precision": round(total / len(names), 4),
        "over": len(over),
        "precision": round(sum(over) / max(len(over), 1), 4),
        "recall": round(sum(over) / len(names), 4),
    }))
    with open(drop, "w", encoding="utf-8") as out:
        out.writelines(row["id"] + "\n" for row in rows[:first])


{"change": change, "judge": judge}[sys.argv[1]](*sys.argv[2:])
