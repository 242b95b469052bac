"""What this machine's processor computes natively in bfloat16, and whether that is faster.

The flags are asked for first; where they are there, one product is timed in both precisions, and
the result is kept in the user's cache. So the answer stays the same on a machine, whatever else it
is doing, and is known without importing torch.
"""

import functools
import json
import logging
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

from vitrina.store.cache import user_cache
from vitrina.store.fingerprint import fingerprint

logger = logging.getLogger(__name__)

CPUINFO = Path("/proc/cpuinfo")
UNITS = ("amx_bf16", "avx512_bf16", "avx_ne_convert", "bf16")
"""Linux's names: Intel's matrix units, AVX-512's and AVX2's dot products, Arm's."""
ISA_LIMIT = "ONEDNN_MAX_CPU_ISA"
ISAS = ("BF16", "FP16", "AMX", "AVX10", "VNNI_2")  # parts of its values that allow bfloat16
LEAST_GAIN = 1.3  # a smaller one is lost to the casts around the products
SHAPE = (1_160, 768, 3_072)  # eight images of 384 pixels through an MLP of ruclip-vit-base-patch32
ROUNDS = 5


@functools.cache
def bfloat16_units() -> tuple[str, ...]:
    """The processor's units for bfloat16, as Linux names them; none where it cannot be known.

    None either where oneDNN, which computes the products, is told not to use them.
    """
    limit = os.environ.get(ISA_LIMIT, "").upper()
    if limit not in ("", "ALL", "DEFAULT") and not any(name in limit for name in ISAS):
        return ()
    try:
        text = CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    flags = {
        flag
        for line in text.splitlines()
        if line.startswith(("flags", "Features"))
        for flag in line.partition(":")[2].split()
    }
    return tuple(unit for unit in UNITS if unit in flags)


@functools.cache
def bfloat16_gain() -> float:
    """How many times faster than float32 a product is in bfloat16; 0 without units for it."""
    units = bfloat16_units()
    if not units:
        return 0.0
    machine = fingerprint(_processor_name(), list(units), version("torch"))
    file = user_cache() / "processor" / f"{machine}.json"
    try:
        return float(json.loads(file.read_text(encoding="utf-8"))["bfloat16_gain"])
    except (OSError, ValueError, KeyError, TypeError):
        gain = round(_timed_gain(), 2)  # not known yet, or cut off by a full disk
    temp_file = file.with_suffix(f".{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temp_file.write_text(json.dumps({"bfloat16_gain": gain}), encoding="utf-8")
        temp_file.replace(file)
    except OSError as error:
        logger.debug("the gain of bfloat16 is not kept: %s", error)
    return gain


def prefers_bfloat16() -> bool:
    """Whether products in bfloat16 are clearly faster on this processor."""
    return bfloat16_gain() >= LEAST_GAIN


def _processor_name() -> str:
    try:
        lines = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    name = next((line for line in lines if line.startswith("model name")), "")
    return name.partition(":")[2].strip() or platform.processor() or platform.machine()


def _timed_gain() -> float:
    """The ratio of the best times, which other work on the machine disturbs least."""
    import torch  # takes seconds, and is needed once per machine

    rows, inner, columns = SHAPE
    x, weight = torch.ones(rows, inner), torch.ones(columns, inner)
    best = {torch.float32: float("inf"), torch.bfloat16: float("inf")}
    with torch.inference_mode():
        for _ in range(ROUNDS):
            for dtype in best:
                one, other = x.to(dtype), weight.to(dtype)
                torch.nn.functional.linear(one[:32], other)  # compiles the product
                begin = time.perf_counter()
                torch.nn.functional.linear(one, other)
                best[dtype] = min(best[dtype], time.perf_counter() - begin)
    return best[torch.float32] / best[torch.bfloat16]
