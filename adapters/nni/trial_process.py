"""The process that NNI starts for each trial of a managed run; standard library only.

It requests the record that NNI stores for its own id, sends it to the run's relay, and passes on
the run's reports to NNI. Without `import nni` it starts in a tenth of a second.
"""

import json
import os
import signal
import socket
import sys
import time

TYPE_CHECKING = False  # `import typing` would take as long as all other imports
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

RECORD_TIMEOUT = 60  # seconds until NNI must have stored the record
LINGER_SECONDS = 5  # after the end of the run, so that NNI does not mark the trial as failed
LOST = 75  # exit code in that case
POLL_SECONDS = 0.01


class Manager:
    """The HTTP interface of NNI's manager for trials.

    Args:
        environment: The environment variables that NNI sets.
    """

    def __init__(self, environment: "Mapping[str, str]") -> None:
        host, _, path = (
            environment["NNI_TRIAL_COMMAND_CHANNEL"].removeprefix("http://").partition("/")
        )
        self.trial = environment["NNI_TRIAL_JOB_ID"]
        self._channel = f"/{path}"
        self._prefix = self._channel.split("/env/")[0]
        self._address = "127.0.0.1", int(host.rpartition(":")[2])

    def _request(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Send an HTTP request by hand: importing `http.client` takes three times as long.

        Each request has its own connection, because NNI closes idle ones.
        """
        lines = [
            f"{method} {path} HTTP/1.0",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        ]
        with socket.create_connection(self._address, RECORD_TIMEOUT) as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        head, _, text = answer.partition(b"\r\n\r\n")
        return int(head.split(None, 2)[1]), text

    def record(self) -> "dict[str, Any]":
        """Return the record that NNI stores for this trial, not the next one in its queue."""
        path = f"{self._prefix}/api/v1/nni/trial-jobs/{self.trial}"
        deadline = time.monotonic() + RECORD_TIMEOUT
        while True:
            status, text = self._request("GET", path)
            stored = json.loads(text or b"{}").get("hyperParameters") if status == 200 else None
            if stored:
                record: dict[str, Any] = json.loads(stored[0])
                return record
            if time.monotonic() > deadline:
                raise TimeoutError(f"NNI has stored no parameters for trial {self.trial}")
            time.sleep(POLL_SECONDS)

    def report(self, kind: str, number: int, sequence: int, value: object) -> None:
        """Report a value, as `nni.report_intermediate_result` and `report_final_result` do."""
        metric = {
            "parameter_id": number,
            "trial_job_id": self.trial,
            "type": kind,
            "sequence": sequence,
            "value": json.dumps(value),
        }
        message = {"type": "metric", "metric": json.dumps(metric)}
        self._request("PUT", self._channel, json.dumps(message).encode())


def _linger(parent: int) -> None:
    """Wait for the end of NNI: it resumes a trial whose process was running until then.

    Args:
        parent: NNI's process id.
    """
    deadline = time.monotonic() + LINGER_SECONDS
    while os.getppid() == parent and time.monotonic() < deadline:
        time.sleep(0.05)


def main() -> int:
    """Run the trial; return the exit code that the run has sent."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # NNI stops trials by SIGINT
    parent = os.getppid()
    manager = Manager(os.environ)
    record = manager.record()
    port, token = os.environ["NASBRIDGE_RELAY"].split(":")
    try:
        with socket.create_connection(("127.0.0.1", int(port))) as link, link.makefile("rw") as run:
            hello = {
                "token": token,
                "job": manager.trial,
                "record": record,
                "folder": os.environ["NNI_OUTPUT_DIR"],
            }
            run.write(json.dumps(hello) + "\n")
            run.flush()
            for line in run:
                message = json.loads(line)
                if "report" in message:
                    manager.report(*message["report"])
                if "log" in message:
                    sys.stderr.write(message["log"] + "\n")
                if "sync" in message:  # NNI has received all earlier reports
                    run.write("{}\n")
                    run.flush()
                if "end" in message:
                    return int(message["end"])
    except OSError:
        pass
    _linger(parent)
    return LOST


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # skip the interpreter's clean-up
