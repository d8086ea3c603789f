"""Men's shirts: keys, lines and sentences of the demo catalog."""

from infra.demo.keys import brand, color, enumerated, free, measure, model_number
from infra.demo.model import Category, Line, Phrases
from infra.demo.units import CENTIMETRES

KEYS = (
    brand("""
        Harrow & Finch|Harrow and Finch|
        Calder Street|Calder St.|
        Linmu|Lin Mu|林木
        Pelican Row||鹈鹕街
    """),
    free(
        "collection",
        "Collection",
        "The 'Collection' attribute is the seasonal line that the shirt belongs to.",
        "season line;collection name;系列;产品系列",
        listed="Riviera;Workday",
    ),
    enumerated(
        "size",
        "Size",
        "The 'Size' attribute is the letter size of the shirt.",
        "shirt size;尺码;衣服尺码",
        """
        S|Small|S码;小码
        M|Medium|M码;中码
        L|Large|L码;大码
        XL|X-Large;Extra Large|XL码;加大码
        XXL|2XL;XX-Large|XXL码;2XL码
        """,
        lower=False,
    ),
    color("White Blue Black Gray Green Pink Beige"),
    enumerated(
        "material",
        "Material",
        "The 'Material' attribute lists the fibres of the fabric; blends have several.",
        "fabric;composition;面料;材质",
        """
        Cotton|-100% cotton;organic cotton|棉;-纯棉;-全棉;有机棉
        Linen|flax linen|亚麻;麻
        Polyester||聚酯纤维;涤纶
        Elastane|spandex;Lycra|氨纶;弹性纤维
        Bamboo Viscose|bamboo fibre;bamboo|竹纤维
        """,
        multi=True,
    ),
    enumerated(
        "fit",
        "Fit",
        "The 'Fit' attribute is the cut of the shirt.",
        "cut;silhouette;版型;衣型",
        """
        Slim Fit|slim-fit;slim cut|修身;修身版
        Regular Fit|regular-fit;classic fit|常规版;标准版型
        Relaxed Fit|loose fit;relaxed cut|宽松;宽松版
        """,
    ),
    enumerated(
        "collar",
        "Collar",
        "The 'Collar' attribute is the shape of the collar.",
        "collar type;neckline;领型;领子",
        """
        Button-Down|button-down collar|扣领;纽扣领
        Spread|spread collar;cutaway collar|八字领;温莎领
        Mandarin|band collar;grandad collar;stand collar|立领;中式立领
        Camp|camp collar;Cuban collar;revere collar|古巴领
        """,
    ),
    enumerated(
        "sleeve_length",
        "Sleeve Length",
        "The 'Sleeve Length' attribute tells how long the sleeves are.",
        "sleeves;袖长;袖型",
        """
        Long Sleeve|long-sleeved;-long sleeves|长袖
        Short Sleeve|short-sleeved;-short sleeves|短袖
        Three-Quarter Sleeve|3/4 sleeve|七分袖
        """,
    ),
    enumerated(
        "pattern",
        "Pattern",
        "The 'Pattern' attribute is the design of the fabric.",
        "design;print;图案;花型",
        """
        Solid|plain;solid colour|纯色;素色
        Striped|-stripes;pinstripe|条纹
        Checked|plaid;gingham;check|格子;格纹
        Floral|flower print|花卉;印花
        """,
    ),
    measure(
        "chest_width",
        "Chest Width",
        "The 'Chest Width' attribute is measured across the shirt laid flat, from armpit to armpit.",
        "chest;pit to pit;胸宽;平铺胸宽",
        "cm in",
        CENTIMETRES,
        "50 cm;53 cm;56 cm;59 cm;21 in;23 in",
    ),
    model_number("item_number", "Item Number", "style no;article no;货号;款号"),
)

