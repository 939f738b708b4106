"""What cleanvision and cleanlab find in a set whose truth is known: one JSON line a list.

usage: python peers.py SET [probabilities.csv]            (cleanvision 0.3.7, cleanlab 2.9.0)

SET holds truth.csv (gid,filename,role,brand_id,meigara,fault,detail) and images/. probabilities.csv has a header and, a row a photo: id,
label index, p0 … pn, out of fold. A line: list, peer, average_precision over the peer's ranking, and precision and recall of what is over
the peer's own threshold. cleanvision does not rank the sets of near-duplicates that it finds; they are taken in its order, exact ones first.
"""
import csv
import itertools
import json
import pathlib
import sys


def judged(name, peer, ranked, over, wanted):
    found, total = 0, 0.0
    for place, thing in enumerate(ranked, 1):
        if thing in wanted:
            found += 1
            total += found / place
    right = len(over & wanted)
    print(json.dumps({
        "list": name,
        "peer": peer,
        "wanted": len(wanted),
        "listed": len(over),
        "average_precision": round(total / max(len(wanted), 1), 4),
        "precision": round(right / max(len(over), 1), 4),
        "recall": round(right / max(len(wanted), 1), 4),
    }), flush=True)


def copies(rows):
    """Pairs of ids that show one photo, through whatever steps."""
    of = {row["gid"]: {row["gid"]} for row in rows}
    for row in rows:
        if row["fault"] == "near-duplicate":
            joined = of[row["gid"]] | of[row["detail"]]
            for gid in joined:
                of[gid] = joined
    return {frozenset(pair) for group in of.values() for pair in itertools.combinations(group, 2)}


def duplicates(folder, rows):
    from cleanvision import Imagelab

    lab = Imagelab(data_path=str(folder / "images"), verbose=False)
    lab.find_issues({"exact_duplicates": {}, "near_duplicates": {}}, n_jobs=1, verbose=False)
    sets = [group for kind in ["exact_duplicates", "near_duplicates"] for group in lab.info[kind]["sets"]]
    ids = {row["filename"]: row["gid"] for row in rows}
    named = [[ids[pathlib.Path(path).name] for path in group] for group in sets]
    ranked = list(dict.fromkeys(frozenset(pair) for group in named for pair in itertools.combinations(group, 2)))
    judged("duplicate", "cleanvision", ranked, set(ranked), copies(rows))


def labels(file, rows):
    import numpy as np
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    with open(file, newline="") as lines:
        table = list(csv.reader(lines))[1:]
    ids = [row[0] for row in table]
    given = np.array([int(row[1]) for row in table])
    probabilities = np.array([[float(x) for x in row[2:]] for row in table])
    asked = set(ids)
    wanted = {row["gid"] for row in rows if row["fault"] == "wrong-label" and row["gid"] in asked}
    chosen = find_label_issues(given, probabilities, filter_by="prune_by_noise_rate", n_jobs=1)
    over = {gid for gid, chosen in zip(ids, chosen) if chosen}
    for method in ["self_confidence", "normalized_margin"]:
        scores = get_label_quality_scores(given, probabilities, method=method)
        ranked = [ids[i] for i in np.argsort(scores, kind="stable")]
        judged("wrong-label", f"cleanlab {method}", ranked, over, wanted)


def main():
    folder = pathlib.Path(sys.argv[1])
    with open(folder / "truth.csv", newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    duplicates(folder, rows)
    if len(sys.argv) > 2:
        labels(sys.argv[2], rows)


if __name__ == "__main__":
    main()
