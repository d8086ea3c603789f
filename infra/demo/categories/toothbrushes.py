"""Toothbrushes: keys, lines and sentences of the demo catalog."""

from infra.demo.keys import brand, color, count, enumerated, measure, model_name, retail_upc
from infra.demo.model import Category, Line, Phrases
from infra.demo.units import NUMBER

KEYS = (
    brand("""
        Pearlin||贝琳
        Brushwick|Brush Wick|
        Sonaro||索纳罗
        Yachi|Ya Chi|雅齿
    """),
    model_name("Daily Soft;Wave 1"),
    enumerated(
        "brush_type",
        "Brush Type",
        "The 'Brush Type' attribute tells how the brush is driven.",
        "type;power;牙刷类型;类型",
        """
        Manual|-hand toothbrush;non-electric|手动;-手动牙刷
        Sonic|sonic electric;sonic vibration|声波;声波电动
        Rotating|oscillating-rotating;rotary electric|旋转式;旋转电动
        """,
    ),
    enumerated(
        "bristles",
        "Bristles",
        "The 'Bristles' attribute is the hardness of the bristles.",
        "bristle hardness;bristle type;刷毛;刷毛硬度",
        """
        Extra Soft|ultra soft;super soft|超软毛;万毛
        Soft|soft bristle|软毛
        Medium|medium-firm|中毛;中硬毛
        Firm|hard bristle|硬毛
        """,
    ),
    color("White Black Blue Pink Green Purple"),
    count(
        "pack_quantity",
        "Pack Quantity",
        "The 'Pack Quantity' attribute is the number of toothbrushes in the pack.",
        "count;pieces;数量;支数",
        """
        1|single brush;1 pc|1支装;单支装
        2|~twin pack;2-pack;pack of two|2支装;~两支装
        4|4-pack;pack of four;4 count|4支装
        6|6-pack;6 count|6支装
        10|10-pack;pack of ten|10支装
        12|~dozen pack;12 count|12支装
        """,
        listed="1;4",
    ),
    count(
        "cleaning_modes",
        "Cleaning Modes",
        "The 'Cleaning Modes' attribute is the number of modes of an electric brush.",
        "modes;brushing modes;清洁模式;模式数量",
        """
        2|two modes;2 modes|2种模式;两档模式
        3|three modes;3 modes|3种模式;三档模式
        4|four modes;4 modes|4种模式;四档模式
        5|five modes;5 modes|5种模式;五档模式
        """,
    ),
    measure(
        "battery_life",
        "Battery Life",
        "The 'Battery Life' attribute is how many days one charge lasts.",
        "runtime;续航;续航天数",
        "day",
        NUMBER,
        "14 day;21 day;30 day;60 day;90 day",
    ),
    enumerated(
        "age_group",
        "Age Group",
        "The 'Age Group' attribute tells for whom the brush is made.",
        "for whom;适用人群;适用年龄",
        """
        Adults|-adult;grown-ups|成人
        Kids|children;-toddlers;-child|儿童;宝宝
        """,
    ),
    enumerated(
        "handle_material",
        "Handle Material",
        "The 'Handle Material' attribute is what the handle is made of.",
        "handle;材质;刷柄材质",
        """
        Bamboo|bamboo wood|竹;竹柄
        Plastic|recycled plastic;BPA-free plastic|塑料;再生塑料
        Aluminum|aluminium;metal alloy|铝合金
        """,
    ),
    retail_upc(),
)

