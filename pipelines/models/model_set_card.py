"""The model card of a whole set: what it is made of, what it learned from, its figures, and its parts' own cards."""

from __future__ import annotations

from pathlib import Path

from pipelines.models.model_set import CARD, ModelSet

BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"
NO_FIGURES = "No figures yet: `./aiic model evaluate --card` writes them here."


def set_card(found: ModelSet, figures: str = "") -> str:
    """The card in markdown; figures stand between two marks, so that they can be put in place later."""
    lines = [
        f"# Models, version {found.version}",
        "",
        *([found.note, ""] if found.note else []),
        "| role | version | digest | size |",
        "|---|---|---|---|",
        *(
            f"| {role} | {part.version} | {part.digest[:12]} | {sum(part.files.values()) / 1e6:.1f} MB |"
            for role, part in found.parts.items()
        ),
        "",
        f"Made {found.made}. Servers must serve: {_served(found)}. Prompt {found.facts.prompt_version}, "
        f"features {found.facts.feature_version}.",
        f"Ranker trained on items: {_trained(found)}. Each part's own card says more.",
        "",
        "Licence: Apache-2.0, as the project, for all weights trained here; base models keep theirs (see the parts' cards).",
        "",
        "## Figures",
        "",
        BEGIN,
        figures or NO_FIGURES,
        END,
        "",
    ]
    return "\n".join(lines)


def with_figures(card: str, figures: str) -> str:
    """A card with other figures between its marks. Errors: ValueError where it has no marks."""
    before, begin, rest = card.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the card has no place for figures: add the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{figures.strip()}\n{END}{after}"


def figures_of(card: str) -> str:
    """The figures of a card; "" where there are none."""
    _, begin, rest = card.partition(BEGIN)
    figures, end, _ = rest.partition(END)
    return figures.strip() if begin and end and figures.strip() != NO_FIGURES else ""


def all_cards(found: ModelSet) -> str:
    """The set's card and its parts' own, one after the other."""
    places = [found.folder, *(found.folder / role for role in found.parts)]
    return "\n".join(text for text in map(_card, places) if text)


def _card(folder: Path) -> str:
    path = folder / CARD
    return path.read_text("utf-8") if path.is_file() else ""


def _served(found: ModelSet) -> str:
    return ", ".join(f"{role} {name}" for role, name in found.facts.serves.items()) or "anything"


def _trained(found: ModelSet) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in found.trained_on.items()) or "not stated"
