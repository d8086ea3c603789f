"""Desk lamps: keys, lines and sentences of the demo catalog."""

from infra.demo.keys import brand, color, count, enumerated, measure, model_name, model_number
from infra.demo.model import Category, Line, Phrases
from infra.demo.units import CENTIMETRES, EXPANSION, NUMBER

KEYS = (
    brand("""
        Halden|Halden Works|哈登
        Glimmerly||微光里
        Vestra Lighting|Vestra|
        Mingjian|Ming Jian|明见
    """),
    model_name("Study One;Arc 300"),
    color("Black White Silver Green Red Beige"),
    enumerated(
        "light_source",
        "Light Source",
        "The 'Light Source' attribute is the kind of lamp that gives the light.",
        "bulb type;lamp type;光源;光源类型",
        """
        LED|integrated LED;LED panel|LED;LED灯珠
        Halogen|halogen bulb|卤素灯
        Incandescent|filament bulb;Edison bulb|白炽灯;钨丝灯
        """,
        lower=False,
    ),
    measure(
        "power",
        "Power",
        "The 'Power' attribute is the electric power that the lamp draws.",
        "wattage;watts;功率;额定功率",
        "W",
        EXPANSION,
        "5 W;7 W;9 W;12 W;15 W;40 W",
        listed="9 Watts",
    ),
    measure(
        "color_temperature",
        "Color Temperature",
        "The 'Color Temperature' attribute is the colour of the light, in kelvin.",
        "CCT;light colour;色温",
        "K",
        NUMBER,
        "2700 K;3000 K;4000 K;5000 K;6500 K",
        listed="4000",
    ),
    measure(
        "luminous_flux",
        "Luminous Flux",
        "The 'Luminous Flux' attribute is the amount of light, in lumens.",
        "brightness;lumens;光通量;亮度",
        "lm",
        NUMBER,
        "320 lm;450 lm;600 lm;800 lm;1050 lm",
    ),
    measure(
        "height",
        "Height",
        "The 'Height' attribute is the height of the lamp at full stretch.",
        "max height;product height;高度;灯高",
        "cm in mm",
        CENTIMETRES,
        "38 cm;42 cm;45 cm;52 cm;17 in;22 in",
    ),
    enumerated(
        "mounting",
        "Mounting",
        "The 'Mounting' attribute tells how the lamp stands or is fixed.",
        "mount;installation;安装方式;固定方式",
        """
        Base|weighted base;table base|底座;座式
        Clamp|desk clamp;C-clamp|夹式;桌边夹
        Magnetic|-magnetic mount;magnet|磁吸;磁吸式
        Wall|-wall-mounted;wall bracket|壁挂;壁挂式
        """,
    ),
    enumerated(
        "power_source",
        "Power Source",
        "The 'Power Source' attribute lists how the lamp is fed; there can be several.",
        "powered by;供电方式;电源",
        """
        Mains|-corded;AC plug;wall plug|插电;交流电
        USB|USB powered;USB cable|USB供电;USB接口
        Rechargeable Battery|-rechargeable;built-in battery|充电式;内置电池
        """,
        multi=True,
        lower=False,
    ),
    count(
        "brightness_levels",
        "Brightness Levels",
        "The 'Brightness Levels' attribute is the number of steps in which the light can be dimmed.",
        "dimming levels;dimmer steps;亮度档位;调光档位",
        """
        3|three brightness levels;3 levels;3-step dimming|三档调光;3档亮度
        5|five brightness levels;5 levels;5-step dimming|五档调光;5档亮度
        7|seven brightness levels;7-step dimming|七档调光
        10|ten brightness levels;10-step dimming|十档调光;10档亮度
        """,
    ),
    model_number(),
)

