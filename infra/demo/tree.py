"""The category tree of the demo catalog above and around its leaves, and the scenario tags."""

from __future__ import annotations

from typing import Final

from infra.demo.categories import (
    backpacks,
    coffee,
    desk_lamps,
    headphones,
    kitchen_knives,
    laptops,
    mens_shirts,
    office_chairs,
    running_shoes,
    skin_cream,
    smartphones,
    storage_drives,
    tea,
    toothbrushes,
)
from infra.demo.model import Category

LEAVES: Final[tuple[Category, ...]] = (
    smartphones.CATEGORY,
    coffee.CATEGORY,
    running_shoes.CATEGORY,
    desk_lamps.CATEGORY,
    laptops.CATEGORY,
    tea.CATEGORY,
    mens_shirts.CATEGORY,
    office_chairs.CATEGORY,
    headphones.CATEGORY,
    skin_cream.CATEGORY,
    backpacks.CATEGORY,
    kitchen_knives.CATEGORY,
    storage_drives.CATEGORY,
    toothbrushes.CATEGORY,
)

# category_id, name, parent_id, description, synonyms; a parent stands above its children
BRANCHES: Final[tuple[tuple[str, str, str | None, str, tuple[str, ...]], ...]] = (
    (
        "electronics",
        "Electronics",
        None,
        "Devices for talking, computing and listening.",
        ("consumer electronics", "数码", "电子产品"),
    ),
    (
        "phones_and_audio",
        "Phones and Audio",
        "electronics",
        "Phones and what is worn on the ears.",
        ("手机影音",),
    ),
    (
        "computing",
        "Computing",
        "electronics",
        "Computers and their parts.",
        ("computers", "电脑", "电脑办公"),
    ),
    ("grocery", "Grocery", None, "Food and drink for the cupboard.", ("food and drink", "食品", "食品饮料")),
    ("fashion", "Fashion", None, "What one wears and carries.", ("clothing and shoes", "服饰", "服饰鞋包")),
    ("home", "Home", None, "For the house and its rooms.", ("home and living", "家居")),
    ("kitchen", "Kitchen", "home", "Tools for cooking.", ("cookware and tools", "厨房用品")),
    ("furniture_and_light", "Furniture and Light", "home", "Furniture and lamps.", ("furniture", "家具灯饰")),
    (
        "personal_care",
        "Personal Care",
        None,
        "Care for skin and teeth.",
        ("health and beauty", "个人护理", "美妆个护"),
    ),
)

# tag_id, name, description, synonyms, category_ids
TAGS: Final[tuple[tuple[str, str, str, tuple[str, ...], tuple[str, ...]], ...]] = (
    (
        "commuting",
        "Commuting",
        "On the way to work by train, bus or bicycle.",
        ("on the way to work", "daily commute", "通勤", "上下班"),
        ("headphones", "backpacks", "laptops", "mens_shirts"),
    ),
    (
        "home_office",
        "Home Office",
        "Working from home for whole days.",
        ("working from home", "WFH", "居家办公"),
        ("office_chairs", "desk_lamps", "laptops", "headphones"),
    ),
    (
        "back_to_school",
        "Back to School",
        "The start of the school or college year.",
        ("school start", "college", "开学季", "学生"),
        ("laptops", "backpacks", "desk_lamps", "storage_drives"),
    ),
    (
        "dormitory",
        "Dormitory",
        "Life in a small shared room.",
        ("dorm room", "student room", "宿舍"),
        ("desk_lamps", "coffee", "tea", "headphones"),
    ),
    (
        "morning_routine",
        "Morning Routine",
        "The first half hour of the day.",
        ("breakfast", "waking up", "早晨", "早餐"),
        ("coffee", "tea", "toothbrushes", "skin_cream"),
    ),
    (
        "bedtime",
        "Bedtime",
        "Winding down before sleep.",
        ("evening routine", "before sleep", "睡前", "晚间"),
        ("tea", "skin_cream", "toothbrushes", "desk_lamps"),
    ),
    (
        "business_travel",
        "Business Travel",
        "Short trips for work with hand luggage.",
        ("business trip", "work travel", "出差", "商务旅行"),
        ("backpacks", "laptops", "headphones", "storage_drives", "mens_shirts"),
    ),
    (
        "hiking",
        "Hiking",
        "A day or several days on foot in nature.",
        ("trekking", "outdoor walking", "徒步", "登山"),
        ("backpacks", "running_shoes", "smartphones"),
    ),
    (
        "marathon_training",
        "Marathon Training",
        "Running several times a week towards a long race.",
        ("long-distance running", "race training", "马拉松", "长跑训练"),
        ("running_shoes", "headphones"),
    ),
    (
        "gaming",
        "Gaming",
        "Playing on the computer or phone.",
        ("e-sports", "video games", "电竞", "游戏"),
        ("laptops", "headphones", "office_chairs", "storage_drives", "smartphones"),
    ),
    (
        "gift_for_parents",
        "Gift for Parents",
        "A present for mother or father.",
        ("gift for mum", "gift for dad", "送父母", "孝敬长辈"),
        ("tea", "skin_cream", "smartphones", "kitchen_knives"),
    ),
    (
        "housewarming",
        "Housewarming",
        "Moving into a new home.",
        ("new home", "moving in", "乔迁", "新居"),
        ("kitchen_knives", "desk_lamps", "coffee", "tea"),
    ),
    (
        "office_break",
        "Office Break",
        "A quarter of an hour with colleagues.",
        ("coffee break", "tea break", "下午茶", "茶歇"),
        ("coffee", "tea"),
    ),
    (
        "winter_care",
        "Winter Care",
        "Cold, dry months.",
        ("cold weather", "dry season", "秋冬", "换季护理"),
        ("skin_cream", "tea"),
    ),
    (
        "photo_backup",
        "Photo Backup",
        "Keeping family pictures safe.",
        ("archive", "backup", "照片备份", "资料备份"),
        ("storage_drives", "smartphones"),
    ),
    (
        "new_cook",
        "New Cook",
        "The first kitchen of one's own.",
        ("first kitchen", "learning to cook", "新手下厨", "厨房入门"),
        ("kitchen_knives",),
    ),
    (
        "first_phone",
        "First Phone",
        "A phone for a child or an elderly person.",
        ("phone for kids", "senior phone", "第一部手机", "老人机"),
        ("smartphones",),
    ),
    (
        "summer_wear",
        "Summer Wear",
        "Light clothing for hot days.",
        ("hot weather", "beach", "夏装", "清凉夏日"),
        ("mens_shirts", "running_shoes"),
    ),
)
