"""A stage: a named step whose result is stored under a key and found there the next time."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from vitrina.config import Parameters
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.code_version import code_version
from vitrina.store.files import remove_stale_temp_files
from vitrina.store.fingerprint import fingerprint

logger = logging.getLogger(__name__)

Result = TypeVar("Result", bound=Parameters)


@dataclass(frozen=True)
class StageOutcome(Generic[Result]):
    """A stage's result; ``found_in`` is the folder of a stored one, empty if it was just made."""

    result: Result
    found_in: str = ""


@dataclass(frozen=True)
class Stage(Generic[Result]):
    """A named step: what it returns, and the code, ``module:name``, that decides its artifacts."""

    name: str
    result: type[Result]
    code: str

    @property
    def code_version(self) -> str:
        """Hash of the code that decides the artifacts."""
        return code_version(self.code)

    def key(self, inputs: dict[str, Any]) -> str:
        """The key of the artifact of these inputs."""
        return fingerprint(self.name, self.code_version, inputs)

    def find_or_make(
        self,
        store: Store,
        inputs: dict[str, Any],
        make: Callable[[Artifact], tuple[Result, Iterable[str]]],
        *,
        refresh: bool = False,
    ) -> StageOutcome[Result]:
        """The stored result of these inputs, or else what ``make`` returns, published.

        ``inputs`` hold everything that decides the content: fingerprints of what is read and the
        parameters. ``make`` fills the artifact's folder and returns its result and its files.
        """
        key = self.key(inputs)
        artifact = store.artifact(self.name, key)
        manifest = None if refresh else artifact.manifest()
        # The paths in the result, and in its tables, are those of the folder it was made in.
        if manifest and (manifest.key, manifest.made_in) == (key, str(artifact.path)):
            logger.info("%s: found in %s", self.name, artifact.path)
            store.point_latest(self.name, key)
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


def _plain_values(inputs: dict[str, Any]) -> dict[str, Any]:
    """The inputs as JSON values, for the manifest."""
    return {
        name: value.model_dump(mode="json") if isinstance(value, Parameters) else value
        for name, value in inputs.items()
    }