LINES = (
    Line(
        "Harrow & Finch",
        "Chancery",
        "HF-C",
        59,
        "en",
        8,
        "size=S, M, L, XL; color=White, Blue, Pink; material=Cotton; fit=Slim Fit; collar=Spread; sleeve_length=Long Sleeve; pattern=Solid; chest_width=-",
    ),
    Line(
        "Harrow & Finch",
        "Allotment",
        "HF-A",
        49,
        "en",
        5,
        "size=M, L, XL; color=Green, Beige; material=Linen+Cotton; fit=Relaxed Fit; collar=Mandarin; pattern=Solid; chest_width=-",
    ),
    Line(
        "Calder Street",
        "Foreman",
        "CSF",
        39,
        "en",
        5,
        "size=M, L, XL, XXL; color=Gray, Blue; material=Cotton+Polyester; collar=Button-Down; pattern=Checked; fit=Regular Fit; sleeve_length=Long Sleeve; chest_width=-",
    ),
    Line(
        "Pelican Row",
        "Lagoon",
        "PRL",
        34,
        "en",
        4,
        "size=S, M, L; color=Blue, Pink; material=Bamboo Viscose; collar=Camp; sleeve_length=Short Sleeve; pattern=Floral; fit=Relaxed Fit; chest_width=-",
    ),
    Line(
        "Linmu",
        "清和",
        "LM-Q",
        199,
        "zh",
        6,
        "size=M, L, XL, XXL; color=White, Beige, Gray; material=Linen; collar=Mandarin; fit=Relaxed Fit; sleeve_length=Long Sleeve; pattern=Solid; chest_width=-",
    ),
    Line(
        "Linmu",
        "通勤",
        "LM-T",
        159,
        "zh",
        4,
        "size=S, M, L, XL; color=White, Blue; material=Cotton+Elastane; collar=Spread; fit=Slim Fit; pattern=Striped; sleeve_length=Long Sleeve; chest_width=-",
    ),
    Line(
        "Calder Street",
        "Night Porter",
        "CSN",
        45,
        "en",
        1,
        "size=L; color=Black; material=Cotton+Elastane; chest_width=56 cm; sleeve_length=Long Sleeve; fit=Slim Fit",
    ),
    Line(
        "Pelican Row",
        "Regatta",
        "PRR",
        42,
        "mix2",
        1,
        "size=M; color=Blue; material=Cotton; chest_width=21 in; pattern=Striped; sleeve_length=Three-Quarter Sleeve",
    ),
    Line(
        "Linmu",
        "山居",
        "LM-S",
        229,
        "zh",
        1,
        "size=XL; color=Green; material=Linen; chest_width=59 cm; sleeve_length=Short Sleeve; collar=Camp; pattern=Solid",
    ),
)

EN = Phrases(
    titles=(
        "{brand} {collection} Men's {fit} {sleeve_length} Shirt, {color}, {size}",
        "{brand} Men's {material} Shirt {collection} {color} Size {size}",
        "Men's {pattern} {sleeve_length} Shirt by {brand} - {collection} - {color} - {size}",
        "{brand} {collection} {fit} Shirt for Men {color} ({size}) {item_number}",
    ),
    sentences=(
        "Made of {material}.",
        "Fabric: {material}, washed before sewing.",
        "{a fit} that moves with you.",
        "Cut: {fit}.",
        "Collar: {collar}.",
        "{a sleeve_length} shirt for most of the year.",
        "Design: {pattern}.",
        "Chest, laid flat: {chest_width}.",
        "You are looking at size {size} in {color}.",
        "Item no. {item_number}.",
    ),
    intros=(
        "From the {collection} collection by {brand}.",
        "A shirt to wear out, not to save for best.",
        "{brand} {collection}: sewn in short runs.",
    ),
    outros=(
        "Machine wash at thirty degrees, hang to dry.",
        "Spare buttons are sewn inside.",
        "The model in the picture wears the next size up.",
    ),
)
ZH = Phrases(
    titles=(
        "{brand} {collection}系列 男士{sleeve_length}衬衫 {fit} {color} {size}",
        "{brand}男士{material}衬衫 {collection}系列 {color} {size}",
        "{brand} {collection} {pattern}{sleeve_length}男衬衫 {color} {size} {item_number}",
    ),
    sentences=(
        "面料为{material}，透气亲肤。",
        "{fit}剪裁，上身有型。",
        "领型：{collar}。",
        "{sleeve_length}款式，日常百搭。",
        "{pattern}设计，简洁耐看。",
        "平铺胸宽{chest_width}。",
        "本链接为{color}，{size}。",
        "货号{item_number}。",
    ),
    intros=("{brand}{collection}系列男士衬衫。", "上班约会都能穿的一件衬衫。", "小批量制作，针脚细密。"),
    outros=("三十度机洗，悬挂晾干。", "内附备用纽扣。", "模特所穿为大一码。"),
)

CATEGORY = Category(
    "mens_shirts",
    "Men's Shirts",
    "fashion",
    "Shirts with buttons for men.",
    ("shirts for men", "dress shirt", "男士衬衫", "男衬衫", "衬衣"),
    KEYS,
    ("size", "color"),
    LINES,
    EN,
    ZH,
    name_key="collection",
    code_key="item_number",
)
