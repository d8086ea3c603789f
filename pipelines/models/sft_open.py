"""Training requests as the cascade will ask them: the pairs that the ranker leaves open, its likeliest candidates first.

Source: ours (design.md: the discriminator has to earn its place on what the others leave).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from zlib import crc32

from pipelines.library.discriminate import DiscriminateConfig, groups
from pipelines.library.open_pairs import OpenPair, question_of, shared_texts
from pipelines.models.tasks import GOLD, RECOGNISE_KEY_VALUE, Asked, Example, Request
from udfs.prompts import build_prefix, build_suffix
from udfs.prompts_tasks import shown_texts
from udfs.replies import MOST_VALUES, Choice, write_reply
from udfs.split import split_group
from udfs.text import fold

KEPT_SHARE = 5
"""One of so many families is kept for `jobs.fit_cascade`, which must not ask about what was learned."""


def is_kept(pair: OpenPair) -> bool:
    """Whether this pair's family is kept from training, by a hash of its name."""
    return crc32(split_group(pair.source.listing).encode()) % KEPT_SHARE == 0


def open_example(
    set_name: str, pairs: Sequence[OpenPair], gold: Mapping[str, Sequence[str]], keys_per_request: int
) -> Example:
    """The open pairs of one item as recognition asks about them, and what is true. `gold`: true values by key id.

    A pair none of whose candidates is true has the answer "none". Errors: ValueError for no pairs.
    """
    if not pairs:
        raise ValueError("an example needs an open pair")
    shared, own = shared_texts(pairs[:1])[pairs[0].item]
    asked = [Asked(question_of(pair), _choice(pair, gold)) for pair in pairs]
    return Example(
        set_name=set_name,
        item_id=pairs[0].source.listing.item_id,
        task=RECOGNISE_KEY_VALUE,
        labels=(GOLD,),
        prefix=build_prefix(shared, own),
        shown=shown_texts(shared, own),
        requests=tuple(_requests(asked, keys_per_request)),
    )


def _requests(asked: Sequence[Asked], keys_per_request: int) -> list[Request]:
    """As many questions a request as recognition puts into one."""
    config, left = DiscriminateConfig(keys_per_request=keys_per_request), iter(asked)
    made = []
    for group in groups([one.question for one in asked], config):
        part = tuple(islice(left, len(group)))
        reply = write_reply(group, [one.choice for one in part])
        made.append(Request(build_suffix(group), reply, tuple(q.key_id for q in group), part))
    return made


def _choice(pair: OpenPair, gold: Mapping[str, Sequence[str]]) -> Choice:
    """Which candidates are true, as many as a reply may name."""
    true = set(map(fold, gold.get(pair.view.key.key_id, ())))
    found = [place for place, candidate in enumerate(pair.offered) if candidate.folded in true]
    return tuple(found[: MOST_VALUES if pair.view.key.multi_valued is not False else 1])
