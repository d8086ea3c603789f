"""Storage drives: keys, lines and sentences of the demo catalog."""

from infra.demo.keys import EXPAND_NAMES, brand, count, enumerated, free, measure, model_number
from infra.demo.model import Category, Line, Phrases
from infra.demo.units import EXPANSION, NUMBER

KEYS = (
    brand("""
        Corvid Data|Corvid|鸦存
        Tessera||泰瑟
        Packrat Storage|Packrat|
        Shifang|Shi Fang|石方
    """),
    free(
        "series",
        "Series",
        "The 'Series' attribute is the maker's name for the line of drives.",
        "product series;系列;产品系列",
        listed="Vault Classic;Rook",
    ),
    enumerated(
        "drive_type",
        "Drive Type",
        "The 'Drive Type' attribute is the kind of storage device.",
        "type;storage type;硬盘类型;类型",
        """
        Solid State Drive|SSD|固态硬盘;SSD固态
        Hard Disk Drive|HDD;hard drive|机械硬盘;HDD
        USB Flash Drive|thumb drive;USB stick|U盘;闪存盘
        Memory Card|microSD card;SD card|存储卡;内存卡
        """,
        norm=EXPAND_NAMES,
    ),
    measure(
        "capacity",
        "Capacity",
        "The 'Capacity' attribute is the amount of data that the drive stores.",
        "size;storage capacity;容量;存储容量",
        "GB TB",
        EXPANSION,
        "64 GB;128 GB;256 GB;500 GB;512 GB;1 TB;2 TB;4 TB;8 TB;16 TB",
        listed="1 Terabytes;2 Terabytes;256 Gigabytes",
    ),
    enumerated(
        "interface",
        "Interface",
        "The 'Interface' attribute is the connection between drive and computer.",
        "connection;bus;接口;接口类型",
        """
        SATA III|SATA 6Gb/s;SATA3;SATA|SATA3接口;SATA接口
        PCIe 4.0 NVMe|NVMe Gen4;PCIe Gen4 x4;NVMe PCIe 4.0|NVMe协议PCIe4.0;PCIe 4.0接口
        USB 3.2|USB 3.2 Gen 2;USB 3.2 Gen2|USB3.2接口;USB 3.2高速
        SAS|Serial Attached SCSI;SAS 12Gb/s|SAS接口
        UHS-I|UHS-I U3;UHS 1|UHS-I高速
        """,
        lower=False,
    ),
    enumerated(
        "form_factor",
        "Form Factor",
        "The 'Form Factor' attribute is the standard size class of the drive.",
        "size class;规格;尺寸规格;外形",
        """
        M.2 2280|M.2;2280 M.2|M.2 2280规格;M.2接口
        2.5 inch|2.5";2.5-inch SFF;SFF|2.5英寸;2.5寸
        3.5 inch|3.5";3.5-inch LFF;LFF|3.5英寸;3.5寸
        Portable|pocket-size;palm-size|便携式;移动式
        """,
        lower=False,
    ),
    measure(
        "read_speed",
        "Read Speed",
        "The 'Read Speed' attribute is the greatest sequential read rate, in megabytes per second.",
        "max read;sequential read;读取速度;读速",
        "MB/s",
        NUMBER,
        "150 MB/s;200 MB/s;550 MB/s;560 MB/s;1050 MB/s;2000 MB/s;5000 MB/s;7400 MB/s",
        listed="550",
    ),
    count(
        "rotational_speed",
        "Rotational Speed",
        "The 'Rotational Speed' attribute is the number of turns of a hard disk in a minute.",
        "spindle speed;RPM;转速",
        """
        5400|5400 RPM;5400rpm;5.4K RPM|5400转;5400转/分
        7200|7200 RPM;7200rpm;7.2K|7200转;7200转/分
        10000|10K RPM;10,000 RPM;10K|10000转;1万转
        15000|15K RPM;15,000 RPM;15K|15000转
        """,
        listed="7200",
    ),
    measure(
        "warranty",
        "Warranty",
        "The 'Warranty' attribute is how many years the maker guarantees the drive.",
        "guarantee;质保;保修期",
        "year",
        NUMBER,
        "2 year;3 year;5 year",
    ),
    model_number("part_number", "Part Number", "P/N;MPN;部件号;料号"),
)

