"""A stand-in for wandb's host on this machine, which keeps what `wandb sync` sends: with Host() as host: … host.runs."""

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Host:
    """Answers just enough that the client goes on. `runs`: by id the config and name it was told, history rows, summary, exit code."""

    def __init__(self):
        self.runs = {}
        host = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, value):
                body = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self.answer({})

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                told = json.loads(body)
                self.answer(host.asked(told) if self.path.startswith("/graphql") else host.sent(self.path.split("/")[-2], told))

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()

    def run(self, name):
        return self.runs.setdefault(name, {"history": {}, "summary": {}, "exit": None})

    def asked(self, told):
        if "UpsertBucket" not in told["query"]:
            return {"data": {"serverInfo": {"features": []}, "viewer": {"id": "v", "entity": "me", "flags": "{}", "teams": {"edges": []}}}}
        known = told["variables"]
        run = self.run(known["name"])
        # It tells a run several times, later less of it.
        run.setdefault("config", {}).update({key: value["value"] for key, value in json.loads(known.get("config") or "{}").items()})
        run |= {key: known[key] for key in ("displayName", "groupName", "jobType") if known.get(key)}
        project = {"id": "p", "name": known["project"], "entity": {"id": "e", "name": "me"}}
        bucket = {"id": "b", "name": known["name"], "displayName": known["displayName"], "config": "{}", "historyLineCount": 0, "project": project}
        return {"data": {"upsertBucket": {"bucket": bucket, "inserted": True}}}

    def sent(self, name, told):
        run = self.run(name)
        for file, part in told.get("files", {}).items():
            for place, line in enumerate(part["content"]):
                if file == "wandb-history.jsonl":
                    run["history"][part["offset"] + place] = json.loads(line)
                if file == "wandb-summary.json":
                    run["summary"] = json.loads(line)
        if told.get("complete"):
            run["exit"] = told.get("exitcode")
        return {"limits": {}}