LINES = (
    Line(
        "Halden",
        "Draughtsman",
        "HD",
        79,
        "en",
        5,
        "color=Black, White, Red, Green, Silver; light_source=LED; power=9 W; mounting=Clamp; power_source=Mains; height=52 cm; brightness_levels=5; color_temperature=4000 K",
    ),
    Line(
        "Glimmerly",
        "Moth",
        "GM",
        39,
        "en",
        4,
        "color=White, Black, Beige, Green; light_source=LED; power=5 W; mounting=Base; power_source=USB+Rechargeable Battery; height=38 cm; brightness_levels=3",
    ),
    Line(
        "Vestra Lighting",
        "Banker",
        "VB",
        65,
        "en",
        2,
        "color=Green, Red; light_source=Incandescent; power=40 W; mounting=Base; power_source=Mains; height=17 in; brightness_levels=-; color_temperature=2700 K; luminous_flux=450 lm",
    ),
    Line(
        "Vestra Lighting",
        "Arc Pro",
        "VAP",
        119,
        "en",
        4,
        "color=Black, Silver, White, Beige; light_source=LED; power=15 W; luminous_flux=1050 lm; mounting=Base; height=22 in; brightness_levels=10; color_temperature=5000 K",
    ),
    Line(
        "Mingjian",
        "护眼 S1",
        "MJ-S1",
        199,
        "zh",
        4,
        "color=White, Black, Green, Beige; light_source=LED; power=12 W; color_temperature=4000 K; mounting=Base; power_source=Mains; height=45 cm; brightness_levels=5",
    ),
    Line(
        "Mingjian",
        "宿舍灯",
        "MJ-D",
        49,
        "zh",
        4,
        "color=White, Black, Beige, Green; light_source=LED; power=5 W; mounting=Magnetic; power_source=USB+Rechargeable Battery; height=-; brightness_levels=3; luminous_flux=320 lm",
    ),
    Line(
        "Glimmerly",
        "Firefly Clip",
        "GFC",
        19,
        "en",
        1,
        "color=Black; light_source=LED; mounting=Clamp; power_source=Rechargeable Battery; power=5 W; height=-; brightness_levels=3",
    ),
    Line(
        "Halden",
        "Standard",
        "HS",
        55,
        "mix",
        1,
        "color=Silver; light_source=Halogen; power=40 W; mounting=Base; power_source=Mains; height=45 cm; brightness_levels=-",
    ),
    Line(
        "Mingjian",
        "床头月",
        "MJ-C",
        89,
        "zh",
        1,
        "color=White; light_source=LED; mounting=Wall; power_source=USB; color_temperature=3000 K; power=7 W; height=-",
    ),
    Line(
        "Vestra Lighting",
        "Beam Mini",
        "VBM",
        29,
        "en",
        1,
        "color=White; light_source=LED; mounting=Wall; power_source=Mains; power=7 W; luminous_flux=600 lm; color_temperature=3000 K",
    ),
)

EN = Phrases(
    titles=(
        "{brand} {model_name} {light_source} Desk Lamp, {power}, {color}",
        "{brand} {model_name} Desk Lamp with {mounting} Mount, {brightness_levels}, {color}",
        "{color} {light_source} Desk Lamp {brand} {model_name} {color_temperature} {power}",
        "{brand} {model_name} Reading Lamp {mounting} {color} {model_number}",
    ),
    sentences=(
        "Light source: {light_source}.",
        "Light source: {light_source}, {power}.",
        "It draws {power}.",
        "At {color_temperature} the light is kind to tired eyes.",
        "Colour temperature {color_temperature}.",
        "Gives {luminous_flux}.",
        "Brightness: {luminous_flux}.",
        "Stretched out it is {height} tall.",
        "Mounting: {mounting}.",
        "Power supply: {power_source}.",
        "It offers {brightness_levels}.",
        "The lamp is finished in {color}.",
        "Model {model_number}.",
    ),
    intros=(
        "The {model_name} by {brand} puts light on the page and nowhere else.",
        "For late letters and early mornings.",
        "A lamp that stays where you put it.",
    ),
    outros=(
        "All joints can be tightened with the key in the box.",
        "The shade stays cool to the touch.",
        "Touch control, with a memory for your last setting.",
    ),
)
ZH = Phrases(
    titles=(
        "{brand} {model_name} {light_source}台灯 {power} {color}",
        "{brand}{model_name}学习台灯 {brightness_levels} {color}",
        "{brand} {model_name} {mounting}台灯 {power_source} {color} {model_number}",
    ),
    sentences=(
        "采用{light_source}光源，无可视频闪。",
        "额定功率{power}。",
        "色温{color_temperature}，光线柔和。",
        "光通量{luminous_flux}。",
        "灯高{height}。",
        "{mounting}安装，不占桌面。",
        "供电方式：{power_source}。",
        "支持{brightness_levels}。",
        "颜色：{color}。",
        "型号：{model_number}。",
    ),
    intros=("{brand}{model_name}台灯，照亮书桌一角。", "看书写字，光线刚刚好。", "宿舍书房都适用。"),
    outros=("触控开关，记忆上次亮度。", "灯罩不烫手。", "灯臂可多角度调节。"),
)

CATEGORY = Category(
    "desk_lamps",
    "Desk Lamps",
    "furniture_and_light",
    "Lamps for desks and reading.",
    ("table lamp", "reading lamp", "台灯", "阅读灯"),
    KEYS,
    ("color",),
    LINES,
    EN,
    ZH,
)
