# pyright: basic
# NNI ships no types that can be relied on.
"""The trial's side of the native integration: the parameters of the trial that runs this."""

import json
import time
import urllib.request
from typing import Any

import nni
import nni.trial
from nni.runtime.env_vars import trial_env_vars

from ...engine.errors import BackendError

__all__ = ["next_parameter"]

RECORD_TIMEOUT = 60  # seconds until NNI must have stored a trial's parameters
POLL_SECONDS = 0.05


def next_parameter() -> dict[str, Any]:
    """Return the parameters that NNI stores for this trial; replaces `nni.get_next_parameter`.

    NNI 3.0 itself returns the next parameters in a queue, which may be those of another trial
    (microsoft/nni#5726). In that case a float such as 1.0 arrives here as the integer 1, because
    NNI's server is JavaScript.

    Returns:
        The parameters; an empty dict outside of an experiment, as NNI's own function.

    Raises:
        BackendError: NNI has stored no parameters for the trial within 60 s.
    """
    queued = nni.get_next_parameter()
    url, trial = trial_env_vars.NNI_TRIAL_COMMAND_CHANNEL, trial_env_vars.NNI_TRIAL_JOB_ID
    if not url or not str(url).startswith("http"):
        return dict(queued or {})
    address = f"{str(url).split('/env/')[0]}/api/v1/nni/trial-jobs/{trial}"
    deadline = time.monotonic() + RECORD_TIMEOUT
    while True:
        with urllib.request.urlopen(address, timeout=RECORD_TIMEOUT) as answer:
            stored = json.loads(answer.read() or b"{}").get("hyperParameters")
        if stored:
            break
        if time.monotonic() > deadline:
            raise BackendError(f"NNI has stored no parameters for trial {trial}")
        time.sleep(POLL_SECONDS)
    record = json.loads(stored[0])
    if _in_javascript(record["parameters"]) == _in_javascript(queued):  # the queue keeps 1.0
        record["parameters"] = queued
    nni.trial._params = record  # NNI attributes what the trial reports to these parameters
    return dict(record["parameters"])


def _in_javascript(value: Any) -> str:
    """Return parameters as text after a passage through JavaScript: 1.0 is 1, but not true."""

    def converted(part: Any) -> Any:
        if isinstance(part, dict):
            return {str(key): converted(inner) for key, inner in part.items()}
        if isinstance(part, list | tuple):
            return [converted(inner) for inner in part]
        return int(part) if isinstance(part, float) and part.is_integer() else part

    return json.dumps(converted(value), sort_keys=True)