MANUAL = "brush_type=Manual; cleaning_modes=-; battery_life=-;"
LINES = (
    Line(
        "Pearlin",
        "Gentle Wave",
        "PG",
        6,
        "en",
        6,
        MANUAL
        + "color=White, Blue, Pink; pack_quantity=2, 4, 6; bristles=Soft; age_group=Adults; handle_material=Plastic",
    ),
    Line(
        "Brushwick",
        "Grove",
        "BG",
        9,
        "en",
        4,
        MANUAL
        + "color=-; pack_quantity=1, 4, 10, 12; bristles=Medium; handle_material=Bamboo; age_group=Adults",
    ),
    Line(
        "Sonaro",
        "Pulse 5",
        "SP5",
        59,
        "en",
        4,
        "brush_type=Sonic; color=Black, White, Pink, Green; pack_quantity=1; cleaning_modes=5; battery_life=30 day; handle_material=Aluminum; age_group=Adults",
    ),
    Line(
        "Sonaro",
        "Pulse Kids",
        "SPK",
        29,
        "en",
        3,
        "brush_type=Sonic; color=Blue, Pink, Green; age_group=Kids!; bristles=Extra Soft; cleaning_modes=2; battery_life=21 day; pack_quantity=1; handle_material=Plastic",
    ),
    Line(
        "Yachi",
        "月牙",
        "YC-Y",
        169,
        "zh",
        5,
        "brush_type=Sonic; color=White, Black, Pink, Green, Purple; cleaning_modes=4; battery_life=90 day; pack_quantity=1; bristles=Soft; age_group=Adults",
    ),
    Line(
        "Yachi",
        "万根",
        "YC-W",
        19,
        "zh",
        4,
        MANUAL
        + "color=-; pack_quantity=2, 4, 6, 10; bristles=Extra Soft; handle_material=Plastic; age_group=Adults",
    ),
    Line(
        "Pearlin",
        "Spin 200",
        "PS2",
        35,
        "en",
        2,
        "brush_type=Rotating; color=White, Blue; cleaning_modes=2; battery_life=14 day; pack_quantity=1; bristles=Medium; age_group=Adults",
    ),
    Line(
        "Brushwick",
        "Tiny Fox",
        "BTF",
        5,
        "en",
        1,
        MANUAL + "color=-; pack_quantity=2; age_group=Kids; bristles=Extra Soft; handle_material=Bamboo",
    ),
    Line(
        "Yachi",
        "小象",
        "YC-X",
        25,
        "zh",
        1,
        MANUAL + "color=-; pack_quantity=4; age_group=Kids; bristles=Soft",
    ),
    Line(
        "Pearlin",
        "Firm Hand",
        "PF",
        4,
        "mix2",
        1,
        MANUAL + "color=-; pack_quantity=1; bristles=Firm!; age_group=Adults",
    ),
)

EN = Phrases(
    titles=(
        "{brand} {model_name} {brush_type} Toothbrush, {bristles} Bristles, {color}, {pack_quantity}",
        "{brand} {model_name} Toothbrush {pack_quantity} {color}",
        "{brand} {model_name} {handle_material} Toothbrush {bristles} ({pack_quantity})",
        "{brand} {model_name} {brush_type} Toothbrush for {age_group} - {color}",
        "{brand} {model_name} Toothbrushes, {bristles}, {pack_quantity}",
    ),
    sentences=(
        "{bristles} bristles reach between the teeth.",
        "Bristles: {bristles}.",
        "Choose between {cleaning_modes} with one button.",
        "There are {cleaning_modes}, and it remembers the last.",
        "One charge lasts {battery_life}.",
        "Runs for {battery_life} at two brushes a day.",
        "The handle is made of {handle_material}.",
        "Made for {age_group}.",
        "Contents: {pack_quantity}.",
        "The handle comes in {color}.",
        "UPC: {retail_upc}.",
        "Brush type: {brush_type}.",
    ),
    intros=(
        "{brand} {model_name} makes two minutes feel short.",
        "Dentists helped to shape the head.",
        "Clean teeth without the fuss.",
    ),
    outros=(
        "Change the brush every three months.",
        "Packed without plastic film.",
        "Rinse well after use and store upright.",
    ),
)
ZH = Phrases(
    titles=(
        "{brand} {model_name} {brush_type}牙刷 {bristles} {color} {pack_quantity}",
        "{brand}{model_name}牙刷 {bristles} {pack_quantity}",
        "{brand} {model_name} {age_group}牙刷 {bristles} {pack_quantity}",
        "{brand} {model_name} {brush_type}牙刷 {color} 续航{battery_life}",
    ),
    sentences=(
        "{bristles}刷毛，温和不伤牙龈。",
        "共有{cleaning_modes}，随心切换。",
        "充一次电可用{battery_life}。",
        "刷柄材质：{handle_material}。",
        "适合{age_group}使用。",
        "包装：{pack_quantity}。",
        "颜色：{color}。",
        "条形码{retail_upc}。",
    ),
    intros=(
        "{brand}{model_name}，早晚两分钟。",
        "小刷头，后槽牙也能刷到。",
        "认真刷牙，从选一支好牙刷开始。",
    ),
    outros=("建议每三个月更换一次。", "使用后请冲净并竖直放置。", "无塑包装，环保出行。"),
)

CATEGORY = Category(
    "toothbrushes",
    "Toothbrushes",
    "personal_care",
    "Manual and electric toothbrushes.",
    ("tooth brush", "electric toothbrush", "牙刷", "电动牙刷"),
    KEYS,
    ("color", "pack_quantity"),
    LINES,
    EN,
    ZH,
    code_key="retail_upc",
)
