"""A stage: a step of the pipeline whose result is stored under a key of code and inputs.

The store is the cache: this is the one place that finds an artifact or makes it.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from vitrina.config.parameters import Parameters
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.code_version import code_version
from vitrina.store.failures import AccessDeniedError, DiskFullError
from vitrina.store.files import remove_stale_temp_files
from vitrina.store.fingerprint import fingerprint

logger = logging.getLogger(__name__)

Result = TypeVar("Result", bound=Parameters)


@dataclass(frozen=True)
class StageOutcome(Generic[Result]):
    """A stage's result, and the folder it was found in, empty if it was just made."""

    result: Result
    found_in: str = ""


@dataclass(frozen=True)
class Stage(Generic[Result]):
    """A step: its name, its result's type, and the functions that decide its artifacts.

    A function is given as ``module:function``; code that it calls is found from there.
    """

    name: str
    result: type[Result]
    code: str
    more_code: tuple[str, ...] = ()  # other functions that decide the artifacts

    @property
    def code_version(self) -> str:
        """Hash of the code that decides the artifacts."""
        return code_version(self.code, *self.more_code)

    def key(self, inputs: dict[str, Any]) -> str:
        """The key of the artifact that these inputs give."""
        return fingerprint(self.name, self.code_version, inputs)

    def find_or_make(
        self,
        store: Store,
        inputs: dict[str, Any],
        make: Callable[[Artifact], tuple[Result, Iterable[str]]],
        *,
        refresh: bool = False,
    ) -> StageOutcome[Result]:
        """The stored result of these inputs; if there is none, make and publish it.

        ``inputs`` holds everything besides code that decides the content: parameters and the
        fingerprints of what is read. ``make`` writes the files of the artifact and returns the
        result and the files' relative paths. With ``refresh`` it is always called.
        """
        key = self.key(inputs)
        artifact = store.artifact(self.name, key)
        manifest = None if refresh else artifact.manifest()
        # In a folder that was moved, paths in the result and in tables name the old one.
        if manifest and (manifest.key, manifest.made_in) == (key, str(artifact.path)):
            logger.info("%s: found in %s", self.name, artifact.path)
            self._point_latest_if_allowed(store, key)
            return StageOutcome(self.result.model_validate(manifest.result), str(artifact.path))
        remove_stale_temp_files(artifact.path)
        result, files = make(artifact)
        artifact.publish(
            self.name,
            key,
            files,
            parameters=_plain_values(inputs),
            result=result.model_dump(mode="json"),
        )
        store.point_latest(self.name, key)
        return StageOutcome(result)

    def _point_latest_if_allowed(self, store: Store, key: str) -> None:
        """Point ``latest`` to a stored artifact; a store that is read-only stays as it is."""
        try:
            store.point_latest(self.name, key)
        except (AccessDeniedError, DiskFullError) as error:
            logger.warning("%s: latest still points to another artifact: %s", self.name, error)


def _plain_values(inputs: dict[str, Any]) -> dict[str, Any]:
    """The inputs as JSON values, for the manifest."""
    return {
        name: value.model_dump(mode="json") if isinstance(value, Parameters) else value
        for name, value in inputs.items()
    }
