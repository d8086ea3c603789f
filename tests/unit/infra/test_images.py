"""Loading images that strangers name: what is read, what is refused and why. Over real HTTP and real files."""

from __future__ import annotations

import asyncio
import base64
import io
import struct
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from PIL import Image

from infra.images import ImageLoader
from infra.images_decode import picture_of
from infra.images_http import is_public
from schemas.image import ImageRefused, ImageSettings, Picture

HERE = ImageSettings(
    mode="ocr", hosts=("127.0.0.1", "localhost"), private_hosts=("127.0.0.1",), timeout_s=2.0
)


def picture_bytes(
    color: str = "red", size: tuple[int, int] = (40, 30), form: str = "PNG", **more: Any
) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", size, color).save(target, form, **more)
    return target.getvalue()


def pixel(picture: Picture, at: tuple[int, int]) -> tuple[int, ...]:
    with Image.open(io.BytesIO(picture.content)) as image:
        found = image.convert("RGB").getpixel(at)
    assert isinstance(found, tuple)
    return found


def load(url: str, settings: ImageSettings) -> Picture:
    async def run() -> Picture:
        loader = ImageLoader(settings)
        try:
            return await loader.load(0, url)
        finally:
            await loader.close()

    return asyncio.run(run())


def refusal(url: str, settings: ImageSettings = HERE) -> str:
    with pytest.raises(ImageRefused) as refused:
        load(url, settings)
    return refused.value.reason


