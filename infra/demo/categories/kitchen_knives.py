"""Kitchen knives: keys, lines and sentences of the demo catalog."""

from infra.demo.keys import brand, count, enumerated, free, measure, model_number
from infra.demo.model import Category, Line, Phrases
from infra.demo.units import CENTIMETRES, GRAMS, NUMBER

KEYS = (
    brand("""
        Ashgrove|Ashgrove Cutlery|白蜡林
        Kurotani||黑谷
        Maison Brume||雾屋
        Daojiang|Dao Jiang|刀匠
    """),
    free(
        "series",
        "Series",
        "The 'Series' attribute is the maker's name for the line of knives.",
        "collection;product line;系列;产品系列",
        listed="Heritage;Tsuki",
    ),
    enumerated(
        "knife_type",
        "Knife Type",
        "The 'Knife Type' attribute is the kind of knife by its use and shape.",
        "type;style of knife;刀具类型;类型",
        """
        Chef's Knife|chef knife;cook's knife;gyuto|厨师刀;主厨刀
        Santoku|santoku knife|三德刀
        Paring Knife|peeling knife|水果刀;削皮刀
        Bread Knife|serrated bread knife|面包刀
        Cleaver|Chinese cleaver;chopper|菜刀;中式菜刀;切片刀
        Utility Knife|petty knife|多用刀;万用刀
        """,
    ),
    measure(
        "blade_length",
        "Blade Length",
        "The 'Blade Length' attribute is the length of the blade without the handle.",
        "blade;edge length;刀刃长度;刃长",
        "cm in mm",
        CENTIMETRES,
        "3.5 in;9 cm;12 cm;15 cm;7 in;18 cm;8 in;20 cm;21 cm;24 cm",
        listed="20.0",
    ),
    enumerated(
        "blade_material",
        "Blade Material",
        "The 'Blade Material' attribute is the steel or other material of the blade.",
        "steel;blade steel;刀身材质;刀刃材质",
        """
        Stainless Steel|stainless|不锈钢
        Carbon Steel|high-carbon steel|碳钢;高碳钢
        Damascus Steel|67-layer Damascus;Damascus|大马士革钢
        VG-10|VG10 steel;VG-10 steel|VG10钢;VG-10钢
        Ceramic|zirconia ceramic|陶瓷;氧化锆陶瓷
        """,
    ),
    enumerated(
        "handle_material",
        "Handle Material",
        "The 'Handle Material' attribute is what the handle is made of.",
        "handle;grip;刀柄材质;手柄材质",
        """
        Pakkawood|pakka wood;laminated wood|彩木;复合木
        Walnut Wood|walnut;American walnut|胡桃木
        Polypropylene|PP;textured plastic|聚丙烯;PP塑料
        G10|G-10;G10 fibreglass|G10;玻璃纤维G10
        Stainless Steel|all-steel;one-piece steel|不锈钢一体
        """,
    ),
    measure(
        "hardness",
        "Hardness",
        "The 'Hardness' attribute is the Rockwell hardness (HRC) of the blade.",
        "HRC;Rockwell hardness;硬度;刀刃硬度",
        "HRC",
        NUMBER,
        "54 HRC;56 HRC;58 HRC;60 HRC;62 HRC",
        listed="58",
    ),
    measure(
        "weight",
        "Weight",
        "The 'Weight' attribute is the weight of the knife.",
        "item weight;重量;净重",
        "g oz",
        GRAMS,
        "62 g;110 g;165 g;198 g;235 g;310 g;7.4 oz",
    ),
    count(
        "set_pieces",
        "Set Pieces",
        "The 'Set Pieces' attribute is the number of knives in the set; a single knife is 1.",
        "pieces;number of knives;件数;套装件数",
        """
        1|single knife;1 piece|单把;1件
        2|2-piece set;~pair of knives|2件套;两件套
        3|3-piece set;three-piece set|3件套;三件套
        5|5-piece set;five-piece set|5件套;五件套
        """,
    ),
    model_number(),
)

