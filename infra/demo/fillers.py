"""Sentences and attributes that state no fact of any key, and the decorations of shop titles."""

from __future__ import annotations

from typing import Final

FILLERS: Final[dict[str, tuple[str, ...]]] = {
    "en": (
        "Ships from our own warehouse within two working days.",
        "Free returns within four weeks, no questions asked.",
        "Photos were taken in daylight; screens may show shades differently.",
        "Questions? Our support team answers on weekdays.",
        "Sold and shipped by the maker's official store.",
        "Please confirm the variant before you order.",
        "Gift wrapping is available at checkout.",
        "Thank you for supporting an independent shop!",
        "Box contents may vary slightly by market.",
        "Over 3,000 customers have left a review.",
    ),
    "zh": (
        "现货当天发出，偏远地区除外。",
        "支持七天无理由退换，运费险已赠送。",
        "实物拍摄，因显示器不同会有轻微色差，以实物为准。",
        "有任何问题请联系在线客服。",
        "官方旗舰店直营，正品保证。",
        "下单前请确认所选规格。",
        "节假日发货可能延迟，敬请谅解。",
        "收藏店铺可领优惠券，满减活动进行中。",
        "老客户回购率很高，评价超过三千条。",
    ),
}
ATTRIBUTE_FILLERS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "en": (
        ("Condition", "New"),
        ("Ships From", "Local warehouse"),
        ("Returns", "30 days"),
        ("Listing type", "Fixed price"),
        ("Gift wrap", "Yes"),
        ("Misc", "N/A"),
        ("Note", "see pictures"),
    ),
    "zh": (
        ("成色", "全新"),
        ("发货地", "本地仓"),
        ("售后服务", "七天无理由"),
        ("是否礼盒", "否"),
        ("其他", "见详情"),
        ("备注", "无"),
    ),
}

TITLE_PREFIXES: Final[dict[str, tuple[str, ...]]] = {
    "en": ("🔥 ", "✨NEW✨ ", "[Official Store] ", "⚡ HOT DEAL ⚡ ", "★★★ "),
    "zh": ("【官方正品】", "🔥爆款 ", "【包邮】", "✨新品✨", "限时特惠！"),
}
TITLE_SUFFIXES: Final[dict[str, tuple[str, ...]]] = {
    "en": (" 🚚 Fast Shipping", " - Best Price!!!", " | Gift Idea 🎁", " (NEW)", " ✅"),
    "zh": (" 顺丰包邮", " 送礼自用🎁", "（全新）", " 现货速发", "✅"),
}
JUNK_VALUES: Final[dict[str, tuple[str, ...]]] = {
    "en": ("N/A", "see description", "Other", "-", "null"),
    "zh": ("见详情", "其他", "无", "-", "默认"),
}
