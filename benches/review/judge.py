"""Sets lists of suspects beside the truth of a drawn set.

usage: judge.py FOLDER < lines of `toji review RECIPE --json`
Prints for each kind of fault that the set has: average precision of the whole ranking, and precision and recall over the list's own threshold.
FOLDER holds truth.csv; a photo counts as a near copy where it, or the photo that it copies, is listed with the other.
"""

import csv
import json
import sys


def average_precision(hits, total):
    met, sum_ = 0, 0.0
    for rank, hit in enumerate(hits, 1):
        if hit:
            met += 1
            sum_ += met / rank
    return sum_ / total if total else None


def main():
    truth = {row["gid"]: row for row in csv.DictReader(open(f"{sys.argv[1]}/truth.csv", encoding="utf-8"))}
    faults = {}
    for gid, row in truth.items():
        if row["fault"]:
            faults.setdefault(row["fault"], {})[gid] = row["detail"]
    lists, rest = {}, {}
    for line in sys.stdin:
        row = json.loads(line)
        if "kind" in row:
            lists.setdefault(row["kind"], []).append(row)
        else:
            rest = row
    train = {gid for gid, row in truth.items() if row["role"] == "train"}

    def told(name, kind, wanted, is_hit):
        rows = lists.get(kind, [])
        met, hits, over = set(), [], []
        for row in rows:
            found = is_hit(row)
            # A pair that is listed from both sides counts once.
            if found in met:
                continue
            if found is not None:
                met.add(found)
            hits.append(found is not None)
            if row["is_over"]:
                over.append(found is not None)
        out = {
            "list": name,
            "planted": len(wanted),
            "average_precision": average_precision(hits, len(wanted)),
            "over": len(over),
            "precision": sum(over) / len(over) if over else None,
            "recall": sum(over) / len(wanted) if wanted else None,
        }
        print(json.dumps(out))

    wrong = {gid for gid in faults.get("wrong-label", {}) if gid in train}
    told("wrong-label", "wrong-label", wrong, lambda row: row["id"] if row["id"] in wrong else None)
    pairs = {frozenset((gid, detail)) for gid, detail in faults.get("near-duplicate", {}).items()}

    def pair(row):
        with_ = {one["id"] for one in row["with"]}
        return next((p for p in pairs if row["id"] in p and (set(p) - {row["id"]}) <= with_), None)

    told("near-duplicate", "duplicate", pairs, pair)
    several = {gid for gid in faults.get("two-bottles", {}) if gid in train}
    told("two-bottles", "several-objects", several, lambda row: row["id"] if row["id"] in several else None)
    single = {gid for gid in faults.get("single", {}) if gid in train}
    told("single", "single-photo", single, lambda row: row["id"] if row["id"] in single else None)


main()
