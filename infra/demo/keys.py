"""Short builders for the keys of the demo ontology, and the keys that several categories share."""

from __future__ import annotations

from infra.demo.model import Key, read_fact, read_measure, words
from infra.demo.units import NUMBER, Norm


def enumerated(
    key_id: str,
    name: str,
    description: str,
    synonyms: str,
    facts: str,
    *,
    norm: Norm | None = None,
    multi: bool = False,
    lower: bool = True,
) -> Key:
    """A key whose values the ontology lists; one fact a line."""
    read = tuple(read_fact(line.strip()) for line in facts.strip().splitlines())
    return Key(key_id, name, "enumerated", description, words(synonyms), read, norm, multi, lower)


def free(
    key_id: str,
    name: str,
    description: str,
    synonyms: str,
    facts: str = "",
    *,
    listed: str = "",
    multi: bool = False,
    lower: bool = False,
) -> Key:
    """A key with values not known beforehand; `listed` names the few examples that the ontology holds."""
    read = tuple(read_fact(line.strip()) for line in facts.strip().splitlines() if line.strip())
    return Key(
        key_id, name, "free", description, words(synonyms), read, None, multi, lower, listed=words(listed)
    )


def measure(
    key_id: str,
    name: str,
    description: str,
    synonyms: str,
    units: str,
    norm: Norm,
    facts: str,
    *,
    listed: str = "",
) -> Key:
    """A measure key; facts are `number unit` separated by `;`, spelled in any of the units."""
    allowed = tuple(units.split())
    read = tuple(read_measure(part, norm, allowed) for part in words(facts))
    return Key(
        key_id, name, "measure", description, words(synonyms), read, norm, units=allowed, listed=words(listed)
    )


def count(key_id: str, name: str, description: str, synonyms: str, facts: str, *, listed: str = "") -> Key:
    """A measure key that counts things; every fact is a number with its phrasings, one a line."""
    read = tuple(read_fact(line.strip(), canonical_is_said=False) for line in facts.strip().splitlines())
    return Key(key_id, name, "measure", description, words(synonyms), read, NUMBER, listed=words(listed))


def identifier(key_id: str, name: str, description: str, synonyms: str, norm: Norm | None) -> Key:
    """An identifier key; its values are made per SKU."""
    return Key(key_id, name, "identifier", description, words(synonyms), norm=norm)


def _letters_and_digits(text: str, unit: str) -> str:
    return "".join(char for char in text if char.isalnum())


def _manufacturer_digits(text: str, unit: str) -> str:
    return "".join(char for char in text if char.isdigit())[1:6]


def _upper(text: str, unit: str) -> str:
    return text.upper()


DELETE_MARKS = Norm(
    "Delete Marks",
    "Remove any non-alphanumeric characters (like hyphens, periods, and spaces) from the number. Only letters and numbers "
    "should remain in your output.",
    _letters_and_digits,
)
MANUFACTURER_CODE = Norm(
    "Substring Extraction",
    "Extract the Manufacturer Code from a Retail UPC by isolating digits 2 to 6.",
    _manufacturer_digits,
)
UPPERCASE = Norm("To Uppercase", "Return the value in Uppercase Format", _upper)
EXPAND_NAMES = Norm(
    "Name Expansion",
    "Look for abbreviations and short forms of the listed values and replace them with their full forms.",
    _upper,
)


def generalised(rule: str, what: str, names: tuple[str, ...]) -> Norm:
    """A rule that maps what is written onto exactly one of the listed names."""
    options = "\n".join(f"- {name}" for name in names)
    return Norm(rule, f"Give the {what} as EXACTLY ONE of the following:\n{options}", _upper)


_COLORS = {
    "Black": "Black|jet black;midnight black;charcoal black;+graphite black|黑色;曜石黑;+夜幕黑",
    "White": "White|pearl white;snow white;ivory white|白色;珍珠白;雪山白",
    "Gray": "Gray|grey;slate gray;space grey;charcoal grey|灰色;深空灰;岩石灰",
    "Silver": "Silver|brushed silver;moon silver|银色;月光银",
    "Blue": "Blue|navy blue;sky blue;ocean blue;navy|蓝色;海军蓝;天空蓝",
    "Green": "Green|olive green;forest green;sage green|绿色;橄榄绿;松石绿",
    "Red": "Red|crimson red;brick red;burgundy|红色;酒红色;+中国红",
    "Pink": "Pink|rose pink;blush pink;dusty pink|粉色;樱花粉;玫瑰粉",
    "Brown": "Brown|chestnut brown;coffee brown;walnut brown|棕色;咖啡色;栗色",
    "Beige": "Beige|sand beige;cream beige;oatmeal|米色;燕麦色;沙色",
    "Purple": "Purple|lavender;lilac purple;deep violet|紫色;薰衣草紫;雾紫色",
    "Yellow": "Yellow|mustard yellow;lemon yellow|黄色;姜黄色;柠檬黄",
    "Orange": "Orange|burnt orange;coral orange|橙色;珊瑚橙",
}


def color(names: str) -> Key:
    """The colour key over some of the general colours; shades are synonyms of theirs."""
    chosen = tuple(names.split())
    instruction = "Categorize the color of the product into ONLY ONE of the following options:\n" + "\n".join(
        f"-{name}" for name in chosen
    )
    return enumerated(
        "color",
        "Color",
        "The 'Color' attribute is the main colour of the product as offered. Shades (navy, charcoal, ivory) belong to the "
        "general colour that they are a shade of.",
        "colour;shade;finish colour;颜色;颜色分类;色号",
        "\n".join(_COLORS[name] for name in chosen),
        norm=Norm("Color Generalization", instruction, _upper),
    )


def brand(facts: str, *, uppercase: bool = False) -> Key:
    """The brand key; every brand of the catalog is invented."""
    return enumerated(
        "brand",
        "Brand",
        "The 'Brand' attribute is the name under which the maker sells the product.",
        "brand name;make;品牌;牌子",
        facts,
        norm=UPPERCASE if uppercase else None,
        lower=False,
    )


def model_name(listed: str = "") -> Key:
    """The free key for the name of a model or series."""
    return free(
        "model_name",
        "Model Name",
        "The 'Model Name' attribute is the name that the maker gives to this model or series, without the brand.",
        "series;model;product line;型号名称;系列;款式",
        listed=listed,
    )


def model_number(
    key_id: str = "model_number", name: str = "Model Number", synonyms: str = "model no;货号;型号"
) -> Key:
    """The identifier key for a maker's own number, cleaned of hyphens and the like."""
    return identifier(
        key_id,
        name,
        f"The '{name}' attribute is the alphanumeric code by which the maker identifies this exact variant.",
        synonyms,
        DELETE_MARKS,
    )


def retail_upc() -> Key:
    """The identifier key for the barcode; the label keeps the maker's digits."""
    return identifier(
        "retail_upc",
        "Retail UPC",
        "The 'Retail UPC' attribute is the 12-digit barcode number of the retail unit; digits 2 to 6 name the maker.",
        "UPC;barcode;条形码;商品条码",
        MANUFACTURER_CODE,
    )
