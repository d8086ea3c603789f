"""Smartphones: keys, lines and sentences of the demo catalog."""

from infra.demo.keys import brand, color, count, enumerated, measure, model_name, model_number
from infra.demo.model import Category, Line, Phrases
from infra.demo.units import CENTIMETRES, EXPANSION

KEYS = (
    brand("""
        Nordlund||诺德兰
        Keyori|Keyori Mobile|科悠
        Velanto||维蓝托
        Shanlan|Shan Lan|山岚
        Oxbridge Mobile|Oxbridge|
    """),
    model_name("N5 Lite;Vela 3"),
    color("Black White Blue Green Purple Gray"),
    measure(
        "storage",
        "Storage",
        "The 'Storage' attribute is the built-in memory for apps, photos and files, not the RAM.",
        "storage capacity;ROM;internal memory;存储容量;机身内存",
        "GB TB",
        EXPANSION,
        "64 GB;128 GB;256 GB;512 GB;1 TB",
        listed="128 Gigabytes;256 Gigabytes",
    ),
    measure(
        "ram",
        "RAM",
        "The 'RAM' attribute is the working memory of the phone.",
        "memory;运行内存",
        "GB",
        EXPANSION,
        "4 GB;6 GB;8 GB;12 GB",
        listed="8 Gigabytes",
    ),
    measure(
        "screen_size",
        "Screen Size",
        "The 'Screen Size' attribute is the diagonal of the display.",
        "display size;screen;屏幕尺寸;屏幕",
        "in cm",
        CENTIMETRES,
        "5.4 in;6.1 in;6.4 in;6.6 in;6.7 in;6.8 in",
        listed="15.5",
    ),
    enumerated(
        "display_type",
        "Display Type",
        "The 'Display Type' attribute is the panel technology of the screen.",
        "panel;screen type;屏幕材质;面板类型",
        """
        OLED|+organic LED|OLED屏;有机发光屏
        AMOLED|Active-Matrix OLED|AMOLED屏
        LCD|IPS LCD;liquid crystal|LCD屏;液晶屏
        E Ink|electronic paper;e-paper|墨水屏;电子纸
        """,
        lower=False,
    ),
    measure(
        "battery_capacity",
        "Battery Capacity",
        "The 'Battery Capacity' attribute is the charge that the battery holds.",
        "battery;电池容量",
        "mAh",
        EXPANSION,
        "3300 mAh;4000 mAh;4500 mAh;5000 mAh;5500 mAh;6000 mAh",
    ),
    count(
        "sim_slots",
        "SIM Slots",
        "The 'SIM Slots' attribute is the number of SIM cards that the phone takes.",
        "SIM;number of SIMs;SIM卡数量;卡槽",
        """
        1|~single SIM;1 SIM slot|~单卡;1个卡槽
        2|~dual SIM;~two SIM cards;2 SIM slots|~双卡双待;~双卡;2个卡槽
        """,
    ),
    enumerated(
        "network",
        "Network",
        "The 'Network' attribute is the newest mobile network generation that the phone supports.",
        "mobile network;connectivity;网络类型;网络制式",
        "5G||5G;5G全网通\n4G|4G LTE;LTE|4G;4G全网通",
        lower=False,
    ),
    enumerated(
        "features",
        "Features",
        "The 'Features' attribute lists notable functions of the phone; there can be several.",
        "special features;functions;功能;特色功能",
        """
        NFC|near-field communication|NFC;近场支付
        Wireless Charging|Qi charging|无线充电
        Water Resistance|-water resistant;IP68;IP67|防水;防尘防水
        Fast Charging|quick charge;fast charge|快充;超级快充
        Fingerprint Reader|fingerprint sensor;fingerprint unlock|指纹解锁;屏下指纹
        Stereo Speakers|dual stereo speakers|立体声扬声器;双扬声器
        """,
        multi=True,
    ),
    model_number(),
)

