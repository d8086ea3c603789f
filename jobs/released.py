"""Find the release that a person means: by folder, by the ontology's name, or made from an interchange folder."""

from __future__ import annotations

from pathlib import Path

from pipelines.ontology.errors import UnknownVersion
from pipelines.ontology.release import MANIFEST
from pipelines.ontology.store import OntologyStore


def find_release(warehouse: Path, given: str) -> Path:
    """The release folder itself, or the newest release of the ontology of this name.

    Errors: UnknownVersion saying how to make one.
    """
    if (Path(given) / MANIFEST).is_file():
        return Path(given).absolute()
    if "/" in given:
        raise UnknownVersion(
            f"{given} holds no release: name a released ontology, or `aiic ontology release` one"
        )
    found = newest_release(OntologyStore(warehouse, given))
    if found is None:
        raise UnknownVersion(
            f"ontology {given!r} in {warehouse} has no release of its newest version: "
            f"make one with `./aiic ontology release --name {given}`"
        )
    return found


def newest_release(store: OntologyStore) -> Path | None:
    """The release of an ontology's newest version, the one made last where there are several encoders."""
    head = store.head()
    if head is None:
        return None
    made = list((store.folder / "releases").glob(f"{head.version}--*/{MANIFEST}"))
    return max(made, key=lambda path: path.stat().st_mtime_ns).parent.absolute() if made else None


def interchange_name(folder: Path) -> str:
    """The name that the ontology of an interchange folder gets: that of the data set it lies in.

    >>> interchange_name(Path("data/wdc_pave/ontology")), interchange_name(Path("shoes"))
    ('wdc_pave', 'shoes')
    """
    absolute = folder.absolute()
    return absolute.parent.name if absolute.name == "ontology" else absolute.name
