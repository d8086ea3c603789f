"""Coffee: keys, lines and sentences of the demo catalog."""

from infra.demo.keys import brand, count, enumerated, free, measure, retail_upc
from infra.demo.model import Category, Line, Phrases
from infra.demo.units import GRAMS

KEYS = (
    brand(
        """
        BREWHAVEN|Brewhaven;Brew Haven|布鲁港
        TASSEL & PINE|Tassel & Pine|
        MOKARI|Mokari|摩卡里
        YUNDOU|Yundou;Yun Dou|云豆
        """,
        uppercase=True,
    ),
    free(
        "blend_name",
        "Blend Name",
        "The 'Blend Name' attribute is the name that the roaster gives to the coffee.",
        "blend;product name;拼配名称;豆名",
        listed="Morning Bell;Harbour Blend",
    ),
    enumerated(
        "roast",
        "Roast",
        "The 'Roast' attribute is how dark the beans are roasted.",
        "roast level;roasting;烘焙度;烘焙程度",
        """
        Light Roast|-light roasted;blonde roast|浅烘;浅度烘焙
        Medium Roast|-medium roasted;city roast|中烘;中度烘焙
        Medium-Dark Roast|-medium dark;full city roast|中深烘;中深度烘焙
        Dark Roast|-dark roasted;French roast;Italian roast|深烘;深度烘焙
        """,
    ),
    enumerated(
        "form",
        "Form",
        "The 'Form' attribute tells in which form the coffee is sold.",
        "coffee type;grind;形态;规格类型",
        """
        Whole Bean|whole beans;unground beans|咖啡豆;整豆
        Ground|-ground coffee;finely ground;-pre-ground|咖啡粉;研磨咖啡粉
        Capsules|-coffee pods;pods;-capsule|咖啡胶囊;胶囊咖啡
        Instant|-instant coffee;freeze-dried|速溶咖啡;冻干咖啡
        Drip Bags|drip bag;pour-over bags|挂耳咖啡;挂耳包
        """,
    ),
    free(
        "origin",
        "Origin",
        "The 'Origin' attribute is the country or region where the beans grew; blends can have several.",
        "country of origin;beans from;产地;原产地",
        """
        Ethiopia|Yirgacheffe;Ethiopian highlands|埃塞俄比亚;耶加雪菲
        Colombia|Huila;+Colombian highlands|哥伦比亚
        Brazil|Cerrado|巴西
        Yunnan|+Yunnan, China|云南;云南保山
        Guatemala|Antigua|危地马拉
        Sumatra|Mandheling|苏门答腊;曼特宁
        """,
        multi=True,
    ),
    free(
        "flavor_notes",
        "Flavor Notes",
        "The 'Flavor Notes' attribute lists what the coffee tastes of; there can be several.",
        "tasting notes;taste;风味;口味描述",
        """
        Chocolate|dark chocolate;cocoa|巧克力;可可
        Citrus|lemon;orange zest|柑橘;柠檬
        Berry|blueberry;blackberry|莓果;蓝莓
        Nutty|hazelnut;roasted almond|坚果;榛子
        Caramel|toffee|焦糖;太妃糖
        Floral|jasmine|花香;茉莉花香
        """,
        multi=True,
        lower=True,
    ),
    measure(
        "net_weight",
        "Net Weight",
        "The 'Net Weight' attribute is the weight of the coffee in one unit.",
        "weight;size;净含量;重量",
        "g oz lb kg jin",
        GRAMS,
        "200 g;250 g;340 g;500 g;1 kg;12 oz;16 oz;2 lb",
        listed="250;340;1000",
    ),
    count(
        "pack_quantity",
        "Pack Quantity",
        "The 'Pack Quantity' attribute is the number of units in the pack (bags, capsules).",
        "count;pieces;包装数量;数量",
        """
        1|single bag;1 bag|1袋;单袋装
        2|~twin pack;2-pack;pack of two|2袋装;~双袋装
        3|3-pack;pack of three|3袋装;三袋装
        6|6-pack;pack of 6|6袋装
        10|10 count;10-count box|10个装;10份装
        12|~dozen;12 count;12-pack|12个装;~一打装
        50|50 count;box of 50|50个装;50杯装
        """,
        listed="1;12",
    ),
    enumerated(
        "caffeine",
        "Caffeine",
        "The 'Caffeine' attribute tells whether the caffeine has been taken out.",
        "caffeine content;咖啡因;咖啡因含量",
        """
        Regular|caffeinated;-with caffeine|含咖啡因
        Decaffeinated|decaf;caffeine-free|低因;脱咖啡因
        """,
    ),
    retail_upc(),
)

