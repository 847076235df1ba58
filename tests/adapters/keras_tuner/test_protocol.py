# pyright: basic
"""Messages from a worker to its chief survive the encoding and Keras Tuner's gRPC messages."""

from typing import Any

import pytest
from keras_tuner.engine.hyperparameters import HyperParameters
from keras_tuner.engine.trial import Trial as Row
from keras_tuner.src import protos

from nasbridge.adapters.keras_tuner.protocol import (
    EpochEnds,
    Message,
    TrialBegins,
    TrialResult,
    decode,
    encode,
    is_stop,
    stop,
)

METRICS = {"val_loss": 0.25, "parameters": 4096.0}  # exact as 32-bit floats
MESSAGES: list[Message] = [
    TrialBegins(),
    EpochEnds(METRICS, 0),
    EpochEnds(METRICS, 7),
    EpochEnds({}, 2),
    TrialResult(METRICS, 0),
    TrialResult(METRICS, 1),
    TrialResult(METRICS, 99),
]


@pytest.mark.parametrize("message", MESSAGES, ids=str)
def test_a_message_survives_encoding(message: Message) -> None:
    assert decode(*encode(message)) == message


@pytest.mark.parametrize("message", MESSAGES, ids=str)
def test_a_message_survives_grpc(message: Message) -> None:
    metrics, step = encode(message)
    service: Any = protos.get_service()
    kind = service.UpdateTrialRequest
    sent = kind(trial_id="0", metrics=metrics, step=step).SerializeToString()
    received = kind.FromString(sent)
    assert decode(received.metrics, received.step) == message


def test_no_two_messages_have_the_same_encoding() -> None:
    encoded = [str(encode(message)) for message in MESSAGES]
    assert len({*encoded}) == len(MESSAGES)


@pytest.mark.parametrize(
    "message", [EpochEnds(METRICS, -1), TrialResult(METRICS, -1), TrialResult({}, 0)], ids=str
)
def test_an_ambiguous_message_is_rejected(message: Message) -> None:
    with pytest.raises(ValueError, match="cannot be sent"):
        encode(message)


def test_the_request_to_stop_survives_grpc() -> None:
    row = Row(HyperParameters(), "0", "RUNNING")
    answer = stop(row)
    assert is_stop(Row.from_proto(answer.to_proto()))
    assert not is_stop(row)
