"""A load run of POST /orders on this machine: the real function behind the HTTP front, all servers embedded.

Starts `tailrace dev` with free ports, sends orders at a fixed rate with oha, prints its report, and fails unless
every order was accepted at the rate that was asked for. `make load` builds what it needs. It measures no AWS
service; the embedded database and the load itself share the cores with the function. The stream of the outbox is
switched off: the embedded database searches all of a stream at every write, which no table of AWS does.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Requests a second, how many of them, and how many at once.
RATE = int(os.environ.get("RATE", "250"))
REQUESTS = int(os.environ.get("REQUESTS", str(RATE * 30)))
CONNECTIONS = int(os.environ.get("CONNECTIONS", "8"))
# The least rate that counts as reached, as a share of the one that was asked for.
REACHED_SHARE_MIN = 0.98
WARM_UP_REQUESTS = 200
START_SECONDS_MAX = 60
RUN_SECONDS_MAX = 600
STOP_SECONDS_MAX = 60
ORDER = {
    "user_id": "u-1",
    "total_amount": "59.70",
    "items": [
        {"product_id": "p-1", "quantity": 2, "unit_price": "19.90"},
        {"product_id": "p-2", "quantity": 1, "unit_price": "19.90"},
    ],
}


def oha(url, requests, rate=None):
    """Sends orders and returns oha's report."""
    command = [ROOT / ".tools/bin/oha", "--no-tui", "--output-format", "json"]
    command += ["-n", str(requests), "-c", str(CONNECTIONS), "-m", "POST"]
    command += ["-T", "application/json", "-d", json.dumps(ORDER)]
    if rate:
        command += ["-q", str(rate), "--latency-correction"]
    done = subprocess.run([*command, f"{url}/orders"], capture_output=True, timeout=RUN_SECONDS_MAX, check=True)
    return json.loads(done.stdout)


def without_stream(dynamodb):
    """Switches off the stream of the outbox; the embedded database wants a signature and checks none."""
    update = {"TableName": "outbox", "StreamSpecification": {"StreamEnabled": False}}
    headers = {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": "DynamoDB_20120810.UpdateTable",
        "x-amz-date": "20260101T000000Z",
        "authorization": "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, "
        "SignedHeaders=host;x-amz-date, Signature=0",
    }
    request = urllib.request.Request(dynamodb, json.dumps(update).encode(), headers)
    with urllib.request.urlopen(request, timeout=START_SECONDS_MAX) as response:
        table = json.load(response)["TableDescription"]
    if table.get("StreamSpecification", {}).get("StreamEnabled"):
        sys.exit("the stream of the outbox could not be switched off")


def urls(log, system):
    """Waits until the system says where orders-api and DynamoDB answer."""
    started = time.monotonic()
    while time.monotonic() - started < START_SECONDS_MAX:
        text = log.read_text(errors="replace")
        found = [re.search(rf"{name} +(http://\S+)", text) for name in ("orders-api", "DynamoDB")]
        if all(found):
            return [one[1] for one in found]
        if system.poll() is not None:
            break
        time.sleep(0.05)
    sys.exit(f"tailrace dev did not come up; it wrote:\n{log.read_text(errors='replace')}")


def judged(report, rate):
    """Prints a report and returns what is wrong with it."""
    summary, latency = report["summary"], report["latencyPercentiles"]
    statuses, errors = report["statusCodeDistribution"], report["errorDistribution"]
    named = {name: f"{latency[name] * 1000:.1f} ms" for name in ("p50", "p90", "p99", "p99.9")}
    print(f"requests     {sum(statuses.values())} of {REQUESTS}, {CONNECTIONS} at once")
    print(f"rate         {summary['requestsPerSec']:.1f}/s" + (f" of {rate}/s asked for" if rate else ", as fast as it goes"))
    print("latency      " + ", ".join(f"{name} {value}" for name, value in named.items()))
    print(f"statuses     {statuses}")
    print(f"errors       {errors or 'none'}")
    wrong = []
    if statuses != {"202": REQUESTS}:
        wrong.append(f"not all of {REQUESTS} requests were answered with 202")
    if errors:
        wrong.append("requests failed")
    if rate and summary["requestsPerSec"] < rate * REACHED_SHARE_MIN:
        wrong.append(f"the rate of {rate}/s was not reached")
    return wrong


def main():
    """Runs the load once at the rate, and once as fast as it goes."""
    profile = sys.argv[1] if len(sys.argv) == 2 else sys.exit("usage: load.py FOLDER-OF-BINARIES")
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "dev.log"
        ports = [f"--{server}-port=0" for server in ("http", "lambda", "dynamodb", "sqs")]
        with log.open("w") as output:
            command = [f"{profile}/tailrace", "dev", *ports]
            system = subprocess.Popen(command, stdout=output, stderr=output, cwd=ROOT)
        try:
            url, dynamodb = urls(log, system)
            without_stream(dynamodb)
            oha(url, WARM_UP_REQUESTS)
            wrong = judged(oha(url, REQUESTS, RATE), RATE)
            print()
            wrong += judged(oha(url, REQUESTS), None)
        finally:
            system.send_signal(signal.SIGINT)
            try:
                system.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                system.kill()
                system.wait()
    sys.exit("; ".join(wrong) if wrong else 0)


if __name__ == "__main__":
    main()
