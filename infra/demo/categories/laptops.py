"""Laptops: keys, lines and sentences of the demo catalog."""

from infra.demo.keys import EXPAND_NAMES, brand, color, enumerated, measure, model_name, model_number
from infra.demo.model import Category, Line, Phrases
from infra.demo.units import CENTIMETRES, EXPANSION, KILOGRAMS, NUMBER

KEYS = (
    brand("""
        Brightmoor||明莫
        Tessera|Tessera Computing|泰瑟
        Keyori||科悠
        Halden|Halden Works|哈登
        Yunqi|Yun Qi|云启
    """),
    model_name("Slate 14;Orbit Air"),
    enumerated(
        "processor",
        "Processor",
        "The 'Processor' attribute is the processor series of the laptop.",
        "CPU;chip;处理器;芯片",
        """
        Intel Core i5|Core i5;i5|英特尔酷睿i5;酷睿i5;i5处理器
        Intel Core i7|Core i7;i7|英特尔酷睿i7;酷睿i7;i7处理器
        Intel Core Ultra 7|Core Ultra 7;Ultra 7|英特尔酷睿Ultra 7;酷睿Ultra 7
        AMD Ryzen 5|Ryzen 5;R5|AMD锐龙5;锐龙5;R5处理器
        AMD Ryzen 7|Ryzen 7;R7|AMD锐龙7;锐龙7;R7处理器
        Intel N100|Intel Processor N100;N100|英特尔N100;N100处理器
        """,
        norm=EXPAND_NAMES,
        lower=False,
    ),
    measure(
        "ram",
        "RAM",
        "The 'RAM' attribute is the size of the working memory.",
        "memory;内存;运行内存",
        "GB",
        EXPANSION,
        "8 GB;16 GB;32 GB",
        listed="16 Gigabytes",
    ),
    measure(
        "storage",
        "Storage",
        "The 'Storage' attribute is the size of the built-in drive.",
        "SSD;hard drive;drive capacity;硬盘容量;固态硬盘",
        "GB TB",
        EXPANSION,
        "256 GB;512 GB;1 TB;2 TB",
        listed="512 Gigabytes",
    ),
    measure(
        "screen_size",
        "Screen Size",
        "The 'Screen Size' attribute is the diagonal of the display.",
        "display;display size;屏幕尺寸;显示屏",
        "in cm",
        CENTIMETRES,
        "13.3 in;14 in;15.6 in;16 in;17.3 in",
        listed="39.6",
    ),
    measure(
        "refresh_rate",
        "Refresh Rate",
        "The 'Refresh Rate' attribute is how often a second the screen is redrawn, in hertz.",
        "screen refresh;刷新率",
        "Hz",
        NUMBER,
        "60 Hz;90 Hz;120 Hz;165 Hz",
    ),
    measure(
        "weight",
        "Weight",
        "The 'Weight' attribute is the weight of the laptop without its charger.",
        "item weight;重量;机身重量",
        "kg lb g jin",
        KILOGRAMS,
        "0.98 kg;1.2 kg;1.36 kg;1.6 kg;3.2 lb;2.4 kg;4.1 lb",
    ),
    enumerated(
        "ports",
        "Ports",
        "The 'Ports' attribute lists the kinds of sockets of the laptop; there can be several.",
        "connections;interfaces;接口;端口",
        """
        USB-C|USB Type-C;Type-C|USB-C接口;Type-C接口
        USB-A|USB Type-A;full-size USB|USB-A接口
        HDMI|HDMI output|HDMI接口
        Thunderbolt 4|TB4|雷电4;雷电4接口
        Ethernet|RJ45;LAN|网线口;RJ45网口
        SD Card Slot|SD card reader|SD读卡器;SD卡槽
        """,
        multi=True,
        lower=False,
    ),
    enumerated(
        "operating_system",
        "Operating System",
        "The 'Operating System' attribute is the system that is installed on delivery.",
        "OS;system;操作系统;预装系统",
        """
        Windows 11 Home|Win 11 Home;Win11 Home|Windows 11家庭版;Win11家庭版
        Windows 11 Pro|Win 11 Pro;Win11 Pro|Windows 11专业版;Win11专业版
        Linux|Ubuntu Linux;+Linux preinstalled|Linux系统
        ChromeOS|Chrome OS|ChromeOS系统
        """,
        norm=EXPAND_NAMES,
        lower=False,
    ),
    color("Black Silver Gray Blue"),
    model_number("part_number", "Part Number", "P/N;MPN;部件号;料号"),
)

