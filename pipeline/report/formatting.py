"""Numbers and settings as a reader wants them: F1 in percent, calibration errors as .015, a dash for the unknown."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

MISSING = "–"
KL_NAMES = {"jeffreys": "Jeffreys divergence", "jensen-shannon": "Jensen–Shannon divergence"}


def percent(value: float | None) -> str:
    """A fraction as percent with one decimal.

    >>> percent(0.91), percent(None)
    ('91.0', '–')
    """
    return MISSING if value is None else _minus(f"{100 * value:.1f}")


def three(value: float | None) -> str:
    """A fraction with three decimals and no leading zero.

    >>> three(0.0149), three(1.0), three(-0.2)
    ('.015', '1.000', '−.200')
    """
    return MISSING if value is None else _bare(f"{value:.3f}")


def two(value: float) -> str:
    """A share with two decimals and no leading zero.

    >>> two(0.6), two(0.001), two(1.0)
    ('.60', '<.01', '1.00')
    """
    return "<.01" if 0 < value < 0.005 else _bare(f"{value:.2f}")


def signed_percent(value: float | None) -> str:
    """A difference of fractions in percentage points, with its sign.

    >>> signed_percent(0.012), signed_percent(-0.004)
    ('+1.2', '−0.4')
    """
    return MISSING if value is None else _minus(f"{100 * value:+.1f}")


def signed_three(value: float | None) -> str:
    """A difference with three decimals, its sign, and no leading zero.

    >>> signed_three(-0.347)
    '−.347'
    """
    return MISSING if value is None else ("+" if value > 0 else "") + three(value)


def short(value: object) -> str:
    """A setting: a number without needless zeros, anything else as it is.

    >>> short(0.7), short(1.0), short(2e-4), short("all")
    ('.7', '1', '.0002', 'all')
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return _bare(f"{value:.6f}".rstrip("0").rstrip("."))


def count(value: float | None) -> str:
    """A whole number with thousands apart.

    >>> count(203621)
    '203,621'
    """
    return MISSING if value is None else f"{value:,.0f}"


def compact(value: float | None) -> str:
    """A large number with three digits and a unit.

    >>> compact(66_400_000), compact(8_420), compact(73)
    ('66.4 M', '8.42 k', '73')
    """
    if value is None:
        return MISSING
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= 0.9995 * size:
            scaled = value / size
            return f"{scaled:.{2 if scaled < 9.995 else 1 if scaled < 99.95 else 0}f}{unit}"
    return f"{value:.0f}"


def duration(seconds: float | None) -> str:
    """Seconds as a clock would say them.

    >>> duration(4.26), duration(754), duration(7384)
    ('4.3 s', '12 min 34 s', '2 h 3 min')
    """
    if seconds is None:
        return MISSING
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def interval(record: Mapping[str, Any], metric: str, show: Callable[[float | None], str]) -> str:
    """The 95 % interval of a metric, or nothing where it was not computed."""
    low, high = record.get(f"{metric}_low"), record.get(f"{metric}_high")
    return "" if low is None or high is None else f"{show(low)} to {show(high)}"


def loss_name(config: Mapping[str, Any]) -> str:
    """The loss of a stage by its usual name.

    >>> loss_name({"q": 0.0, "smoothing": 0.0}), loss_name({"q": 0.7, "smoothing": 0.1})
    ('CE', 'SGCE, q = .7, s = .1')
    """
    if config.get("correction", "none") != "none":
        return f"forward-corrected CE, T {config['correction']}"
    q, smoothing, neighbour, bias = (config.get(key) or 0.0 for key in ("q", "smoothing", "neighbour", "logit_bias"))
    name = ("S" if smoothing and q else "") + ("GCE" if q else "CE")
    shown = [("s", smoothing), ("r", neighbour), ("logit bias", bias)]
    return ", ".join([name, *_schedule(q)] + [f"{symbol} = {short(value)}" for symbol, value in shown if value])


def _schedule(q: float | Mapping[str, Any]) -> list[str]:
    if not isinstance(q, Mapping):
        return [f"q = {short(q)}"] if q else []
    stops = [q["from"], q["to"]] if q.get("peak") is None else [q["from"], q["peak"], q["to"]]
    return ["q = " + " → ".join(short(value) for value in stops)]


def settings(config: Mapping[str, Any]) -> str:
    """What distinguishes a stage: its loss, or the divergence from which teacher; empty where the config is unknown.

    >>> settings({"kl": "forward", "teacher": "teacher", "temperature": 2.0, "alpha": 0.0})
    'forward KL from teacher, τ = 2'
    """
    if config.get("control"):
        return f"no teacher, {loss_name(config)}" if config.get("q") is not None else "no teacher"
    if "kl" not in config:
        return loss_name(config) if "q" in config else ""
    name = KL_NAMES.get(config["kl"], f"{config['kl']} KL")
    parts = [f"{name} from {config.get('teacher', 'the teacher')}"]
    if config.get("temperature", 1) != 1:
        parts.append(f"τ = {short(config['temperature'])}")
    if config.get("alpha", 0):
        parts.append(f"α = {short(config['alpha'])}")
    return ", ".join(parts)


def _bare(text: str) -> str:
    return _minus(re.sub(r"^(-?)0\.", r"\1.", text))


def _minus(text: str) -> str:
    return text.replace("-", "−")
