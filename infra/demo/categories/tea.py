"""Tea: keys, lines and sentences of the demo catalog."""

from infra.demo.keys import brand, count, enumerated, free, measure, retail_upc
from infra.demo.model import Category, Line, Phrases
from infra.demo.units import GRAMS

KEYS = (
    brand(
        """
        WILLOWGATE|Willowgate;Willow Gate|
        CHAYU|Chayu;Cha Yu|茶屿
        SHANLAN TEA|Shanlan Tea|山岚茶
        ODELL & MARSH|Odell & Marsh|
        """,
        uppercase=True,
    ),
    free(
        "tea_name",
        "Tea Name",
        "The 'Tea Name' attribute is the name of the tea or blend, as the seller calls it.",
        "blend;variety name;茶名;品名",
        listed="Dragon Well;English Breakfast",
    ),
    enumerated(
        "tea_type",
        "Tea Type",
        "The 'Tea Type' attribute is the family of tea by its processing.",
        "type of tea;kind;茶类;茶叶种类",
        """
        Green Tea|~unoxidised tea|绿茶
        Black Tea|~fully oxidised tea|红茶
        Oolong Tea|oolong;wulong tea|乌龙茶;青茶
        White Tea||白茶
        Pu-erh Tea|pu'er tea;puer tea|普洱茶;普洱
        Herbal Tea|herbal infusion;tisane|花草茶;花果茶
        """,
    ),
    enumerated(
        "form",
        "Form",
        "The 'Form' attribute tells in which form the tea is sold.",
        "packaging form;形态;包装形式",
        """
        Loose Leaf|loose-leaf;loose tea|散茶;散装茶叶
        Tea Bags|teabags;tea sachets;pyramid bags|茶包;袋泡茶
        Compressed Cake|tea cake;pressed cake|茶饼;饼茶
        Powder|tea powder;stone-ground powder|茶粉;抹茶粉
        """,
    ),
    free(
        "origin",
        "Origin",
        "The 'Origin' attribute is where the tea grew.",
        "region;country of origin;产地;原产地",
        """
        Hangzhou|+West Lake, Hangzhou|杭州;杭州西湖
        Fujian|Fuding;+Fujian Province|福建;福鼎
        Yunnan|Menghai|云南;勐海
        Assam|+Assam, India|阿萨姆
        Uji|+Uji, Kyoto|宇治
        Anxi|+Anxi County|安溪;福建安溪
        """,
    ),
    measure(
        "net_weight",
        "Net Weight",
        "The 'Net Weight' attribute is the weight of the tea in the pack.",
        "weight;net content;净含量;重量",
        "g oz jin",
        GRAMS,
        "50 g;100 g;125 g;200 g;250 g;357 g;500 g;3.5 oz;8 oz",
        listed="100;357",
    ),
    count(
        "pack_quantity",
        "Pack Quantity",
        "The 'Pack Quantity' attribute is the number of bags, tins or cakes in the pack.",
        "count;pieces;数量;包装数量",
        """
        1|1 tin;1 cake;single pack|1盒;1罐;单盒装
        2|~twin pack;2-pack|2盒装;~双盒装
        20|20 count;20 bags;box of 20|20包;20袋装
        40|40 count;40 bags|40包;40袋装
        100|100 count;100 bags|100包;100袋装
        """,
        listed="20;100",
    ),
    enumerated(
        "certification",
        "Certification",
        "The 'Certification' attribute lists the labels that the tea carries; there can be several.",
        "certificates;label;认证;产品认证",
        """
        Organic|-certified organic;USDA organic;EU organic|有机;有机认证
        Fair Trade|Fairtrade;fair-trade|公平贸易
        Rainforest Alliance|-rainforest alliance certified|雨林联盟;雨林联盟认证
        Vegan|-vegan certified|纯素认证
        """,
        multi=True,
        lower=False,
    ),
    free(
        "harvest",
        "Harvest",
        "The 'Harvest' attribute is the season or year in which the leaves were picked.",
        "picking;harvest season;采摘时间;采摘季节",
        listed="Spring 2025;Autumn 2025",
    ),
    retail_upc(),
)

