"""The process that NNI starts for a trial; a script of the standard library alone.

It takes the record that NNI has stored for its own id, hands it to the run, and passes on what the
run says of the trial. Without `import nni` it is there in a tenth of a second.
"""

import json
import os
import signal
import socket
import sys
import time

TYPE_CHECKING = False  # `import typing` would cost as much as the rest
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

PATIENCE = 60  # seconds until NNI has stored the record
AFTER = 5  # seconds that the trial stays when the run is gone, so that NNI does not call it failed
LOST = 75  # exit code when it is


class Manager:
    """NNI's manager, as a trial sees it.

    Args:
        environment: What NNI has told the trial.
    """

    def __init__(self, environment: "Mapping[str, str]") -> None:
        host, _, path = (
            environment["NNI_TRIAL_COMMAND_CHANNEL"].removeprefix("http://").partition("/")
        )
        self.trial = environment["NNI_TRIAL_JOB_ID"]
        self._channel = f"/{path}"
        self._prefix = self._channel.split("/env/")[0]
        self._address = "127.0.0.1", int(host.rpartition(":")[2])

    def _ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Speak HTTP, which the standard library takes three times as long to import as to speak.

        Every question has a wire of its own, for NNI hangs up on idle ones.
        """
        lines = [
            f"{method} {path} HTTP/1.0",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        ]
        with socket.create_connection(self._address, PATIENCE) as wire:
            wire.sendall("\r\n".join([*lines, "", ""]).encode() + body)
            answer = b"".join(iter(lambda: wire.recv(65536), b""))
        head, _, text = answer.partition(b"\r\n\r\n")
        return int(head.split(None, 2)[1]), text

    def record(self) -> "dict[str, Any]":
        """Return the record that NNI has stored for this trial; not the next in its queue."""
        deadline = time.monotonic() + PATIENCE
        while True:
            status, text = self._ask("GET", f"{self._prefix}/api/v1/nni/trial-jobs/{self.trial}")
            stored = json.loads(text or b"{}").get("hyperParameters") if status == 200 else None
            if stored:
                record: dict[str, Any] = json.loads(stored[0])
                return record
            if time.monotonic() > deadline:
                raise TimeoutError(f"NNI has stored no parameters for trial {self.trial}")
            time.sleep(0.01)

    def report(self, kind: str, number: int, sequence: int, value: object) -> None:
        """Report a value, as `nni.report_intermediate_result` and `report_final_result` do."""
        metric = {
            "parameter_id": number,
            "trial_job_id": self.trial,
            "type": kind,
            "sequence": sequence,
            "value": json.dumps(value),
        }
        told = {"type": "metric", "metric": json.dumps(metric)}
        self._ask("PUT", self._channel, json.dumps(told).encode())


def _stay(parent: int) -> None:
    """Wait for the end of NNI, which resumes what it thinks is running; it may have ended before.

    Args:
        parent: NNI's process.
    """
    deadline = time.monotonic() + AFTER
    while os.getppid() == parent and time.monotonic() < deadline:
        time.sleep(0.05)


def main() -> int:
    """Run the trial; return the exit code that the run has given it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # NNI stops a trial so
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
                said = json.loads(line)
                if "report" in said:
                    manager.report(*said["report"])
                if "say" in said:
                    sys.stderr.write(said["say"] + "\n")
                if "sync" in said:  # whatever came before has reached NNI
                    run.write("{}\n")
                    run.flush()
                if "end" in said:
                    return int(said["end"])
    except OSError:
        pass
    _stay(parent)
    return LOST


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # there is nothing to clean up