LINES = (
    Line(
        "Brightmoor",
        "Slate 15",
        "BM15",
        799,
        "en",
        6,
        "operating_system=Windows 11 Home; storage=512 GB, 1 TB; ram=8 GB, 16 GB; color=Silver, Gray; screen_size=15.6 in; processor=Intel Core i5; weight=1.6 kg",
    ),
    Line(
        "Tessera",
        "Vertex G3",
        "TV-G3",
        1499,
        "en",
        5,
        "operating_system=Windows 11 Pro; storage=1 TB, 2 TB; ram=16 GB, 32 GB; color=Black, Gray; screen_size=17.3 in; processor=Intel Core i7;"
        "refresh_rate=165 Hz; weight=2.4 kg; ports=USB-A+HDMI+Ethernet",
    ),
    Line(
        "Keyori",
        "Orbit 13",
        "KO13",
        999,
        "en",
        4,
        "operating_system=Windows 11 Home; storage=512 GB, 1 TB; ram=16 GB; color=Silver, Blue; screen_size=13.3 in; processor=Intel Core Ultra 7; weight=0.98 kg; ports=USB-C+Thunderbolt 4",
    ),
    Line(
        "Halden",
        "Fieldbook",
        "HF",
        649,
        "en",
        3,
        "storage=256 GB, 512 GB; ram=8 GB, 16 GB; color=Black; operating_system=Linux; processor=AMD Ryzen 5; weight=3.2 lb; screen_size=14 in",
    ),
    Line(
        "Yunqi",
        "晨光 14",
        "YQ-C14",
        4599,
        "zh",
        6,
        "operating_system=Windows 11 Home; storage=512 GB, 1 TB; ram=16 GB, 32 GB; color=Silver, Gray; screen_size=14 in; processor=AMD Ryzen 7; weight=1.36 kg",
    ),
    Line(
        "Yunqi",
        "星图 16",
        "YQ-X16",
        6999,
        "zh",
        4,
        "operating_system=Windows 11 Pro; storage=1 TB, 2 TB; ram=16 GB, 32 GB; color=Black; screen_size=16 in; processor=Intel Core i7; refresh_rate=120 Hz; weight=2.4 kg",
    ),
    Line(
        "Brightmoor",
        "Pupil 11",
        "BP11",
        249,
        "en",
        1,
        "storage=256 GB; ram=8 GB; processor=Intel N100; operating_system=ChromeOS; weight=1.2 kg; screen_size=13.3 in",
    ),
    Line(
        "Halden",
        "Fieldbook Pro",
        "HFP",
        1199,
        "mix2",
        1,
        "operating_system=Linux; storage=1 TB; ram=32 GB; processor=AMD Ryzen 7; weight=4.1 lb",
    ),
    Line(
        "Tessera",
        "Quill",
        "TQ",
        879,
        "en",
        1,
        "operating_system=Windows 11 Pro; storage=512 GB; ram=16 GB; processor=Intel Core i5; weight=1.36 kg; color=Blue",
    ),
)

EN = Phrases(
    titles=(
        "{brand} {model_name} Laptop - {processor}, {ram} RAM, {storage} SSD, {color}",
        "{brand} {model_name} {screen_size|adj} Notebook {processor} {ram}/{storage} {color} [{part_number}]",
        "{screen_size|adj} {brand} {model_name} Laptop PC | {processor} | {ram} Memory | {storage} Drive | {color}",
        "{brand} {model_name} Notebook Computer {color} {ram} {storage} {operating_system}",
    ),
    sentences=(
        "The {processor} handles spreadsheets and a dozen browser tabs without fan noise.",
        "Inside works {a processor} with {ram} of memory.",
        "Memory: {ram}, soldered.",
        "{a storage|adj} solid-state drive boots in seconds.",
        "Files live on a fast {storage} SSD.",
        "The matte {screen_size|adj} screen refreshes at {refresh_rate}.",
        "{a screen_size|adj} anti-glare display is easy on the eyes.",
        "It weighs {weight}, so it travels well.",
        "Weight without charger: {weight}.",
        "Connect your desk through {ports}.",
        "Sockets on the sides: {ports}.",
        "It arrives with {operating_system} installed.",
        "The aluminium lid is {color}.",
        "Part number {part_number}.",
    ),
    intros=(
        "The {brand} {model_name} is built for lectures, trains and kitchen tables.",
        "A dependable notebook with a keyboard you will enjoy.",
        "{model_name}: quiet, tidy, repairable.",
    ),
    outros=(
        "The hinge opens flat and the keyboard is backlit.",
        "A sleeve is not included.",
        "The battery can be changed with a common screwdriver.",
    ),
)
ZH = Phrases(
    titles=(
        "{brand} {model_name} 笔记本电脑 {processor} {ram} {storage} {color}",
        "{brand}{model_name}轻薄本 {screen_size} {processor} {ram}+{storage} {color}",
        "{brand} {model_name} {screen_size}办公笔记本 {ram}内存 {storage}固态 {color}",
    ),
    sentences=(
        "搭载{processor}，办公剪辑都流畅。",
        "{ram}内存，多开网页不卡顿。",
        "{storage}固态硬盘，开机只需几秒。",
        "{screen_size}防眩光屏，久看不累。",
        "屏幕刷新率{refresh_rate}，画面顺滑。",
        "整机重{weight}，出差携带方便。",
        "配备{ports}。",
        "预装{operating_system}，开箱即用。",
        "机身为{color}，金属质感。",
        "料号{part_number}。",
    ),
    intros=("{brand}{model_name}笔记本，学习办公好搭档。", "安静、轻便、耐用的一台电脑。"),
    outros=("键盘带背光，手感舒适。", "不含电脑包和鼠标。", "学生凭证件购买可享优惠。"),
)

CATEGORY = Category(
    "laptops",
    "Laptops",
    "computing",
    "Portable computers with keyboard and screen.",
    ("notebook", "notebook computer", "笔记本电脑", "笔记本", "轻薄本"),
    KEYS,
    ("color", "storage", "ram"),
    LINES,
    EN,
    ZH,
    code_key="part_number",
    code_style="{code}.{digits}{letters}",
)
