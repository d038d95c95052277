"""q as a function of how far training is."""

import math

import numpy as np
import pytest

from pipeline.config_tables import Ramp, schedule
from pipeline.schedule import FALL, Schedule, constant


def test_it_is_the_line_through_its_corners():
    q = Schedule(first=0.1, last=0.6, start=0.2, end=0.4, peak=0.9, fall=0.7)
    x = np.linspace(0, 1, 501)
    corners = [0, 0.2, 0.4, 0.7, 0.7 + FALL, 1], [0.1, 0.1, 0.9, 0.9, 0.6, 0.6]
    assert np.allclose([q.at(float(value)) for value in x], np.interp(x, *corners))


def test_a_constant_never_changes():
    assert {constant(0.3).at(x) for x in (0.0, 0.01, 0.5, 1.0)} == {0.3}


def test_a_jump_needs_no_width():
    q = Schedule(first=0.0, last=0.8, start=0.5, end=0.5, peak=0.8, fall=0.5)
    assert q.at(math.nextafter(0.5, 0)) == 0.0
    assert q.at(0.5) == 0.8


@pytest.mark.parametrize("order", [(0.5, 0.4, 0.7), (0.1, 0.8, 0.7), (-0.1, 0.4, 0.7), (0.1, 0.4, 1.1)])
def test_the_corners_must_be_in_order(order):
    with pytest.raises(ValueError, match="in order"):
        Schedule(0.0, 0.8, order[0], order[1], 1.0, order[2])


def test_a_ramp_without_a_peak_rises_and_stays():
    q = schedule({"from": 0.0, "to": 0.8, "start": 0.25, "end": 0.75})
    assert [q.at(x) for x in (0.2, 0.5, 0.75, 0.9, 1.0)] == pytest.approx([0.0, 0.4, 0.8, 0.8, 0.8])


def test_numbers_tables_and_manifests_mean_the_same():
    ramp = Ramp.model_validate({"to": 0.5, "peak": 1.0})
    assert schedule(ramp) == schedule(ramp.model_dump())
    assert schedule(0.5) == constant(0.5)
