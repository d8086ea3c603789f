"""Headphones: keys, lines and sentences of the demo catalog."""

from infra.demo.keys import brand, color, enumerated, measure, model_name, model_number
from infra.demo.model import Category, Line, Phrases
from infra.demo.units import GRAMS, NUMBER

KEYS = (
    brand("""
        Lumora|Lumora Audio|露魔拉
        Okavi||奥卡维
        Fernhill Sound|Fernhill|芬山
        Tingyu|Ting Yu|听雨
        Nordlund||诺德兰
    """),
    model_name("Drift 2;Hush One"),
    enumerated(
        "wearing_style",
        "Wearing Style",
        "The 'Wearing Style' attribute tells how the headphones sit on or in the ear.",
        "form factor;fit type;佩戴方式;佩戴类型",
        """
        Over-Ear|around-ear;circumaural|头戴式;包耳式
        On-Ear|supra-aural|贴耳式;压耳式
        In-Ear|in-canal;-earbud style|入耳式
        Open-Ear|open ear;-not in the ear|开放式;不入耳
        """,
    ),
    enumerated(
        "connectivity",
        "Connectivity",
        "The 'Connectivity' attribute lists the ways to connect the headphones; there can be several.",
        "connection;interface;连接方式;传输方式",
        """
        Bluetooth|Bluetooth 5.3;BT|蓝牙;蓝牙5.3
        3.5 mm Jack|3.5mm plug;AUX cable;3.5 mm cable|3.5mm接口;3.5毫米插头
        USB-C|USB Type-C;Type-C cable|USB-C接口;Type-C有线
        2.4 GHz Dongle|2.4G dongle;2.4 GHz wireless|2.4G无线;2.4G接收器
        """,
        multi=True,
        lower=False,
    ),
    enumerated(
        "noise_control",
        "Noise Control",
        "The 'Noise Control' attribute tells how outside noise is kept away.",
        "noise cancelling;noise cancellation;降噪;降噪类型",
        """
        Active Noise Cancelling|ANC;active noise cancellation|主动降噪;ANC降噪
        Passive Isolation|passive noise isolation;-sound-isolating|被动降噪;物理隔音
        Hybrid Noise Cancelling|hybrid ANC|混合降噪;混合主动降噪
        """,
    ),
    measure(
        "battery_life",
        "Battery Life",
        "The 'Battery Life' attribute is the playing time of one charge, in hours.",
        "playtime;runtime;续航;续航时间",
        "h",
        NUMBER,
        "6 h;8 h;20 h;30 h;40 h;60 h",
        listed="30",
    ),
    measure(
        "weight",
        "Weight",
        "The 'Weight' attribute is the weight of the headphones, for earbuds of one pair without the case.",
        "item weight;重量;净重",
        "g oz",
        GRAMS,
        "10 g;48 g;180 g;228 g;254 g;9.2 oz;6.7 oz",
        listed="254",
    ),
    measure(
        "driver_size",
        "Driver Size",
        "The 'Driver Size' attribute is the diameter of the loudspeaker, in millimetres.",
        "driver;drivers;单元尺寸;喇叭直径",
        "mmn",
        NUMBER,
        "6 mmn;10 mmn;11 mmn;30 mmn;40 mmn;50 mmn",
        listed="40",
    ),
    color("Black White Blue Pink Green Beige Silver"),
    model_number(),
)

