"""Watching the loss without waiting for the device at every step."""

import time

import pandas as pd
import torch
from torch import Tensor

from vitrina.errors import UserError

SHOWN = 50  # ids in an error message


class LossMonitor:
    """Loss and gradient norm of the steps since the last check."""

    def __init__(self, nm: "pd.Series[str]") -> None:
        self.nm = nm
        self._rows: list[Tensor] = []
        self._figures: list[Tensor] = []
        self._since = time.monotonic()

    def add(self, rows: Tensor, figures: Tensor) -> None:
        """Take a step's rows and its loss and gradient norm, float32 (2,) still on its device."""
        self._rows.append(rows)
        self._figures.append(figures)

    def is_finite(self) -> bool:
        """Whether every step since the last check has a loss and a gradient."""
        return not self._figures or bool(torch.stack(self._figures).isfinite().all())

    def check(self) -> dict[str, float]:
        """Mean loss, mean gradient norm and pairs per second since the last check.

        Raises UserError naming the listings of the first step without a finite loss or gradient.
        """
        if not self._figures:
            return {}
        figures = torch.stack(self._figures).cpu()
        broken = (~figures.isfinite()).any(dim=1).nonzero()
        if len(broken):
            raise UserError(self._broken(int(broken[0]), figures))
        seconds = time.monotonic() - self._since
        pairs = sum(map(len, self._rows))
        self.restart()
        loss, norm = figures.mean(dim=0).tolist()
        return {"loss": loss, "grad_norm": norm, "samples_per_second": pairs / seconds}

    def restart(self) -> None:
        """Begin a new count now: what lay between was no training."""
        self._rows, self._figures, self._since = [], [], time.monotonic()

    def _broken(self, index: int, figures: Tensor) -> str:
        ids = [str(self.nm.iat[int(row)]) for row in self._rows[index]]
        more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
        loss, norm = figures[index].tolist()
        return (
            f"Training stopped: loss {loss}, gradient norm {norm} in the batch of nm "
            f"{', '.join(ids[:SHOWN])}{more}. The last checkpoint is good and kept. Look at these "
            "listings, lower lr, or set precision to float32."
        )
