"""Running shoes: keys, lines and sentences of the demo catalog."""

from infra.demo.keys import brand, color, enumerated, measure, model_name, model_number
from infra.demo.model import Category, Line, Phrases
from infra.demo.units import GRAMS, NUMBER

KEYS = (
    brand("""
        Strideon||迈途
        Fellgate|Fell Gate|费尔门
        Aeromarch|Aero March|空行
        Jifeng|Ji Feng|疾风
    """),
    model_name("Tempo 2;Ridge Runner"),
    enumerated(
        "gender",
        "Gender",
        "The 'Gender' attribute is the group of people that the shoe is made for.",
        "department;for whom;性别;适用对象",
        """
        Men|men's;mens;-for men|男款;男士;男
        Women|women's;womens;ladies|女款;女士;女
        Unisex|-men and women;-all genders|男女同款;中性
        Kids|children's;-junior|儿童;童款
        """,
    ),
    measure(
        "size_eu",
        "Size (EU)",
        "The 'Size (EU)' attribute is the European shoe size.",
        "shoe size;EU size;鞋码;尺码",
        "EU",
        NUMBER,
        "36 EU;37 EU;38 EU;39 EU;40 EU;41 EU;42 EU;43 EU;44 EU;45 EU",
        listed="39;42",
    ),
    color("Black White Blue Red Green Orange Pink Gray"),
    enumerated(
        "surface",
        "Surface",
        "The 'Surface' attribute is the ground that the shoe is made for.",
        "terrain;running surface;适用场地;适用路面",
        """
        Road|asphalt;pavement;city roads|公路;路跑;硬地
        Trail|off-road;forest paths;mountain trails|越野;山地
        Track|tartan track;stadium track|跑道;田径场
        Treadmill|gym treadmill;indoor treadmill|跑步机;室内
        """,
    ),
    enumerated(
        "upper_material",
        "Upper Material",
        "The 'Upper Material' attribute is the fabric that the upper is mainly made of.",
        "upper;fabric;鞋面材质;帮面材质",
        """
        Mesh|engineered mesh;air mesh|网面;网布
        Knit|knitted upper;flyknit-style knit|针织;飞织
        Ripstop|ripstop nylon|防撕裂尼龙;防撕裂面料
        Synthetic Leather|faux leather;PU leather|合成革;PU革
        """,
    ),
    measure(
        "heel_drop",
        "Heel Drop",
        "The 'Heel Drop' attribute is the difference in height between heel and toe, in millimetres.",
        "drop;offset;前后落差;跟差",
        "mmn",
        NUMBER,
        "0 mmn;4 mmn;6 mmn;8 mmn;10 mmn;12 mmn",
        listed="8",
    ),
    measure(
        "weight",
        "Weight",
        "The 'Weight' attribute is the weight of one shoe.",
        "shoe weight;重量;单只重量",
        "g oz",
        GRAMS,
        "198 g;215 g;240 g;262 g;290 g;8.1 oz;9.8 oz",
        listed="240",
    ),
    enumerated(
        "closure",
        "Closure",
        "The 'Closure' attribute tells how the shoe is fastened.",
        "fastening;闭合方式;系带方式",
        """
        Lace-Up|laces;lace up|系带
        Slip-On|pull-on;slip on|一脚蹬;套脚
        Hook and Loop|velcro;hook-and-loop strap|魔术贴
        Dial|dial closure;twist dial|旋钮系带;旋钮
        """,
    ),
    model_number("style_code", "Style Code", "style no;article number;款号;货号"),
)

