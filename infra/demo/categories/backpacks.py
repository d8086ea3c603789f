"""Backpacks: keys, lines and sentences of the demo catalog."""

from infra.demo.keys import brand, color, enumerated, measure, model_name, model_number
from infra.demo.model import Category, Line, Phrases
from infra.demo.units import CENTIMETRES, EXPANSION, KILOGRAMS

KEYS = (
    brand("""
        Cairnfield|Cairn Field|石丘
        Urbane Mule||城驴
        Tassel Pack Co.|Tassel Pack|
        Xingzhe|Xing Zhe|行者
    """),
    model_name("Day 20;Ridge 45"),
    color("Black Gray Blue Green Brown Red Yellow"),
    measure(
        "capacity",
        "Capacity",
        "The 'Capacity' attribute is the volume that the pack holds.",
        "volume;容量;容积",
        "l",
        EXPANSION,
        "15 l;18 l;20 l;25 l;30 l;38 l;45 l;60 l",
        listed="25 Litres",
    ),
    enumerated(
        "material",
        "Material",
        "The 'Material' attribute is the main fabric of the pack.",
        "fabric;shell;面料;材质",
        """
        Nylon|ripstop nylon;nylon ripstop|尼龙;锦纶
        Polyester|recycled polyester;600D polyester|聚酯纤维;涤纶
        Canvas|waxed canvas;cotton canvas|帆布
        Leather|full-grain leather;genuine leather|皮革;真皮
        """,
    ),
    measure(
        "laptop_size",
        "Laptop Size",
        "The 'Laptop Size' attribute is the greatest diagonal of a laptop that fits its sleeve.",
        "fits laptop;laptop compartment;适配电脑尺寸;电脑仓",
        "in",
        CENTIMETRES,
        "13.3 in;14 in;15.6 in;16 in;17.3 in",
    ),
    measure(
        "height",
        "Height",
        "The 'Height' attribute is the outer height of the pack.",
        "product height;高度;高",
        "cm in mm",
        CENTIMETRES,
        "42 cm;45 cm;48 cm;19 in",
    ),
    measure(
        "width",
        "Width",
        "The 'Width' attribute is the outer width of the pack.",
        "product width;宽度;宽",
        "cm in mm",
        CENTIMETRES,
        "28 cm;30 cm;32 cm;12 in",
    ),
    measure(
        "depth",
        "Depth",
        "The 'Depth' attribute is the outer depth of the pack.",
        "product depth;thickness;厚度;深度",
        "cm in mm",
        CENTIMETRES,
        "14 cm;16 cm;18 cm;7 in",
    ),
    measure(
        "weight",
        "Weight",
        "The 'Weight' attribute is the weight of the empty pack.",
        "item weight;重量;自重",
        "kg g lb jin",
        KILOGRAMS,
        "0.6 kg;0.8 kg;1.1 kg;1.4 kg;2.2 lb;780 g",
    ),
    enumerated(
        "features",
        "Features",
        "The 'Features' attribute lists useful functions of the pack; there can be several.",
        "special features;功能;特色",
        """
        Water Resistant|water-resistant;waterproof coating;rainproof|防水;防泼水
        USB Charging Port|USB port;charging port|USB充电口;外置USB
        Hip Belt|padded hip belt;waist belt|腰带;承重腰带
        Hidden Pocket|secret pocket;anti-theft pocket|隐藏口袋;防盗暗袋
        Luggage Strap|trolley sleeve;luggage pass-through|拉杆箱套带;行李箱固定带
        Rain Cover|built-in rain cover|防雨罩
        """,
        multi=True,
    ),
    model_number("style_number", "Style Number", "style no;article number;货号;款号"),
)

