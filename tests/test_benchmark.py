import pytest

from pipeline.benchmark import COLUMNS, Work, cells, gemm_peak, record, timed


def work(name, seconds, **keys):
    return Work(name, lambda: 0.0, 1000, seconds=seconds, **keys)


def test_a_record_by_hand():
    ours = work("teach", [1.0, 2.0, 4.0], flops=6e9, bf16=True, padding=0.1)
    found = record(ours, [ours], {True: 12e9})
    assert found["words_per_second"] == pytest.approx((1000 + 500 + 250) / 3)
    assert 250 <= found["words_per_second_low"] < found["words_per_second"] < found["words_per_second_high"] <= 1000
    assert found["flops_per_second"] == pytest.approx(3e9)  # at the median of 2 s
    assert found["share_of_gemm_peak"] == pytest.approx(0.25)
    assert (found["dtype"], found["padding"], found["seconds"]) == ("bf16", 0.1, [1.0, 2.0, 4.0])
    assert "times_as_long" not in found


def test_the_ratio_pairs_repetitions():
    ours, peer = work("teach", [1.0, 10.0, 1.0]), work("stock", [4.0, 50.0, 3.0], beside="teach")
    found = record(peer, [ours, peer], {})
    assert (found["beside"], found["times_as_long"]) == ("teach", 4.0)
    assert found["flops_per_second"] is None
    assert found["share_of_gemm_peak"] is None


def test_a_row_has_a_cell_for_every_column():
    ours = work("teach", [1.0, 1.0], flops=2e9, padding=0.25)
    peer = work("stock", [3.0, 3.0], beside="teach")
    peaks = {False: 4e9}
    assert cells(record(ours, [ours], peaks)) == [
        "teach", "1,000 [1,000, 1,000]", "1.00", "25.0%", "2 fp32", "50%", "", ""
    ]  # fmt: skip
    assert cells(record(peer, [ours, peer], peaks))[-2] == "3.00 x teach"
    assert len(cells(record(peer, [ours, peer], peaks))) == len(COLUMNS)


def test_what_is_timed_takes_time():
    assert 0 < timed(lambda: sum(range(1000))) < 1


def test_the_machine_multiplies():
    assert gemm_peak("cpu", bf16=False) > 1e8