LINES = (
    Line(
        "Lumora",
        "Drift 3",
        "LD3",
        129,
        "en",
        6,
        "color=Black, White, Blue, Green, Pink, Beige; wearing_style=Over-Ear; connectivity=Bluetooth+3.5 mm Jack;"
        "driver_size=40 mmn; weight=254 g; battery_life=40 h",
    ),
    Line(
        "Okavi",
        "Pip",
        "OKP",
        49,
        "en",
        5,
        "color=White, Black, Pink, Blue, Green; wearing_style=In-Ear; connectivity=Bluetooth; driver_size=10 mmn; weight=10 g; battery_life=6 h",
    ),
    Line(
        "Fernhill Sound",
        "Studio 50",
        "FS-50",
        179,
        "en",
        2,
        "color=Black, Silver; wearing_style=Over-Ear; connectivity=3.5 mm Jack; driver_size=50 mmn;"
        "noise_control=Passive Isolation; weight=9.2 oz; battery_life=-",
    ),
    Line(
        "Nordlund",
        "Strand Open",
        "NSO",
        99,
        "en",
        3,
        "color=Black, Green, Beige; wearing_style=Open-Ear; connectivity=Bluetooth; weight=48 g; noise_control=-;"
        "driver_size=11 mmn; battery_life=8 h",
    ),
    Line(
        "Tingyu",
        "静界 Pro",
        "TY-J",
        599,
        "zh",
        5,
        "color=Black, White, Blue, Beige, Green; wearing_style=Over-Ear; connectivity=Bluetooth+USB-C; driver_size=40 mmn; weight=254 g;"
        "noise_control=Hybrid Noise Cancelling; battery_life=60 h",
    ),
    Line(
        "Tingyu",
        "小雨点",
        "TY-X",
        159,
        "zh",
        4,
        "color=White, Pink, Green, Black; wearing_style=In-Ear; connectivity=Bluetooth; weight=10 g; driver_size=11 mmn; battery_life=8 h",
    ),
    Line(
        "Okavi",
        "Ranger 7",
        "OKR7",
        89,
        "mix",
        2,
        "color=Black, White; wearing_style=Over-Ear; connectivity=2.4 GHz Dongle+3.5 mm Jack; driver_size=50 mmn; weight=228 g; battery_life=20 h",
    ),
    Line(
        "Lumora",
        "Hush Kids",
        "LHK",
        39,
        "en",
        1,
        "color=Blue; wearing_style=On-Ear; connectivity=3.5 mm Jack; driver_size=30 mmn; weight=6.7 oz; battery_life=-; noise_control=Passive Isolation",
    ),
    Line(
        "Fernhill Sound",
        "Note",
        "FN",
        24,
        "en",
        1,
        "color=White; wearing_style=In-Ear; connectivity=USB-C; driver_size=6 mmn; weight=10 g; battery_life=-",
    ),
    Line(
        "Tingyu",
        "自由跑",
        "TY-Z",
        269,
        "zh",
        1,
        "color=Black; wearing_style=Open-Ear; connectivity=Bluetooth; weight=48 g; noise_control=-; battery_life=8 h; driver_size=-",
    ),
)

EN = Phrases(
    titles=(
        "{brand} {model_name} {wearing_style} Headphones with {noise_control}, {color}",
        "{brand} {model_name} {wearing_style} Headphones - {color}",
        "{brand} {model_name} {connectivity} {wearing_style} Headset, {battery_life|adj} Playtime, {color}",
        "{color} {wearing_style} Headphones {brand} {model_name} {driver_size} Drivers",
        "{brand} {model_name} Earphones {model_number} {color}",
    ),
    sentences=(
        "{a wearing_style} design spreads the pressure evenly.",
        "Wearing style: {wearing_style}.",
        "Connects by {connectivity}.",
        "Use them with {connectivity}.",
        "{noise_control} keeps the train outside.",
        "Thanks to {noise_control} you hear the music, not the office.",
        "One charge lasts up to {battery_life}.",
        "Up to {battery_life} of listening, and the case adds more.",
        "They weigh just {weight}.",
        "Tuned {driver_size} drivers give a warm, even tone.",
        "Each side has {a driver_size|adj} dynamic driver.",
        "Colour of this set: {color}.",
        "Model: {model_number}.",
    ),
    intros=(
        "{brand} {model_name}: music the way it was mixed.",
        "Comfort first, then sound, then looks.",
        "Made for long calls and longer playlists.",
    ),
    outros=(
        "Comes with a soft pouch and spare cushions.",
        "The microphone mutes with one touch.",
        "Ear pads can be replaced without tools.",
    ),
)
ZH = Phrases(
    titles=(
        "{brand} {model_name} {wearing_style}{noise_control}耳机 {color}",
        "{brand}{model_name}{connectivity}耳机 {wearing_style} 长续航{battery_life} {color}",
        "{brand} {model_name} {wearing_style}耳机 {color} {model_number}",
        "{brand} {model_name} {wearing_style}运动耳机 {color}",
    ),
    sentences=(
        "{wearing_style}设计，久戴不压耳。",
        "支持{connectivity}连接。",
        "{noise_control}，地铁里也安静。",
        "单次充电可用{battery_life}。",
        "净重{weight}，轻若无物。",
        "{driver_size}动圈单元，声音饱满。",
        "颜色：{color}。",
        "型号{model_number}。",
    ),
    intros=("{brand}{model_name}，听见细节。", "通勤、运动、学习都适合的耳机。", "好声音，戴得住。"),
    outros=("附赠收纳袋和备用耳塞。", "通话清晰，一键静音。", "耳罩可拆洗更换。"),
)

CATEGORY = Category(
    "headphones",
    "Headphones",
    "phones_and_audio",
    "Headphones, earphones and headsets.",
    ("earphones", "earbuds", "headset", "耳机", "耳麦"),
    KEYS,
    ("color",),
    LINES,
    EN,
    ZH,
)
