"""Office chairs: keys, lines and sentences of the demo catalog."""

from infra.demo.keys import brand, color, enumerated, measure, model_name, model_number
from infra.demo.model import Category, Line, Phrases
from infra.demo.units import CENTIMETRES, KILOGRAMS

KEYS = (
    brand("""
        Sedentia||赛登
        Holm & Rye|Holm and Rye|
        Backwell|Back Well|背安
        Zuoyi|Zuo Yi|坐怡
    """),
    model_name("Task 1;Lumbar Plus"),
    color("Black Gray Blue White Brown Green"),
    enumerated(
        "upholstery",
        "Upholstery",
        "The 'Upholstery' attribute is the material of seat and back.",
        "seat material;cover;面料;椅面材质",
        """
        Mesh|breathable mesh;net fabric|网布;透气网布
        Leather|genuine leather;top-grain leather|真皮;牛皮
        Faux Leather|PU leather;leatherette|PU皮;人造革
        Fabric|woven fabric;polyester fabric|布艺;布面
        """,
    ),
    enumerated(
        "armrests",
        "Armrests",
        "The 'Armrests' attribute is the kind of armrests.",
        "arms;arm type;扶手;扶手类型",
        """
        Adjustable|adjustable arms;3D armrests;4D armrests|可调节扶手;3D扶手;4D扶手
        Fixed|fixed arms;non-adjustable|固定扶手
        Flip-Up|flip up;fold-away arms|翻转扶手;可翻折扶手
        Armless|without armrests;no arms|无扶手
        """,
    ),
    measure(
        "seat_height",
        "Seat Height",
        "The 'Seat Height' attribute is the greatest height of the seat above the floor.",
        "max seat height;sitting height;座高;最高座高",
        "cm in mm",
        CENTIMETRES,
        "50 cm;52 cm;54 cm;19 in;21 in",
    ),
    measure(
        "width",
        "Width",
        "The 'Width' attribute is the overall width of the chair.",
        "overall width;宽度;宽",
        "cm in mm",
        CENTIMETRES,
        "60 cm;64 cm;66 cm;68 cm",
    ),
    measure(
        "depth",
        "Depth",
        "The 'Depth' attribute is the overall depth of the chair.",
        "overall depth;深度;深",
        "cm in mm",
        CENTIMETRES,
        "58 cm;62 cm;65 cm;70 cm",
    ),
    measure(
        "height",
        "Height",
        "The 'Height' attribute is the greatest overall height of the chair.",
        "overall height;总高;高度",
        "cm in mm",
        CENTIMETRES,
        "98 cm;110 cm;118 cm;125 cm",
    ),
    measure(
        "max_load",
        "Maximum Load",
        "The 'Maximum Load' attribute is the greatest weight of a person that the chair carries.",
        "load capacity;weight limit;max weight;承重;最大承重",
        "kg lb jin",
        KILOGRAMS,
        "110 kg;120 kg;136 kg;150 kg;300 lb",
    ),
    enumerated(
        "features",
        "Features",
        "The 'Features' attribute lists functions of the chair; there can be several.",
        "functions;special features;功能;特色功能",
        """
        Lumbar Support|lumbar pillow;lower-back support|腰托;腰部支撑;护腰
        Headrest|head rest;neck support|头枕;头靠
        Reclining|-recline;tilt and recline|可躺;后仰
        Footrest|foot rest;leg rest|脚踏;搁脚
        Swivel|360 degree swivel;-swivelling|旋转;360度旋转
        """,
        multi=True,
    ),
    model_number("item_number", "Item Number", "item no;article no;货号;商品编号"),
)

