"""What one (item, key) pair was computed from, as a digest: item text, the key's slice of the ontology, models (B2).

Equal fingerprints mean equal inputs, across days, ontology versions and model versions: the pair is not computed again. A key
whose entry or values changed has another slice, the other keys of its category have not; the discriminator's version counts
only for the pairs that it answered.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from dataclasses import asdict, dataclass, field

from pipelines.library.answers import Answer
from pipelines.library.calibration import DISCRIMINATOR
from pipelines.library.keys import CategoryView, KeyView
from pipelines.reduction.lend import EARLIER

ROOM = 2_000


@dataclass(frozen=True, slots=True)
class Models:
    """Who answers. `ranking`: encoder, ranker, scorer, calibration and mode, which every answer depends on; `prompted`: the
    discriminator, which only its own answers depend on; `lending`: the switches of reduction, which only answers that were
    taken over depend on.
    """

    ranking: str
    prompted: str
    lending: str = ""

    def behind(self, answer: Answer) -> str:
        """The models that an answer depends on."""
        parts = [self.ranking]
        # A number that the discriminator chose has the method `extraction`, and its prompt's version all the same.
        if answer.method == DISCRIMINATOR or answer.prompt_version:
            parts += [self.prompted, answer.prompt_version]
        if answer.source and answer.source != EARLIER:
            parts.append(self.lending)
        return " + ".join(parts)


def slice_digest(category: CategoryView, view: KeyView) -> str:
    """Digest of all that recognition reads of a key's ontology entry: itself, its category's name, its values. 32 hex digits."""
    values = [[value.value_id, value.text, value.frequency, list(value.synonyms)] for value in view.values]
    return _digest([category.category_id, category.name, asdict(view.key), values])


def pair_fingerprint(text: str, ontology_slice: str, models: str) -> str:
    """The fingerprint of a pair; `text` is the digest of what recognition sees of the item. 32 hex digits."""
    return _digest([text, ontology_slice, models])


@dataclass(slots=True)
class Slices:
    """Digests of the keys of a release, by category, made when first asked for."""

    room: int = ROOM
    _made: OrderedDict[str, dict[str, str]] = field(default_factory=OrderedDict)

    def of(self, category: CategoryView) -> dict[str, str]:
        """By key id."""
        found = self._made.get(category.category_id)
        if found is None or len(found) != len(category.keys):
            found = {view.key.key_id: slice_digest(category, view) for view in category.keys}
            self._made[category.category_id] = found
        self._made.move_to_end(category.category_id)
        if len(self._made) > self.room:
            self._made.popitem(last=False)
        return found


def _digest(content: object) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=list)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