LINES = (
    Line(
        "Nordlund",
        "N7 Pro",
        "NX7",
        699,
        "en",
        6,
        "storage=128 GB, 256 GB, 512 GB; color=Black, White, Blue; screen_size=6.7 in; display_type=OLED; ram=8 GB; network=5G",
    ),
    Line(
        "Keyori",
        "Pebble Mini",
        "KP-M",
        329,
        "en",
        5,
        "storage=64 GB, 128 GB; color=Green, White, Black; screen_size=5.4 in; display_type=LCD; ram=4 GB; network=4G",
    ),
    Line(
        "Velanto",
        "Aria 12",
        "VA12",
        549,
        "en",
        4,
        "storage=128 GB, 256 GB; color=Purple, Gray, Blue; display_type=AMOLED; ram=8 GB",
    ),
    Line(
        "Shanlan",
        "云峰 S3",
        "SL-S3",
        2999,
        "zh",
        6,
        "storage=256 GB, 512 GB, 1 TB; color=Black, White, Green; screen_size=6.8 in; display_type=OLED; ram=12 GB; network=5G",
    ),
    Line(
        "Shanlan",
        "清风 2",
        "SL-Q2",
        1299,
        "zh",
        4,
        "storage=64 GB, 128 GB; color=Blue, Gray; display_type=LCD; network=4G; ram=6 GB",
    ),
    Line(
        "Oxbridge Mobile",
        "Folio Ink",
        "OX-FI",
        279,
        "en",
        2,
        "storage=64 GB, 128 GB; color=Black; display_type=E Ink; ram=4 GB; network=4G; screen_size=6.1 in",
    ),
    Line(
        "Keyori",
        "Boulder XT",
        "KB-XT",
        459,
        "mix",
        3,
        "storage=128 GB; color=Black, Green, Gray; features=Water Resistance+NFC; battery_capacity=6000 mAh; ram=6 GB",
    ),
    Line("Velanto", "Aria Go", "VAG", 189, "en", 1, "storage=64 GB; ram=4 GB; display_type=LCD; network=4G"),
    Line(
        "Nordlund", "N5 Fjord", "NX5", 399, "en", 1, "storage=128 GB; ram=6 GB; display_type=OLED; network=5G"
    ),
    Line(
        "Shanlan",
        "远山 Max",
        "SL-YM",
        3499,
        "zh",
        1,
        "storage=512 GB; ram=12 GB; display_type=AMOLED; network=5G",
    ),
)

EN = Phrases(
    titles=(
        "{brand} {model_name} {network} Smartphone, {storage}, {color}",
        "{brand} {model_name} Smartphone {storage} {ram} RAM - {color} ({model_number})",
        "{brand} {model_name} {storage} Mobile Phone with {screen_size|adj} {display_type} Display, Unlocked, {color}",
        "Unlocked {brand} {model_name} {color} {storage} {sim_slots} Cell Phone",
    ),
    sentences=(
        "The {screen_size|adj} {display_type} screen stays readable in bright sun.",
        "It has {a display_type} panel with thin bezels.",
        "The display measures {screen_size} across.",
        "With {ram} of RAM, apps open without a pause.",
        "There is {storage} of storage for photos and offline maps.",
        "{ram} RAM and {storage} of internal storage leave room to grow.",
        "{a battery_capacity|adj} battery carries it through a long day.",
        "Battery: {battery_capacity}, non-removable.",
        "Ready for {network} networks wherever you travel.",
        "SIM: {sim_slots}.",
        "It offers {features}.",
        "Highlights: {features}.",
        "The back cover comes in {color}.",
        "Model no. {model_number}.",
    ),
    intros=(
        "Meet the {brand} {model_name}, a phone that does the everyday things well.",
        "The {model_name} is made for people who want a phone, not a project.",
        "Every {brand} phone is checked by hand before it leaves us.",
        "Light in the pocket, steady in the hand.",
    ),
    outros=(
        "In the box: phone, cable and a quick guide; the charger is sold separately.",
        "Unlocked, works with every carrier.",
        "Two years of software updates are promised by the maker.",
    ),
)
ZH = Phrases(
    titles=(
        "{brand} {model_name} {network}智能手机 {storage} {color}",
        "{brand}{model_name}手机 {ram}+{storage} {screen_size}{display_type} {color}",
        "{brand} {model_name} {sim_slots}{network}手机 {color} {storage}版",
    ),
    sentences=(
        "采用{screen_size}{display_type}，阳光下依然清晰。",
        "屏幕为{display_type}，显示细腻。",
        "屏幕对角线{screen_size}，单手也能握持。",
        "{ram}运行内存，多任务切换流畅。",
        "机身存储{storage}，照片视频放心存。",
        "内置{battery_capacity}电池，重度使用也能撑一天。",
        "支持{network}网络。",
        "SIM卡：{sim_slots}。",
        "支持{features}。",
        "机身颜色为{color}。",
        "型号：{model_number}。",
    ),
    intros=("{brand}{model_name}，为日常使用而生。", "一部好用的手机，不必复杂。", "手感圆润，轻薄耐用。"),
    outros=(
        "包装内含手机、数据线和说明书，充电头需另购。",
        "全国联保，售后无忧。",
        "支持以旧换新，详情咨询客服。",
    ),
)

CATEGORY = Category(
    "smartphones",
    "Smartphones",
    "phones_and_audio",
    "Mobile phones with a touch screen and apps.",
    ("mobile phone", "cell phone", "手机", "智能手机"),
    KEYS,
    ("color", "storage"),
    LINES,
    EN,
    ZH,
)