LINES = (
    Line(
        "Ashgrove",
        "Orchard",
        "AO",
        39,
        "en",
        6,
        "knife_type=Chef's Knife, Utility Knife, Bread Knife; blade_length=15 cm, 20 cm; blade_material=Stainless Steel; handle_material=Walnut Wood; hardness=56 HRC; weight=-; set_pieces=1",
    ),
    Line(
        "Kurotani",
        "Tsubame",
        "KT",
        149,
        "en",
        6,
        "knife_type=Chef's Knife, Santoku, Utility Knife; blade_length=15 cm, 7 in, 21 cm; blade_material=Damascus Steel; handle_material=Pakkawood; hardness=60 HRC; weight=-; set_pieces=1",
    ),
    Line(
        "Maison Brume",
        "Bistro",
        "MBB",
        25,
        "en",
        4,
        "knife_type=Utility Knife, Paring Knife; blade_length=12 cm, 3.5 in; blade_material=Stainless Steel; handle_material=Polypropylene; hardness=54 HRC; set_pieces=-",
    ),
    Line(
        "Daojiang",
        "青锋",
        "DJ-Q",
        129,
        "zh",
        6,
        "knife_type=Cleaver, Santoku, Chef's Knife; blade_length=18 cm, 20 cm; blade_material=VG-10; handle_material=G10; hardness=60 HRC; weight=-; set_pieces=1",
    ),
    Line(
        "Daojiang",
        "家和",
        "DJ-J",
        199,
        "zh",
        3,
        "knife_type=Cleaver; blade_length=18 cm; blade_material=Stainless Steel; handle_material=Stainless Steel; set_pieces=2, 3, 5; hardness=-; weight=-",
    ),
    Line(
        "Kurotani",
        "Hane",
        "KH",
        89,
        "en",
        1,
        "knife_type=Santoku; blade_length=18 cm; blade_material=Carbon Steel; weight=165 g; hardness=62 HRC; set_pieces=1; handle_material=Walnut Wood",
    ),
    Line(
        "Ashgrove",
        "Featherlight",
        "AF",
        29,
        "en",
        1,
        "knife_type=Paring Knife; blade_length=9 cm; blade_material=Ceramic; handle_material=Polypropylene; weight=62 g; hardness=-; set_pieces=-",
    ),
    Line(
        "Maison Brume",
        "Boulanger",
        "MBL",
        35,
        "mix",
        1,
        "knife_type=Bread Knife; blade_length=24 cm; blade_material=Stainless Steel; weight=7.4 oz; set_pieces=-; hardness=56 HRC",
    ),
    Line(
        "Daojiang",
        "小青",
        "DJ-X",
        59,
        "zh",
        1,
        "knife_type=Paring Knife; blade_length=9 cm; blade_material=Ceramic; handle_material=Polypropylene; weight=62 g; hardness=-; set_pieces=1",
    ),
    Line(
        "Ashgrove",
        "Orchard Starter",
        "AOS",
        79,
        "en",
        2,
        "knife_type=Chef's Knife; blade_length=8 in; set_pieces=3, 5; blade_material=Stainless Steel; handle_material=Walnut Wood; hardness=56 HRC; weight=-",
    ),
)

EN = Phrases(
    titles=(
        "{brand} {series} {knife_type}, {blade_length|adj} Blade, {blade_material}",
        "{brand} {series} {blade_length|adj} {knife_type} with {handle_material} Handle",
        "{knife_type} {blade_length} | {brand} {series} | {model_number}",
        "{brand} {series} {knife_type} ({set_pieces}), {blade_material}",
    ),
    sentences=(
        "The blade of {blade_material} takes a fine edge.",
        "Blade: {blade_material}, hardened to {hardness}.",
        "Hardness {hardness}.",
        "Blade length: {blade_length}.",
        "The edge is {blade_length} long.",
        "The handle is made of {handle_material}.",
        "{handle_material} handle, shaped for either hand.",
        "It weighs {weight} and balances at the bolster.",
        "You get: {set_pieces}.",
        "{a knife_type} for daily prep.",
        "Model number {model_number}.",
    ),
    intros=(
        "{brand} {series}: sharp out of the box and easy to keep so.",
        "One good knife replaces a drawer of bad ones.",
        "Ground and finished by hand.",
    ),
    outros=(
        "Hand wash and dry at once; not for the dishwasher.",
        "Delivered in a gift-ready sleeve.",
        "Keep away from children.",
    ),
)
ZH = Phrases(
    titles=(
        "{brand} {series} {knife_type} {blade_material} 刃长{blade_length}",
        "{brand}{series}{knife_type} {set_pieces} {blade_material}",
        "{brand} {series} 家用{knife_type} {blade_length} {model_number}",
    ),
    sentences=(
        "刀身采用{blade_material}，锋利持久。",
        "硬度达{hardness}。",
        "刃长{blade_length}。",
        "刀柄为{handle_material}，握感舒适。",
        "重量{weight}。",
        "规格：{set_pieces}。",
        "{knife_type}，切菜切肉都顺手。",
        "型号{model_number}。",
    ),
    intros=("{brand}{series}，好刀不费力。", "手工开刃，出厂即锋利。", "厨房里最常用的一件工具。"),
    outros=("请手洗并及时擦干。", "请放在儿童接触不到的地方。", "礼盒包装，送礼体面。"),
)

CATEGORY = Category(
    "kitchen_knives",
    "Kitchen Knives",
    "kitchen",
    "Knives for preparing food.",
    ("cooking knife", "cutlery", "厨刀", "刀具", "菜刀"),
    KEYS,
    ("knife_type", "blade_length", "set_pieces"),
    LINES,
    EN,
    ZH,
    name_key="series",
)
