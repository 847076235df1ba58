"""The backend `ray_tune`, by our door: the suite under the real Ray, and what is its own."""

import pytest

from nasbridge.adapters._conformance import Door
from nasbridge.adapters.testing import BackendTests

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.xdist_group("ray_tune"),
    pytest.mark.usefixtures("local_ray"),
]


class TestRayTune(BackendTests):
    @pytest.fixture
    def door(self) -> Door:
        return Door(
            "ray_tune",
            trials=20,
            deviations={
                "test_workers_cannot_be_sent_a_local_function": "Ray sends functions by value",
            },
        )
