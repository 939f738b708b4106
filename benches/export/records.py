"""The records of a wandb log by wandb's own DataStore, of versions that have one, a JSON object a line: records.py FILE."""

import json
import sys

from wandb.proto import wandb_internal_pb2
from wandb.sdk.internal.datastore import DataStore


def items(part):
    return {item.key: json.loads(item.value_json) for item in part}


store = DataStore()
store.open_for_scan(sys.argv[1])
while (data := store.scan_data()) is not None:
    record = wandb_internal_pb2.Record()
    record.ParseFromString(data)
    kind = record.WhichOneof("record_type")
    found = {"num": record.num, "type": kind}
    if kind == "run":
        run = record.run
        found["run"] = {"run_id": run.run_id, "display_name": run.display_name, "config": {"update": items(run.config.update)}}
    if kind == "history":
        found["history"] = {"item": items(record.history.item)}
    if kind == "summary":
        found["summary"] = {"update": items(record.summary.update)}
    if kind == "exit":
        found["exit"] = {"exit_code": record.exit.exit_code}
    print(json.dumps(found))