LINES = (
    Line(
        "WILLOWGATE",
        "Harbour Breakfast",
        "WH",
        6,
        "en",
        3,
        "form=Tea Bags; pack_quantity=20, 40, 100; tea_type=Black Tea; origin=Assam; net_weight=-; certification=Fair Trade",
    ),
    Line(
        "WILLOWGATE",
        "Harbour Breakfast Loose",
        "WHL",
        9,
        "en",
        3,
        "form=Loose Leaf; net_weight=100 g, 250 g, 500 g; pack_quantity=-; tea_type=Black Tea; origin=Assam; certification=Fair Trade",
    ),
    Line(
        "WILLOWGATE",
        "Meadow Calm",
        "WM",
        7,
        "en",
        3,
        "form=Tea Bags; pack_quantity=20, 40, 100; tea_type=Herbal Tea; origin=-; certification=Organic+Vegan; net_weight=-",
    ),
    Line(
        "ODELL & MARSH",
        "Reserve Matcha",
        "OM",
        24,
        "en",
        3,
        "form=Powder; net_weight=50 g, 100 g, 8 oz; tea_type=Green Tea; origin=Uji; certification=Organic; harvest=First flush 2026; pack_quantity=-",
    ),
    Line(
        "ODELL & MARSH",
        "Iron Goddess",
        "OI",
        19,
        "en",
        3,
        "form=Loose Leaf; net_weight=100 g, 250 g, 500 g; tea_type=Oolong Tea; origin=Anxi; harvest=Autumn 2025; pack_quantity=-",
    ),
    Line(
        "CHAYU",
        "狮峰龙井",
        "CL",
        168,
        "zh",
        6,
        "form=Loose Leaf; net_weight=50 g, 100 g, 250 g; pack_quantity=1, 2; tea_type=Green Tea; origin=Hangzhou; harvest=2026年明前; certification=-",
    ),
    Line(
        "SHANLAN TEA",
        "勐海老树",
        "SM",
        298,
        "zh",
        4,
        "form=Compressed Cake; net_weight=200 g, 357 g; pack_quantity=1, 2; tea_type=Pu-erh Tea; origin=Yunnan!; harvest=2019年春; certification=-",
    ),
    Line(
        "SHANLAN TEA",
        "白毫银针",
        "SB",
        218,
        "zh",
        4,
        "form=Loose Leaf, Compressed Cake; net_weight=50 g, 100 g; tea_type=White Tea; origin=Fujian; harvest=2025年春; pack_quantity=1",
    ),
    Line(
        "CHAYU",
        "桂花乌龙",
        "CG",
        36,
        "zh",
        2,
        "form=Tea Bags; pack_quantity=20, 40; tea_type=Oolong Tea; net_weight=-; origin=Anxi",
    ),
    Line(
        "WILLOWGATE",
        "Peppermint Lane",
        "WP",
        5,
        "en",
        1,
        "form=Tea Bags; pack_quantity=20; tea_type=Herbal Tea; origin=-; net_weight=50 g",
    ),
    Line(
        "CHAYU",
        "Lapsang Smoke",
        "CS",
        17,
        "mix2",
        1,
        "form=Loose Leaf; net_weight=3.5 oz; tea_type=Black Tea; origin=Fujian; pack_quantity=-",
    ),
    Line(
        "ODELL & MARSH",
        "White Peony",
        "OW",
        16,
        "en",
        1,
        "form=Loose Leaf; net_weight=100 g; tea_type=White Tea; origin=Fujian; harvest=Spring 2026; pack_quantity=-",
    ),
)

EN = Phrases(
    titles=(
        "{brand} {tea_name} {tea_type}, {form}, {pack_quantity}",
        "{brand} {tea_name} {form} {tea_type} {net_weight}",
        "{brand} {certification} {tea_name} {tea_type} - {form} - {net_weight}",
        "{brand} {tea_name} - {tea_type} {form} ({pack_quantity})",
    ),
    sentences=(
        "{a tea_type} picked by hand.",
        "This is {a tea_type} of an honest, everyday kind.",
        "Grown in {origin}.",
        "Our partner garden in {origin} sends it straight to us.",
        "Certified: {certification}.",
        "It carries the {certification} label.",
        "Net weight: {net_weight}.",
        "There are {net_weight} in the pack.",
        "Format: {form}.",
        "Pack: {pack_quantity}.",
        "Harvest: {harvest}.",
        "Barcode {retail_upc}.",
    ),
    intros=(
        "{tea_name} by {brand}: put the kettle on.",
        "A calm cup for a loud day.",
        "{brand} has blended tea for three generations.",
    ),
    outros=(
        "Steep for three minutes in water just off the boil.",
        "Store airtight and away from spices.",
        "A pinch is enough; the leaves can be brewed again.",
    ),
)
ZH = Phrases(
    titles=(
        "{brand} {tea_name} {tea_type}{form} {net_weight} {pack_quantity}",
        "{brand}{tea_name} {harvest} {tea_type} {form} {net_weight}",
        "{brand} {tea_name} {tea_type} {pack_quantity} {form}",
    ),
    sentences=(
        "{tea_type}，汤色清亮。",
        "原料产自{origin}。",
        "采摘时间：{harvest}。",
        "净含量{net_weight}。",
        "本品为{form}，冲泡方便。",
        "每份{pack_quantity}。",
        "已通过{certification}。",
        "条形码：{retail_upc}。",
    ),
    intros=("{brand}{tea_name}，一口好山水。", "老茶客的日常口粮。", "待客送礼，体面实在。"),
    outros=("建议用沸水稍凉后冲泡，三分钟即可。", "请密封避光保存。", "可多次冲泡。"),
)

CATEGORY = Category(
    "tea",
    "Tea",
    "grocery",
    "Tea leaves, tea bags, tea cakes and herbal infusions.",
    ("teas", "tea leaves", "茶叶", "茶"),
    KEYS,
    ("form", "net_weight", "pack_quantity"),
    LINES,
    EN,
    ZH,
    name_key="tea_name",
    code_key="retail_upc",
)
