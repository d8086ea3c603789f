"""Skin cream: keys, lines and sentences of the demo catalog."""

from infra.demo.keys import brand, enumerated, free, measure, retail_upc
from infra.demo.model import Category, Line, Phrases
from infra.demo.units import MILLILITRES, NUMBER

KEYS = (
    brand("""
        Alderleaf||桤叶
        Sel & Miel|Sel et Miel|
        Dermova||德蔓
        Sulan|Su Lan|素兰
    """),
    free(
        "product_name",
        "Product Name",
        "The 'Product Name' attribute is the name of the cream, without brand and kind.",
        "line;range;产品名称;系列",
        listed="Barrier Balm;Hydra Veil",
    ),
    enumerated(
        "body_area",
        "Body Area",
        "The 'Body Area' attribute is the part of the body that the cream is for.",
        "for area;application area;适用部位;使用部位",
        """
        Face|-facial|面部;脸部
        Hands|-hand|手部;-护手
        Eyes|eye area;under-eye|眼部;眼周
        Body|whole body|身体;全身
        Feet|-foot;heels|足部;脚部
        """,
    ),
    enumerated(
        "skin_type",
        "Skin Type",
        "The 'Skin Type' attribute lists the kinds of skin that the cream suits; there can be several.",
        "for skin;suitable for;适合肤质;肤质",
        """
        Dry Skin|-dry;dehydrated skin|干性;干性肌肤;干皮
        Oily Skin|-oily;shine-prone skin|油性;油性肌肤;油皮
        Sensitive Skin|-sensitive;reactive skin|敏感肌;敏感性肌肤
        Combination Skin|-combination;mixed skin|混合性;混合性肌肤
        All Skin Types|every skin type|所有肤质;各种肤质
        """,
        multi=True,
    ),
    enumerated(
        "active_ingredients",
        "Active Ingredients",
        "The 'Active Ingredients' attribute lists the ingredients that do the work; there can be several.",
        "key ingredients;actives;主要成分;功效成分",
        """
        Hyaluronic Acid|sodium hyaluronate;hyaluron|玻尿酸;透明质酸
        Niacinamide|vitamin B3;nicotinamide|烟酰胺
        Retinol|vitamin A;0.3% retinol|视黄醇;A醇
        Ceramides|ceramide NP;ceramide complex|神经酰胺
        Shea Butter|shea|乳木果油;乳木果脂
        Urea|10% urea;carbamide|尿素
        Vitamin C|ascorbic acid|维生素C;维C
        """,
        multi=True,
    ),
    measure(
        "volume",
        "Volume",
        "The 'Volume' attribute is the content of one container.",
        "content;size;净含量;容量",
        "ml floz",
        MILLILITRES,
        "15 ml;30 ml;50 ml;75 ml;100 ml;200 ml;1.7 floz;3.4 floz",
        listed="50;100",
    ),
    measure(
        "sun_protection",
        "Sun Protection",
        "The 'Sun Protection' attribute is the sun protection factor (SPF).",
        "SPF;sunscreen factor;防晒指数;SPF值",
        "SPF",
        NUMBER,
        "15 SPF;20 SPF;30 SPF;50 SPF",
        listed="30",
    ),
    free(
        "scent",
        "Scent",
        "The 'Scent' attribute is what the cream smells of.",
        "fragrance;perfume;香味;香型",
        """
        Unscented|fragrance-free;no perfume|无香;无香精
        Rose|rose petal;damask rose|玫瑰;玫瑰香
        Lavender|lavender oil|薰衣草
        Green Tea|+green tea leaf|绿茶;绿茶香
        Honey|wild honey|蜂蜜
        """,
        lower=True,
    ),
    enumerated(
        "time_of_use",
        "Time of Use",
        "The 'Time of Use' attribute tells whether the cream is for day or night.",
        "day or night;使用时间;使用时段",
        """
        Day|daytime;morning|日间;-日霜
        Night|overnight;evening|夜间;-晚霜
        Day and Night|day & night;morning and evening|早晚;日夜两用
        """,
    ),
    enumerated(
        "texture",
        "Texture",
        "The 'Texture' attribute is how the product feels.",
        "consistency;formula;质地;剂型",
        """
        Cream|rich cream|乳霜;霜状
        Gel|gel-cream;water gel|凝露;啫喱
        Lotion|light lotion;milk|乳液
        Balm|ointment;thick balm|膏状;油膏
        """,
    ),
    retail_upc(),
)