LINES = (
    Line(
        "BREWHAVEN",
        "Lantern Blend",
        "BL",
        14,
        "en",
        6,
        "form=Whole Bean, Ground; net_weight=12 oz, 2 lb; pack_quantity=1, 2; roast=Medium Roast; origin=Colombia+Brazil; flavor_notes=Chocolate+Caramel; caffeine=Regular",
    ),
    Line(
        "BREWHAVEN",
        "Night Shift",
        "BN",
        16,
        "en",
        4,
        "form=Whole Bean, Ground; net_weight=12 oz, 2 lb; roast=Dark Roast; origin=Sumatra; pack_quantity=1, 3; flavor_notes=Chocolate+Nutty",
    ),
    Line(
        "TASSEL & PINE",
        "First Light",
        "TF",
        18,
        "en",
        4,
        "form=Whole Bean, Ground; net_weight=250 g, 1 kg; roast=Light Roast; origin=Ethiopia; flavor_notes=Berry+Floral; pack_quantity=1",
    ),
    Line(
        "MOKARI",
        "Lungo Uno",
        "ML",
        9,
        "en",
        3,
        "form=Capsules; net_weight=-; pack_quantity=10, 12, 50; roast=Medium-Dark Roast; origin=-",
    ),
    Line(
        "YUNDOU",
        "滇山",
        "YD",
        68,
        "zh",
        6,
        "form=Whole Bean, Ground; net_weight=250 g, 500 g, 1 kg; roast=Medium Roast; origin=Yunnan; flavor_notes=Caramel+Nutty; pack_quantity=1",
    ),
    Line(
        "YUNDOU",
        "早安挂耳",
        "YZ",
        39,
        "zh",
        3,
        "form=Drip Bags; net_weight=-; pack_quantity=10, 12, 50; roast=Medium-Dark Roast; origin=Yunnan+Brazil; caffeine=-",
    ),
    Line(
        "MOKARI",
        "晨曦冻干",
        "MC",
        59,
        "zh",
        2,
        "form=Instant; net_weight=200 g; pack_quantity=1, 2; flavor_notes=-; origin=Colombia; roast=-",
    ),
    Line(
        "TASSEL & PINE",
        "Quiet Evening",
        "TQ",
        15,
        "en",
        1,
        "form=Ground; net_weight=340 g; roast=Medium Roast; caffeine=Decaffeinated; origin=Guatemala; pack_quantity=1",
    ),
    Line(
        "BREWHAVEN",
        "Camp Tin",
        "BC",
        11,
        "en",
        1,
        "form=Instant; net_weight=200 g; roast=Dark Roast; pack_quantity=1; origin=Brazil",
    ),
    Line(
        "MOKARI",
        "Double Bell",
        "MD",
        21,
        "mix2",
        1,
        "form=Whole Bean; net_weight=16 oz; roast=Medium Roast; pack_quantity=2; origin=Brazil+Guatemala",
    ),
)

EN = Phrases(
    titles=(
        "{brand} {blend_name} {roast} {form} Coffee, {net_weight|adj}, {pack_quantity}",
        "{brand} {blend_name} Coffee {form} {roast} {net_weight}",
        "{brand} {blend_name} - {caffeine} Coffee - {form} - {pack_quantity} - {net_weight}",
        "{brand} {blend_name} {form} Coffee, {roast}, {pack_quantity}",
    ),
    sentences=(
        "{a roast} with a long, clean finish.",
        "Roast: {roast}, in small batches on Tuesdays.",
        "The beans come from {origin}.",
        "Grown in {origin} and shipped green.",
        "In the cup you will find {flavor_notes}.",
        "Tasting notes of {flavor_notes}.",
        "Each unit holds {net_weight}.",
        "Net weight {net_weight}.",
        "Form: {form}.",
        "Packed as: {pack_quantity}.",
        "{caffeine} coffee, fit for any hour that suits you.",
        "UPC {retail_upc}.",
    ),
    intros=(
        "{blend_name} is the coffee that we drink at work.",
        "{brand} roasts to order, so the date on the bag is the date it left the drum.",
        "Good coffee needs little explaining.",
    ),
    outros=(
        "Keep cool, dry and away from light.",
        "The bag has a valve and a zip.",
        "Best within eight weeks of opening... it never lasts that long.",
    ),
)
ZH = Phrases(
    titles=(
        "{brand} {blend_name} {roast}{form} {net_weight} {pack_quantity}",
        "{brand}{blend_name}{form} {net_weight} {origin} {roast}",
        "{brand} {blend_name} {form} {pack_quantity} {net_weight}",
        "{brand} {blend_name} {form} {pack_quantity}",
    ),
    sentences=(
        "{roast}，回甘持久。",
        "豆子来自{origin}。",
        "带有{flavor_notes}的风味。",
        "净含量{net_weight}。",
        "包装规格：{pack_quantity}。",
        "产品形态为{form}。",
        "{caffeine}，请按需选择。",
        "商品条码{retail_upc}。",
    ),
    intros=("{brand}{blend_name}，每天一杯好心情。", "小批量烘焙，新鲜发货。", "办公室里的一杯好咖啡。"),
    outros=("请置于阴凉干燥处保存。", "开封后请尽快饮用。", "包装带单向排气阀。"),
)

CATEGORY = Category(
    "coffee",
    "Coffee",
    "grocery",
    "Roasted, ground, instant and portioned coffee.",
    ("coffee beans", "ground coffee", "咖啡", "咖啡豆"),
    KEYS,
    ("form", "net_weight", "pack_quantity"),
    LINES,
    EN,
    ZH,
    name_key="blend_name",
    code_key="retail_upc",
)