LINES = (
    Line(
        "Strideon",
        "Tempo 4",
        "ST4",
        110,
        "en",
        8,
        "gender=Men; size_eu=41 EU, 42 EU, 43 EU, 44 EU; color=Black, Blue, Orange; surface=Road; upper_material=Mesh; heel_drop=8 mmn; weight=240 g; closure=Lace-Up",
    ),
    Line(
        "Strideon",
        "Tempo 4 W",
        "ST4W",
        110,
        "en",
        6,
        "gender=Women; size_eu=37 EU, 38 EU, 39 EU; color=Pink, White, Gray; surface=Road; upper_material=Knit; heel_drop=8 mmn; weight=215 g; closure=Lace-Up",
    ),
    Line(
        "Fellgate",
        "Scree",
        "FGS",
        135,
        "en",
        5,
        "gender=Unisex; size_eu=40 EU, 42 EU, 44 EU; color=Green, Black; surface=Trail; upper_material=Ripstop; heel_drop=4 mmn; weight=9.8 oz; closure=Dial",
    ),
    Line(
        "Aeromarch",
        "Feather Zero",
        "AFZ",
        95,
        "en",
        4,
        "gender=Women; size_eu=38 EU, 39 EU, 40 EU; color=White, Red; heel_drop=0 mmn; weight=198 g; upper_material=Mesh; surface=Track",
    ),
    Line(
        "Jifeng",
        "破晓 3",
        "JF-P3",
        499,
        "zh",
        6,
        "gender=Men; size_eu=41 EU, 42 EU, 43 EU; color=Black, White, Red; surface=Road; upper_material=Mesh; weight=215 g; closure=Lace-Up",
    ),
    Line(
        "Jifeng",
        "山行者",
        "JF-SX",
        569,
        "zh",
        4,
        "gender=Unisex; size_eu=39 EU, 41 EU, 43 EU; color=Green, Orange; surface=Trail; upper_material=Ripstop; weight=290 g; closure=Lace-Up",
    ),
    Line(
        "Aeromarch",
        "Hopper Jr",
        "AHJ",
        49,
        "en",
        2,
        "surface=Road; gender=Kids; size_eu=36 EU, 37 EU; color=Blue; closure=Hook and Loop; upper_material=Synthetic Leather; weight=-; heel_drop=-",
    ),
    Line(
        "Fellgate",
        "Indoor Mile",
        "FIM",
        79,
        "en",
        1,
        "gender=Men; size_eu=43 EU; surface=Treadmill; closure=Slip-On; upper_material=Knit; weight=8.1 oz",
    ),
    Line(
        "Jifeng",
        "轻羽",
        "JF-QY",
        329,
        "mix",
        1,
        "gender=Women; size_eu=37 EU; surface=Road; upper_material=Knit; weight=198 g; closure=Slip-On",
    ),
)

EN = Phrases(
    titles=(
        "{brand} {model_name} {gender} {surface} Running Shoes, {color}, {size_eu}",
        "{brand} {model_name} Running Shoes {gender} {size_eu} {color} - {style_code}",
        "{gender} {brand} {model_name} Running Shoe {color} {size_eu}",
        "{brand} {model_name} {upper_material} Running Trainers, {color} ({size_eu})",
    ),
    sentences=(
        "Made for {surface} running, from first jog to race day.",
        "Grip and cushioning are tuned for {surface} use.",
        "The {upper_material} upper lets heat out and keeps grit away.",
        "Upper: {upper_material}.",
        "Heel-to-toe drop: {heel_drop}.",
        "A drop of {heel_drop} keeps your stride natural.",
        "One shoe weighs {weight}.",
        "At {weight} a shoe you hardly notice it.",
        "Fastening: {closure}.",
        "This pair is {size_eu} in {color}.",
        "Style code {style_code}.",
        "Department: {gender}.",
    ),
    intros=(
        "The {model_name} is a shoe for people who run before breakfast.",
        "{brand} {model_name} - run more, think less.",
        "Soft where you land, firm where you push.",
    ),
    outros=(
        "The insole can be taken out and washed.",
        "Reflective details help you to be seen at night.",
        "If you are between two sizes, take the larger one.",
    ),
)
ZH = Phrases(
    titles=(
        "{brand} {model_name} {gender}跑步鞋 {color} {size_eu}",
        "{brand}{model_name}{surface}跑鞋 {gender} {upper_material}透气 {color} {size_eu}",
        "{brand} {model_name} 跑鞋 {gender} {size_eu} {color} {style_code}",
    ),
    sentences=(
        "专为{surface}设计，抓地稳定。",
        "{upper_material}鞋面，透气排汗。",
        "前后落差{heel_drop}。",
        "单只重约{weight}，轻盈不累脚。",
        "{closure}设计，贴合脚型。",
        "本款颜色{color}，尺码{size_eu}。",
        "适用对象：{gender}。",
        "款号{style_code}。",
    ),
    intros=("{brand}{model_name}，陪你多跑一公里。", "落地柔软，蹬地有力。", "日常训练的可靠选择。"),
    outros=("鞋垫可取出清洗。", "夜跑反光设计更安全。", "介于两个码之间建议选大一码。"),
)

CATEGORY = Category(
    "running_shoes",
    "Running Shoes",
    "fashion",
    "Shoes made for running.",
    ("running trainers", "runners", "跑步鞋", "跑鞋"),
    KEYS,
    ("size_eu", "color"),
    LINES,
    EN,
    ZH,
    code_key="style_code",
    code_style="{code}/{digits}-{letters}",
)