LINES = (
    Line(
        "Sedentia",
        "Clerk",
        "SC",
        129,
        "en",
        4,
        "color=Black, Gray, Blue, Green; upholstery=Mesh; armrests=Fixed; max_load=120 kg; width=60 cm; depth=58 cm; height=98 cm; seat_height=52 cm; features=Lumbar Support+Swivel",
    ),
    Line(
        "Backwell",
        "Atlas 9",
        "BA9",
        389,
        "en",
        4,
        "color=Black, Gray, White, Blue; upholstery=Mesh; armrests=Adjustable; max_load=150 kg; width=68 cm; depth=70 cm; height=125 cm; features=Lumbar Support+Headrest+Reclining",
    ),
    Line(
        "Holm & Rye",
        "Partner",
        "HRP",
        549,
        "en",
        3,
        "color=Brown, Black, Green; upholstery=Leather; armrests=Fixed; max_load=300 lb; features=Reclining+Swivel; seat_height=21 in; width=66 cm; depth=65 cm; height=118 cm",
    ),
    Line(
        "Sedentia",
        "Perch",
        "SP",
        89,
        "en",
        3,
        "color=Gray, Blue, White; upholstery=Fabric; armrests=Armless; max_load=110 kg; width=-; depth=-; height=-; features=Swivel; seat_height=54 cm",
    ),
    Line(
        "Zuoyi",
        "云腰",
        "ZY-Y",
        699,
        "zh",
        4,
        "color=Black, Gray, White, Green; upholstery=Mesh; armrests=Adjustable; max_load=150 kg; features=Lumbar Support+Headrest; width=66 cm; depth=62 cm; height=118 cm",
    ),
    Line(
        "Zuoyi",
        "午休",
        "ZY-W",
        459,
        "zh",
        4,
        "color=Black, Brown, Gray, Blue; upholstery=Faux Leather; armrests=Flip-Up; features=Reclining+Footrest; max_load=136 kg; width=-; depth=-; height=-",
    ),
    Line(
        "Backwell",
        "Stool",
        "BS",
        75,
        "en",
        1,
        "color=Black; upholstery=Faux Leather; armrests=Armless; max_load=110 kg; features=Swivel; width=-; depth=-; height=-; seat_height=50 cm",
    ),
    Line(
        "Holm & Rye",
        "Reader",
        "HRR",
        319,
        "mix",
        1,
        "color=Green; upholstery=Fabric; armrests=Flip-Up; max_load=120 kg; seat_height=19 in; width=64 cm; depth=62 cm; height=110 cm; features=Headrest",
    ),
    Line(
        "Zuoyi",
        "轻坐",
        "ZY-Q",
        239,
        "zh",
        1,
        "color=White; upholstery=Mesh; armrests=Fixed; max_load=110 kg; width=60 cm; depth=58 cm; height=98 cm; features=Swivel",
    ),
)

EN = Phrases(
    titles=(
        "{brand} {model_name} {upholstery} Office Chair with {features}, {color}",
        "{brand} {model_name} Ergonomic Office Chair, {color}",
        "{brand} {model_name} Ergonomic Desk Chair {color} - holds {max_load} ({item_number})",
        "{color} {upholstery} Office Chair by {brand}, {model_name}",
    ),
    sentences=(
        "Seat and back: {upholstery}.",
        "Upholstered in {upholstery}.",
        "The seat goes up to {seat_height}.",
        "Overall size: {width|num}W x {depth|num}D x {height|num}H {height|unit}.",
        "It is {width} wide, {depth} deep and {height} high.",
        "Tested for people up to {max_load}.",
        "Maximum load {max_load}.",
        "Armrests: {armrests}.",
        "Functions: {features}.",
        "It comes with {features}.",
        "The frame and cover are {color}.",
        "Item number {item_number}.",
    ),
    intros=(
        "{brand} {model_name}: sit well, get up well.",
        "A chair for eight hours, not for eight minutes.",
        "Tools and screws are in the box; assembly takes a quarter of an hour.",
    ),
    outros=(
        "Casters are safe on wood and carpet.",
        "Spare parts are available for every model.",
        "The gas lift is tested to the usual standards.",
    ),
)
ZH = Phrases(
    titles=(
        "{brand} {model_name} {upholstery}办公椅 {features} {color}",
        "{brand}{model_name}人体工学椅 {armrests} {color}",
        "{brand} {model_name} 电脑椅办公椅 承重{max_load} {color} {item_number}",
    ),
    sentences=(
        "椅面为{upholstery}，透气舒适。",
        "最高座高{seat_height}。",
        "整体尺寸：宽{width}，深{depth}，高{height}。",
        "外形{width|num}×{depth|num}×{height|num}{height|unit}（宽×深×高）。",
        "最大承重{max_load}。",
        "扶手：{armrests}。",
        "具备{features}功能。",
        "颜色：{color}。",
        "货号：{item_number}。",
    ),
    intros=("{brand}{model_name}，久坐也舒服。", "办公学习两相宜。", "稳固耐用，安装简单。"),
    outros=("静音滚轮，不伤地板。", "配件可单独购买。", "附带安装工具和说明书。"),
)

CATEGORY = Category(
    "office_chairs",
    "Office Chairs",
    "furniture_and_light",
    "Chairs for desks and offices.",
    ("desk chair", "task chair", "办公椅", "电脑椅", "转椅"),
    KEYS,
    ("color",),
    LINES,
    EN,
    ZH,
    code_key="item_number",
)