LINES = (
    Line(
        "Alderleaf",
        "Winter Hands",
        "AW",
        9,
        "en",
        6,
        "body_area=Hands!; skin_type=Dry Skin; active_ingredients=Shea Butter+Urea; volume=30 ml, 75 ml, 200 ml; scent=Unscented, Lavender; sun_protection=-; time_of_use=-; texture=Cream",
    ),
    Line(
        "Dermova",
        "Barrier Day",
        "DBD",
        24,
        "en",
        4,
        "body_area=Face; skin_type=Sensitive Skin+Dry Skin; active_ingredients=Ceramides+Niacinamide; volume=30 ml, 50 ml; scent=Unscented; sun_protection=30 SPF, 50 SPF; time_of_use=Day!",
    ),
    Line(
        "Sel & Miel",
        "Nuit Calme",
        "SM",
        42,
        "en",
        4,
        "body_area=Face; active_ingredients=Retinol+Hyaluronic Acid; volume=1.7 floz, 3.4 floz; scent=Rose, Honey; time_of_use=Night; sun_protection=-; skin_type=All Skin Types",
    ),
    Line(
        "Dermova",
        "Clear Gel",
        "DCG",
        19,
        "en",
        2,
        "body_area=Face; skin_type=Oily Skin+Combination Skin; texture=Gel!; active_ingredients=Niacinamide; volume=50 ml, 100 ml; scent=Green Tea; sun_protection=-",
    ),
    Line(
        "Sulan",
        "水光",
        "SL-S",
        158,
        "zh",
        4,
        "body_area=Face; active_ingredients=Hyaluronic Acid+Vitamin C; volume=50 ml, 100 ml; scent=Rose, Green Tea; skin_type=All Skin Types; texture=Gel; sun_protection=-; time_of_use=Day and Night",
    ),
    Line(
        "Sulan",
        "安敏",
        "SL-A",
        128,
        "zh",
        4,
        "body_area=Face; skin_type=Sensitive Skin; active_ingredients=Ceramides; volume=15 ml, 30 ml, 50 ml, 100 ml; scent=Unscented; texture=Cream; sun_protection=-",
    ),
    Line(
        "Sulan",
        "冬日护手",
        "SL-H",
        39,
        "zh",
        2,
        "body_area=Hands!; active_ingredients=Shea Butter; volume=30 ml, 75 ml; scent=Honey; sun_protection=-; time_of_use=-; skin_type=Dry Skin",
    ),
    Line(
        "Alderleaf",
        "Heel Rescue",
        "AH",
        8,
        "en",
        1,
        "body_area=Feet; active_ingredients=Urea; volume=75 ml; texture=Balm; scent=Lavender; sun_protection=-; time_of_use=Night; skin_type=Dry Skin",
    ),
    Line(
        "Sel & Miel",
        "Regard",
        "SR",
        36,
        "mix2",
        1,
        "body_area=Eyes; active_ingredients=Retinol; volume=15 ml; scent=Unscented; sun_protection=-; time_of_use=Night",
    ),
    Line(
        "Dermova",
        "Daily Shield",
        "DDS",
        17,
        "en",
        1,
        "body_area=Face; volume=50 ml; sun_protection=50 SPF; time_of_use=Day; texture=Lotion; skin_type=Combination Skin; active_ingredients=Vitamin C",
    ),
)

EN = Phrases(
    titles=(
        "{brand} {product_name} {texture} for {skin_type}, {volume}, {scent}",
        "{brand} {product_name} {time_of_use} Cream with {active_ingredients}, {volume} ({scent})",
        "{brand} {product_name} Skin Care for {body_area} - {volume} - {sun_protection} - {scent}",
        "{brand} {product_name} {active_ingredients} Moisturizer {sun_protection} {volume}",
        "{brand} {product_name} Moisturiser, {body_area}, {volume}, {scent}",
    ),
    sentences=(
        "With {active_ingredients}.",
        "Key ingredients: {active_ingredients}.",
        "Suits {skin_type}.",
        "Developed for {skin_type} together with dermatologists.",
        "For: {body_area}.",
        "Scent: {scent}.",
        "{sun_protection} protects against the midday sun.",
        "Use: {time_of_use}.",
        "Content: {volume}.",
        "One container holds {volume}.",
        "Texture: {texture}, which sinks in quickly.",
        "UPC {retail_upc}.",
    ),
    intros=(
        "{product_name} by {brand} asks for nothing but a minute of your time.",
        "Simple care with a short list of ingredients.",
        "Made in small batches, tested on volunteers.",
    ),
    outros=(
        "Avoid contact with broken skin.",
        "Use within a year of opening.",
        "The container can be recycled.",
    ),
)
ZH = Phrases(
    titles=(
        "{brand} {product_name} {body_area}护肤霜 {active_ingredients} {volume} {scent}",
        "{brand}{product_name}{skin_type}护肤霜 {volume}",
        "{brand} {product_name} {time_of_use}护肤霜 {volume} {scent}",
        "{brand} {product_name} {body_area}滋润霜 {volume} {scent}",
    ),
    sentences=(
        "添加{active_ingredients}，温和滋养。",
        "适合{skin_type}。",
        "适用部位：{body_area}。",
        "香型：{scent}。",
        "{sun_protection}，日常通勤防护。",
        "使用时段：{time_of_use}。",
        "净含量{volume}。",
        "质地为{texture}，易吸收。",
        "商品条码：{retail_upc}。",
    ),
    intros=("{brand}{product_name}，简单护肤。", "成分精简，安心使用。", "换季肌肤的好帮手。"),
    outros=("首次使用请先在耳后测试。", "开封后请在一年内用完。", "请避免接触破损皮肤。"),
)

CATEGORY = Category(
    "skin_cream",
    "Skin Cream",
    "personal_care",
    "Creams, gels and balms for the skin.",
    ("moisturizer", "moisturiser", "face cream", "hand cream", "护肤霜", "面霜", "护手霜"),
    KEYS,
    ("volume", "scent", "sun_protection"),
    LINES,
    EN,
    ZH,
    name_key="product_name",
    code_key="retail_upc",
)