LINES = (
    Line(
        "Cairnfield",
        "Ridge 38",
        "CF38",
        129,
        "en",
        5,
        "color=Green, Gray, Red, Blue, Yellow; capacity=38 l; material=Nylon; laptop_size=-; features=Hip Belt+Rain Cover; weight=1.4 kg; height=-; width=-; depth=-",
    ),
    Line(
        "Urbane Mule",
        "Metro",
        "UM",
        69,
        "en",
        6,
        "color=Black, Gray, Blue; capacity=18 l, 25 l; material=Polyester; laptop_size=15.6 in; height=45 cm; width=30 cm; depth=16 cm; features=USB Charging Port+Water Resistant+Luggage Strap; weight=0.8 kg",
    ),
    Line(
        "Tassel Pack Co.",
        "Saddler",
        "TPS",
        189,
        "en",
        3,
        "color=Brown, Black, Green; capacity=20 l; material=Canvas; laptop_size=14 in; height=42 cm; width=28 cm; depth=14 cm; weight=2.2 lb; features=Hidden Pocket",
    ),
    Line(
        "Urbane Mule",
        "Colt",
        "UC",
        45,
        "en",
        4,
        "color=Black, Red, Blue, Yellow; capacity=15 l; material=Polyester; laptop_size=13.3 in; height=-; width=-; depth=-; weight=0.6 kg",
    ),
    Line(
        "Xingzhe",
        "通城",
        "XZ-T",
        199,
        "zh",
        6,
        "color=Black, Gray, Blue; capacity=20 l, 30 l; material=Nylon; laptop_size=15.6 in; height=48 cm; width=32 cm; depth=18 cm; features=USB Charging Port+Hidden Pocket; weight=1.1 kg",
    ),
    Line(
        "Xingzhe",
        "远峰",
        "XZ-Y",
        459,
        "zh",
        4,
        "color=Green, Red; capacity=45 l, 60 l; material=Nylon; laptop_size=-; features=Hip Belt+Rain Cover+Water Resistant; height=-; width=-; depth=-; weight=1.4 kg",
    ),
    Line(
        "Cairnfield",
        "Brook 25",
        "CB25",
        79,
        "en",
        1,
        "color=Blue; capacity=25 l; material=Polyester; laptop_size=-; weight=780 g; height=19 in; width=12 in; depth=7 in",
    ),
    Line(
        "Tassel Pack Co.",
        "Notary",
        "TPN",
        249,
        "mix2",
        1,
        "color=Brown; capacity=18 l; material=Leather; laptop_size=16 in; height=42 cm; width=30 cm; depth=14 cm; features=Hidden Pocket+Luggage Strap",
    ),
    Line(
        "Xingzhe",
        "学童",
        "XZ-X",
        129,
        "zh",
        1,
        "color=Blue; capacity=15 l; material=Polyester; laptop_size=-; weight=0.6 kg; height=42 cm; width=28 cm; depth=14 cm; features=Water Resistant",
    ),
)

EN = Phrases(
    titles=(
        "{brand} {model_name} Backpack {capacity} {color}",
        "{brand} {model_name} {material} Rucksack, {capacity|adj}, {color}",
        "{brand} {model_name} {capacity|adj} Laptop Backpack fits up to {laptop_size|adj}, {color}",
        "{color} {material} Backpack {capacity} - {brand} {model_name} - {style_number}",
    ),
    sentences=(
        "It swallows {capacity} of gear.",
        "Volume: {capacity}.",
        "The shell is {material}, double-stitched at every seam.",
        "Made of {material}.",
        "A padded sleeve takes laptops up to {laptop_size}.",
        "Outer size: {height|num} x {width|num} x {depth|num} {depth|unit} (H x W x D).",
        "Measures {height} high, {width} wide and {depth} deep.",
        "Empty weight {weight}.",
        "Features: {features}.",
        "Good to know: {features}.",
        "This one comes in {color}.",
        "Style no. {style_number}.",
    ),
    intros=(
        "{brand} {model_name}: for the way to work and the long way home.",
        "A pack that carries more than it weighs.",
        "Straps that do not slip, zips that do not snag.",
    ),
    outros=(
        "Side pockets hold a bottle and an umbrella.",
        "The back panel is ventilated.",
        "Wipe clean with a damp cloth.",
    ),
)
ZH = Phrases(
    titles=(
        "{brand} {model_name} 双肩包 {capacity} {color}",
        "{brand}{model_name}{material}背包 大容量{capacity} {color}",
        "{brand} {model_name} {laptop_size}电脑包双肩背包 {capacity} {color}",
    ),
    sentences=(
        "容量{capacity}，装得下日常所需。",
        "采用{material}面料，耐磨耐用。",
        "独立电脑仓，可放{laptop_size}笔记本。",
        "尺寸：高{height}，宽{width}，厚{depth}。",
        "外形尺寸{height|num}×{width|num}×{depth|num}{depth|unit}（高×宽×厚）。",
        "自重{weight}。",
        "功能：{features}。",
        "颜色为{color}。",
        "货号{style_number}。",
    ),
    intros=("{brand}{model_name}，轻装出发。", "上班出差短途旅行，一包搞定。", "背负舒适，走线工整。"),
    outros=("两侧网兜可放水杯雨伞。", "背板透气不闷汗。", "湿布擦拭即可清洁。"),
)

CATEGORY = Category(
    "backpacks",
    "Backpacks",
    "fashion",
    "Bags carried on the back.",
    ("rucksack", "daypack", "双肩包", "背包", "书包"),
    KEYS,
    ("color", "capacity"),
    LINES,
    EN,
    ZH,
    code_key="style_number",
)
