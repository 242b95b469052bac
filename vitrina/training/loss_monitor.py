"""Watch the loss and the gradient without waiting for the device at every step."""

import time

import pandas as pd
import torch
from torch import Tensor

from vitrina.errors import UserError

MAX_IDS = 50  # in an error message


class LossMonitor:
    """Loss and gradient norm of the steps since the last check."""

    def __init__(self, nm: "pd.Series[str]") -> None:
        self.nm = nm
        self._rows: list[Tensor] = []
        self._values: list[Tensor] = []
        self._since = time.monotonic()

    def add(self, rows: Tensor, values: Tensor) -> None:
        """Add a step: its rows, and its loss and gradient norm, float32 (2,), on the device."""
        self._rows.append(rows)
        self._values.append(values)

    def is_finite(self) -> bool:
        """Whether loss and gradient norm of every step since the last check are finite."""
        return not self._values or bool(torch.stack(self._values).isfinite().all())

    def check(self) -> dict[str, float]:
        """Mean loss, mean gradient norm and pairs per second since the last check; {} if no steps.

        Raises UserError naming the listings of the first step whose loss or gradient is not finite.
        """
        if not self._values:
            return {}
        values = torch.stack(self._values).cpu()
        broken = (~values.isfinite()).any(dim=1).nonzero()
        if len(broken):
            raise UserError(self._message(int(broken[0]), values))
        seconds = time.monotonic() - self._since
        pairs = sum(map(len, self._rows))
        self.restart()
        loss, norm = values.mean(dim=0).tolist()
        return {"loss": loss, "grad_norm": norm, "samples_per_second": pairs / seconds}

    def restart(self) -> None:
        """Drop the steps so far and count time from now."""
        self._rows, self._values, self._since = [], [], time.monotonic()

    def _message(self, index: int, values: Tensor) -> str:
        ids = [str(self.nm.iat[int(row)]) for row in self._rows[index]]
        more = f" and {len(ids) - MAX_IDS} more" if len(ids) > MAX_IDS else ""
        loss, norm = values[index].tolist()
        return (
            f"Training stopped: loss {loss}, gradient norm {norm} in the batch of nm "
            f"{', '.join(ids[:MAX_IDS])}{more}. The last checkpoint is kept and is from before "
            "that. Check these listings, lower lr, or set precision to float32."
        )