SSD = "rotational_speed=-; drive_type=Solid State Drive;"
LINES = (
    Line(
        "Corvid Data",
        "Rook NV4",
        "CRN",
        79,
        "en",
        4,
        SSD
        + "capacity=500 GB, 1 TB, 2 TB, 4 TB; interface=PCIe 4.0 NVMe; form_factor=M.2 2280; read_speed=7400 MB/s; warranty=5 year",
    ),
    Line(
        "Corvid Data",
        "Rook Classic",
        "CRC",
        45,
        "en",
        4,
        SSD
        + "capacity=256 GB, 512 GB, 1 TB, 2 TB; interface=SATA III; form_factor=2.5 inch; read_speed=560 MB/s; warranty=3 year",
    ),
    Line(
        "Packrat Storage",
        "Vault NAS",
        "PV",
        139,
        "en",
        4,
        "drive_type=Hard Disk Drive; capacity=2 TB, 4 TB, 8 TB, 16 TB; interface=SATA III; form_factor=3.5 inch; rotational_speed=7200; read_speed=-",
    ),
    Line(
        "Tessera",
        "Ironclad",
        "TI",
        219,
        "en",
        4,
        "drive_type=Hard Disk Drive; capacity=500 GB, 1 TB, 2 TB; rotational_speed=10000, 15000; interface=SAS; form_factor=2.5 inch; read_speed=-; warranty=5 year",
    ),
    Line(
        "Packrat Storage",
        "Acorn",
        "PA",
        12,
        "en",
        3,
        "rotational_speed=-; drive_type=USB Flash Drive; capacity=64 GB, 128 GB, 256 GB; interface=USB 3.2; form_factor=-; read_speed=150 MB/s",
    ),
    Line(
        "Shifang",
        "磐石 P7",
        "SF-P7",
        459,
        "zh",
        4,
        SSD
        + "capacity=512 GB, 1 TB, 2 TB, 4 TB; interface=PCIe 4.0 NVMe; form_factor=M.2 2280; read_speed=5000 MB/s; warranty=5 year",
    ),
    Line(
        "Shifang",
        "随行",
        "SF-SX",
        399,
        "zh",
        3,
        SSD
        + "capacity=500 GB, 1 TB, 2 TB; interface=USB 3.2; form_factor=Portable; read_speed=1050 MB/s; warranty=3 year",
    ),
    Line(
        "Shifang",
        "存山",
        "SF-CS",
        599,
        "zh",
        2,
        "drive_type=Hard Disk Drive; capacity=4 TB, 8 TB; interface=SATA III; form_factor=3.5 inch; rotational_speed=5400; read_speed=-",
    ),
    Line(
        "Corvid Data",
        "Jay microSD",
        "CJM",
        19,
        "en",
        1,
        "rotational_speed=-; drive_type=Memory Card; capacity=256 GB; interface=UHS-I; form_factor=-; read_speed=200 MB/s",
    ),
    Line(
        "Tessera",
        "Shuttle",
        "TS",
        99,
        "mix",
        1,
        SSD + "capacity=2 TB; interface=USB 3.2; form_factor=Portable; read_speed=2000 MB/s",
    ),
    Line(
        "Packrat Storage",
        "Burrow",
        "PB",
        65,
        "en",
        1,
        "drive_type=Hard Disk Drive; capacity=4 TB; interface=USB 3.2; form_factor=Portable; rotational_speed=5400; read_speed=-",
    ),
)

EN = Phrases(
    titles=(
        "{brand} {series} {capacity} {drive_type} {interface} {form_factor}",
        "{brand} {part_number} {series} {capacity} {interface} {drive_type}",
        "{brand} {series} {drive_type} - {capacity}, {interface}",
        "{part_number} {brand} {capacity} {rotational_speed} {form_factor} {interface} Drive",
        "{brand} {series} {capacity} {drive_type}, up to {read_speed}",
    ),
    sentences=(
        "{capacity} of space for backups and raw footage.",
        "Capacity: {capacity} (formatted capacity is a little lower).",
        "The {interface} interface fits current boards and older ones.",
        "Connects over {interface}.",
        "Reads at up to {read_speed}.",
        "Sequential reads reach {read_speed} in our bench.",
        "The platters spin at {rotational_speed}.",
        "Size class {form_factor}, no adapter needed.",
        "{a drive_type} made for years of daily writes.",
        "Covered by {a warranty|adj} limited warranty.",
        "Manufacturer part# {part_number}.",
    ),
    intros=(
        "{brand} {series} keeps your files where you left them.",
        "Quiet, cool and honestly specified.",
        "Part of the {series} series.",
    ),
    outros=(
        "Mounting screws are included.",
        "Cloning software can be downloaded free of charge.",
        "Always keep a second copy of what matters.",
    ),
)
ZH = Phrases(
    titles=(
        "{brand} {series} {capacity} {drive_type} {interface} {form_factor}",
        "{brand}{series}{drive_type} {capacity} {interface}",
        "{brand} {series} {capacity}大容量{drive_type} {part_number}",
    ),
    sentences=(
        "{capacity}容量，备份无压力。",
        "采用{interface}，兼容主流主板。",
        "读取速度可达{read_speed}。",
        "转速{rotational_speed}，运行安静。",
        "{form_factor}，安装简单。",
        "这是一款{drive_type}，适合长期使用。",
        "提供{warranty}质保。",
        "料号：{part_number}。",
    ),
    intros=("{brand}{series}，数据安心存。", "稳定、低温、实标。"),
    outros=("附送安装螺丝。", "提供免费数据迁移软件下载。", "重要数据请多备份。"),
)

CATEGORY = Category(
    "storage_drives",
    "Storage Drives",
    "computing",
    "Drives, sticks and cards that store data.",
    ("SSD", "hard drive", "flash drive", "硬盘", "固态硬盘", "U盘"),
    KEYS,
    ("capacity", "rotational_speed"),
    LINES,
    EN,
    ZH,
    name_key="series",
    code_key="part_number",
    code_style="{code}{digits}-{letters}1",
)