Handler = Callable[[web.Request], Coroutine[Any, Any, web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def over_http(
    handler: Handler, path: str = "/a.png", host: str = "127.0.0.1", **settings: Any
) -> Picture | str:
    """The picture at a path of a server with this handler, or the reason why not."""

    async def run() -> Picture | str:
        async with serving(handler) as port:
            allowed = {name: getattr(HERE, name) for name in HERE.__slots__} | settings
            loader = ImageLoader(ImageSettings(**allowed))
            try:
                return await loader.load(0, f"http://{host}:{port}{path}")
            except ImageRefused as refused:
                return refused.reason
            finally:
                await loader.close()

    return asyncio.run(run())


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_the_usual_formats_are_decoded(form: str) -> None:
    found = picture_of(picture_bytes("red", form=form), 3, HERE, "it")
    assert (found.number, found.width, found.height, found.media_type) == (3, 40, 30, "image/png")
    red, green, blue = pixel(found, (20, 15))
    assert red > 200 and green < 40 and blue < 40


def test_a_large_picture_is_made_small_and_keeps_its_shape() -> None:
    found = picture_of(picture_bytes(size=(4_000, 1_000)), 0, HERE, "it")
    assert (found.width, found.height) == (1_600, 400)


def test_a_picture_is_turned_upright_and_holds_nothing_but_pixels() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "secret words"
    raw = picture_bytes(size=(60, 20), form="JPEG", exif=exif)
    assert b"secret words" in raw
    found = picture_of(raw, 0, HERE, "it")
    assert (found.width, found.height) == (20, 60)
    assert b"secret words" not in found.content


def test_what_is_transparent_shows_white() -> None:
    target = io.BytesIO()
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(target, "PNG")
    assert pixel(picture_of(target.getvalue(), 0, HERE, "it"), (5, 5)) == (255, 255, 255)


def bomb(side: int) -> bytes:
    """A PNG whose header claims side x side pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 99))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not_an_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_an_image"),
        (b"<html>no such image</html>", "not_an_image"),
        (picture_bytes(size=(3, 300)), "too_small"),
        (bomb(30_000), "too_many_pixels"),
        (bomb(1_000), "broken"),
        (picture_bytes(size=(200, 200), form="JPEG")[:300], "broken"),
        (b"\0" * (HERE.max_bytes + 1), "too_large"),
    ],
)  # fmt: skip
def test_what_is_no_good_picture_is_refused_with_its_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(ImageRefused) as refused:
        picture_of(raw, 0, HERE, "it")
    assert refused.value.reason == reason


def test_a_picture_inside_its_address() -> None:
    raw = picture_bytes("blue", size=(16, 16))
    found = load(f"data:image/png;base64,{base64.b64encode(raw).decode()}", HERE)
    assert pixel(found, (8, 8)) == (0, 0, 255)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("data:image/png;base64,@@@", "bad_address"),
        ("data:text/html,<b>", "bad_address"),
        ("data:image/png,notpng", "not_an_image"),
        ("ftp://host/a.png", "scheme_not_allowed"),
        ("gopher://127.0.0.1:6379/_x", "scheme_not_allowed"),
        ("a.png", "scheme_not_allowed"),
        ("", "scheme_not_allowed"),
        ("file:a.png", "no_folder"),
    ],
)  # fmt: skip
def test_other_addresses_are_refused(url: str, reason: str) -> None:
    assert refusal(url) == reason


def test_files_are_read_below_the_stated_folder_only(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a b.png").write_bytes(picture_bytes("lime"))
    (tmp_path / "secret.png").write_bytes(picture_bytes())
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    inside = ImageSettings(mode="ocr", folder=str(folder), max_bytes=1_000)
    for url in ("file:sub/a b.png", "file:sub/a%20b.png", f"file://{folder}/sub/a%20b.png"):
        assert pixel(load(url, inside), (1, 1)) == (0, 255, 0)
    assert refusal("file:../secret.png", inside) == "outside_folder"
    assert refusal("file:%2e%2e/secret.png", inside) == "outside_folder"
    assert refusal(f"file://{tmp_path}/secret.png", inside) == "outside_folder"
    assert refusal("file:///etc/hostname", inside) == "outside_folder"
    assert refusal("file:link.png", inside) == "outside_folder"
    assert refusal("file:absent.png", inside) == "not_found"
    assert refusal("file:sub", inside) == "not_found"
    assert refusal("file:a\0b", inside) == "bad_address"
    (folder / "large.png").write_bytes(b"x" * 1_001)
    assert refusal("file:large.png", inside) == "too_large"


async def red(_: web.Request) -> web.Response:
    return web.Response(body=picture_bytes("red"), content_type="image/png")


def test_a_picture_over_http() -> None:
    found = over_http(red)
    assert isinstance(found, Picture) and pixel(found, (20, 15)) == (255, 0, 0)


@pytest.mark.parametrize(("status", "reason"), [(404, "not_found"), (410, "not_found"), (403, "http_status"), (500, "http_status")])  # fmt: skip
def test_a_bad_status_is_a_reason(status: int, reason: str) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status)

    assert over_http(handler) == reason


def test_a_body_without_end_is_cut_off() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse()
        await reply.prepare(request)
        for _ in range(10_000):
            await reply.write(b"\0" * 10_000)
        return reply

    assert over_http(endless, max_bytes=100_000) == "too_large"


def test_a_slow_server_is_not_waited_for() -> None:
    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    assert over_http(slow, timeout_s=0.3) == "timeout"


def test_redirects_are_followed_and_each_is_checked() -> None:
    async def handler(request: web.Request) -> web.Response:
        where = {"/there": "/a.png", "/in": "http://169.254.169.254/a.png", "/f": "file:///etc/passwd"}
        if request.path == "/loop":
            return web.Response(status=302, headers={"Location": "/loop"})
        if request.path in where:
            return web.Response(status=302, headers={"Location": where[request.path]})
        return await red(request)

    assert isinstance(over_http(handler, "/there"), Picture)
    assert over_http(handler, "/in") == "host_not_allowed"
    assert over_http(handler, "/in", hosts=("*",)) == "private_address"
    assert over_http(handler, "/f") == "bad_address"
    assert over_http(handler, "/loop") == "redirect_loop"


def test_our_own_network_is_closed_whatever_it_is_called() -> None:
    """The server is there and would answer; only the configuration opens it."""
    assert over_http(red, private_hosts=()) == "host_not_allowed", "its port is no web port"
    closed = ImageSettings(mode="ocr", hosts=("*",), timeout_s=2.0)
    names = ("127.0.0.1", "localhost", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.8")
    assert {name: refusal(f"http://{name}/a.png", closed) for name in names} == dict.fromkeys(
        names, "private_address"
    )


def test_a_name_that_leads_inside_is_refused_by_the_connection_itself() -> None:
    assert over_http(red, host="localhost", private_hosts=("127.0.0.1",)) == "host_not_allowed"
    assert isinstance(over_http(red, host="localhost", private_hosts=("localhost",)), Picture)


@pytest.mark.parametrize(
    "url",
    [
        "http://user:pw@img.example/a.png",
        "http://",
        "http:///a.png",
        "https://[::1/a.png",
        "http://2130706433/a.png",
    ],
)
def test_odd_addresses_are_refused(url: str) -> None:
    assert refusal(url, ImageSettings(mode="ocr", hosts=("*",))) == "bad_address"


def test_hosts_are_named_by_configuration() -> None:
    some = ImageSettings(mode="ocr", hosts=("img.example", "*.cdn.example"))
    for host in ("other.example", "img.example.evil.test", "cdn.example", "evilcdn.example"):
        assert refusal(f"https://{host}/a.png", some) == "host_not_allowed"
    assert refusal("https://img.example/a.png", ImageSettings(mode="ocr")) == "host_not_allowed"
    # ".example" never resolves, so an allowed host is known by getting as far as the network
    assert refusal("https://a.cdn.example/a.png", some) == "unreachable"


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2606:4700::1111", True), ("172.16.3.1", False), ("192.168.0.1", False),
        ("100.64.0.1", False), ("0.0.0.0", False), ("224.0.0.1", False), ("fe80::1%eth0", False), ("fd00::1", False),
        ("2002:0a00:0001::", False), ("64:ff9b::a00:1", False), ("not an address", False),
    ],
)  # fmt: skip
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_siblings_load_a_picture_once() -> None:
    asked: list[str] = []

    async def counted(request: web.Request) -> web.Response:
        asked.append(request.path)
        return await red(request)

    async def run() -> list[Picture]:
        async with serving(counted) as port:
            loader = ImageLoader(HERE)
            found = [await loader.load(number, f"http://127.0.0.1:{port}/a.png") for number in (0, 2)]
            await loader.close()
            return found

    first, second = asyncio.run(run())
    assert asked == ["/a.png"]
    assert (first.number, second.number, first.digest) == (0, 2, second.digest)
